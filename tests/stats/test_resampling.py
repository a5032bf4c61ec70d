"""Bootstrap intervals and the stability of clusterings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap
from sklearn.metrics import adjusted_rand_score

from aimwell.errors import StatsError
from aimwell.stats.resampling import (
    adjusted_rand_index,
    bootstrap_interval,
    stability,
    subsamples,
)

SPEND = np.random.default_rng(1).lognormal(3.0, 1.0, 60)


@pytest.mark.parametrize(("method", "theirs"), [("percentile", "percentile"), ("bca", "BCa")])
def test_intervals_agree_with_scipy_within_the_noise_of_resampling(method, theirs):
    found = bootstrap_interval(SPEND, np.mean, seed=1, method=method, resamples=9_999)
    witness = bootstrap(
        (SPEND,), np.mean, n_resamples=9_999, method=theirs, rng=np.random.default_rng(2)
    ).confidence_interval
    width = witness.high - witness.low
    assert found.estimate == pytest.approx(SPEND.mean())
    assert found.lower == pytest.approx(witness.low, abs=0.03 * width)
    assert found.upper == pytest.approx(witness.high, abs=0.03 * width)


def test_figures_that_often_tie_agree_with_scipy():
    """A share of few people meets its own value in every sixth resample; half of the ties count as below."""
    bought = np.repeat([1.0, 0.0], [7, 18])
    found = bootstrap_interval(bought, np.mean, seed=1, method="bca", resamples=9_999)
    witness = bootstrap(
        (bought,), np.mean, n_resamples=9_999, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    assert (found.lower, found.upper) == pytest.approx((witness.low, witness.high), abs=1e-12)


def test_rows_of_several_columns_are_drawn_together():
    known = np.random.default_rng(3).normal(size=80)
    rows = np.column_stack([known, 2.0 * known + 1.0])
    found = bootstrap_interval(
        rows, lambda part: float((part[:, 1] - 2 * part[:, 0]).mean() + part[:, 0].mean()), seed=1
    )
    assert found.defined
    assert found.estimate == pytest.approx(1.0 + known.mean())


def test_the_same_seed_gives_the_same_interval():
    first, again, other = (
        bootstrap_interval(SPEND, np.median, seed=s, resamples=200) for s in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_with_enough_people_the_intervals_cover_a_skewed_mean():
    rng = np.random.default_rng(5)
    covered, trials = {"percentile": 0, "bca": 0}, 300
    for seed in range(trials):
        sample = rng.gamma(1.0, 10.0, 150)
        for method in covered:
            found = bootstrap_interval(sample, np.mean, seed=seed, method=method, resamples=400)
            covered[method] += bool(found.covers(10.0))
    for method, count in covered.items():
        assert count / trials == pytest.approx(0.95, abs=0.04), method


def test_bca_moves_an_interval_that_is_off_centre():
    """The plug-in variance is biased downwards; the correction reads higher quantiles."""
    plain, corrected = (
        bootstrap_interval(SPEND, np.var, seed=1, method=method) for method in ("percentile", "bca")
    )
    assert corrected.lower > plain.lower
    assert corrected.upper > plain.upper


def test_distinct_people_among_the_drawn_leave_no_interval():
    """A resample never has as many distinct people as the people themselves: all lie on one side."""
    found = bootstrap_interval(SPEND, lambda part: float(len(np.unique(part))), seed=1)
    assert not found.defined
    assert "one side" in found.reason


@pytest.mark.parametrize(
    ("rows", "statistic", "words"),
    [
        ([1.0], np.mean, "fewer than two people"),
        ([3.0] * 9, np.mean, "never varies"),
        (
            [0.0] * 9 + [1.0],
            lambda part: np.divide(1.0, part.sum()) if part.any() else np.inf,
            "resamples",
        ),
        ([0.0] * 9, lambda _: np.nan, "not finite for these people"),
    ],
)
def test_what_cannot_be_resampled_is_missing_with_the_reason(rows, statistic, words):
    found = bootstrap_interval(rows, statistic, seed=1)
    assert not found.defined
    assert words in found.reason


def test_rows_that_are_no_numbers_and_settings_that_give_nothing_are_refused():
    with pytest.raises(StatsError, match="NaN"):
        bootstrap_interval([1.0, np.nan], np.mean, seed=1)
    with pytest.raises(StatsError, match="resamples"):
        bootstrap_interval(SPEND, np.mean, seed=1, resamples=1)
    with pytest.raises(StatsError, match="confidence"):
        bootstrap_interval(SPEND, np.mean, seed=1, confidence=1.5)


labels = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=60)


@given(labels)
def test_agreement_of_groupings_is_that_of_scikit_learn(pairs):
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if len(pairs) < 2:
        assert adjusted_rand_index(first, second) == 1.0
    else:
        expected = adjusted_rand_score(first, second)
        assert adjusted_rand_index(first, second) == pytest.approx(expected, abs=1e-12)


def test_names_of_groups_are_of_no_account_and_chance_scores_nothing():
    rng = np.random.default_rng(1)
    first = rng.integers(0, 4, 5_000)
    assert adjusted_rand_index(first, np.array(["d", "a", "c", "b"])[first]) == 1.0
    assert adjusted_rand_index(first, rng.integers(0, 4, 5_000)) == pytest.approx(0.0, abs=0.01)


def test_groupings_of_other_people_are_refused():
    with pytest.raises(StatsError, match="same people"):
        adjusted_rand_index([1, 2], [1, 2, 3])


def test_subsamples_are_distinct_people_and_repeatable():
    drawn = list(subsamples(100, share=0.3, count=5, seed=1))
    assert [len(part) for part in drawn] == [30] * 5
    for part in drawn:
        assert len(np.unique(part)) == 30
        assert (np.diff(part) > 0).all()
    again = list(subsamples(100, share=0.3, count=5, seed=1))
    assert all((one == other).all() for one, other in zip(drawn, again, strict=True))
    assert not np.array_equal(drawn[0], drawn[1])
    with pytest.raises(StatsError, match="nobody"):
        next(subsamples(3, share=0.1, count=1, seed=1))


def test_a_clustering_that_is_there_is_stable_and_one_of_noise_is_not():
    values = np.concatenate([np.zeros(100), np.full(100, 10.0)])
    real = stability(lambda rows: values[rows] > 5.0, n=200, seed=1)
    assert real.value == 1.0
    rng = np.random.default_rng(2)
    noise = stability(lambda rows: rng.integers(0, 3, len(rows)), n=200, seed=1)
    assert noise.value == pytest.approx(0.0, abs=0.05)


def test_stability_without_common_people_is_missing():
    found = stability(lambda rows: rows, n=2, share=0.5, count=2, seed=1)
    assert found.value is None
    assert "share two people" in found.reason
    with pytest.raises(StatsError, match="two at the least"):
        stability(lambda rows: rows, n=50, count=1, seed=1)
