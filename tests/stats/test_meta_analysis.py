"""Random effects on the BCG vaccine trials against metafor's published output and statsmodels 0.15.0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from aimwell.errors import StatsError
from aimwell.stats.meta_analysis import homogeneity, interaction, pool
from aimwell.stats.two_means import TwoMeans

# Colditz and others (1994): vaccinated ill and well, others ill and well; log risk ratios.
TRIALS = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
        (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892),
        (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ]
)  # fmt: skip
ILL, WELL, ILL_0, WELL_0 = TRIALS.T
EFFECTS = np.log((ILL / (ILL + WELL)) / (ILL_0 / (ILL_0 + WELL_0)))
ERRORS = np.sqrt(1 / ILL - 1 / (ILL + WELL) + 1 / ILL_0 - 1 / (ILL_0 + WELL_0))


def test_reml_on_the_bcg_trials_is_that_of_metafor():
    found = pool(EFFECTS, ERRORS)
    assert found.between == pytest.approx(0.3132, abs=1e-4)
    assert found.mean.estimate == pytest.approx(-0.7145, abs=1e-4)
    assert found.error == pytest.approx(0.1808, abs=1e-4)  # test="knha"
    assert (found.mean.lower, found.mean.upper) == pytest.approx((-1.1084, -0.3206), abs=1e-4)
    assert found.next.lower < found.mean.lower
    assert found.next.upper > 0.0 > found.mean.upper


def test_dersimonian_and_laird_on_the_bcg_trials_are_those_of_statsmodels():
    found = pool(EFFECTS, ERRORS, method="dersimonian_laird")
    assert found.between == pytest.approx(0.30876026286237634, rel=1e-9)
    assert found.mean.estimate == pytest.approx(-0.7141172220732269, rel=1e-9)
    assert found.error == pytest.approx(0.18069662833554745, rel=1e-9)  # HKSJ
    same = found.homogeneity
    assert same.q == pytest.approx(152.23300808237337, rel=1e-9)
    assert same.p_value == pytest.approx(1.996764590845891e-26, rel=1e-6)
    assert same.i_squared == pytest.approx(0.9211734685456205, rel=1e-9)


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0.05, 2)), min_size=2, max_size=12),
    st.floats(-3, 3),
)
def test_a_shift_of_all_effects_shifts_the_mean_alone(trials, shift):
    effects, errors = (np.array(column) for column in zip(*trials, strict=True))
    first, moved = pool(effects, errors), pool(effects + shift, errors)
    assert moved.mean.estimate == pytest.approx(first.mean.estimate + shift, abs=1e-5)
    assert moved.between == pytest.approx(first.between, abs=1e-5)
    assert effects.min() - 1e-9 <= first.mean.estimate <= effects.max() + 1e-9


def test_alike_effects_have_nothing_between_them():
    found = pool([0.1, 0.1, 0.1], [0.05, 0.04, 0.06])
    assert found.between == 0.0
    assert found.homogeneity.i_squared == 0.0
    # Never shorter than what the errors themselves allow: 1 / √Σ(1 / v).
    assert found.error == pytest.approx(1 / np.sqrt(sum(1 / e**2 for e in (0.05, 0.04, 0.06))))


def test_few_campaigns_say_what_is_missing():
    assert "one campaign" in pool([0.1], [0.05]).mean.reason
    assert "no campaigns" in pool([], []).mean.reason
    assert "three campaigns are needed" in pool([0.1, 0.2], [0.05, 0.05]).next.reason
    assert "one effect" in homogeneity([0.1], [0.05]).reason
    with pytest.raises(StatsError, match="above 0"):
        pool([0.1, 0.2], [0.0, 0.1])
    with pytest.raises(StatsError, match="standard errors"):
        pool([0.1, 0.2], [0.1])


def _means(gap, variance):
    return TwoMeans(
        treated=gap,
        control=0.0,
        treated_variance=variance,
        control_variance=0.0,
        covariance=0.0,
        degrees=50.0,
        method="by hand",
    )


def test_an_interaction_is_the_difference_of_two_effects():
    found = interaction(_means(3.0, 0.5), _means(1.0, 0.5)).difference()
    assert found.estimate == 2.0
    assert (found.upper - found.lower) / 2 == pytest.approx(1.984, abs=1e-3)  # t of 100 degrees
    q = homogeneity([3.0, 1.0], [0.5**0.5, 0.5**0.5]).q
    assert q == pytest.approx(2.0**2 / 1.0)


def test_intervals_of_mean_and_next_campaign_cover():
    rng, runs, held, ahead = np.random.default_rng(1), 300, 0, 0
    for _ in range(runs):
        errors = rng.uniform(0.05, 0.3, 8)
        effects = 0.1 + 0.2 * rng.normal(size=8) + errors * rng.normal(size=8)
        found = pool(effects, errors)
        held += bool(found.mean.covers(0.1))
        ahead += bool(found.next.covers(0.1 + 0.2 * rng.normal()))
    assert held / runs == pytest.approx(0.95, abs=0.038)
    assert ahead / runs == pytest.approx(0.95, abs=0.038)


def test_the_test_of_homogeneity_keeps_its_level():
    rng, runs = np.random.default_rng(2), 1_000
    errors = np.linspace(0.05, 0.3, 10)
    alarms = sum(
        homogeneity(errors * rng.normal(size=10), errors).p_value <= 0.05 for _ in range(runs)
    )
    assert alarms / runs == pytest.approx(0.05, abs=0.021)


def _dense(effects, errors, correlations):
    """Mean, its error and the variance between by the matrices of the restricted likelihood."""
    y, covariance, one = (
        np.asarray(effects),
        np.outer(errors, errors) * correlations,
        np.ones(len(effects)),
    )

    def inverse(between):
        return np.linalg.inv(covariance + between * np.eye(len(y)))

    def mean(between):
        return float(one @ inverse(between) @ y / (one @ inverse(between) @ one))

    def lost(between):
        left = y - mean(between)
        return (
            np.linalg.slogdet(covariance + between * np.eye(len(y)))[1]
            + np.log(one @ inverse(between) @ one)
            + left @ inverse(between) @ left
        )

    found = minimize_scalar(lost, bounds=(0.0, 10.0), method="bounded", options={"xatol": 1e-10})
    left = y - mean(found.x)
    spread = float(left @ inverse(found.x) @ left) / (len(y) - 1)
    return (
        mean(found.x),
        np.sqrt(max(spread, 1.0) / float(one @ inverse(found.x) @ one)),
        found.x,
    )


def test_with_correlated_errors_it_is_the_restricted_likelihood_of_the_matrices():
    rng = np.random.default_rng(4)
    root = rng.normal(size=(5, 7))
    table = root @ root.T
    scale = np.sqrt(np.diag(table))
    table = table / np.outer(scale, scale)
    effects, errors = rng.normal(1.0, 1.2, 5), rng.uniform(0.3, 0.8, 5)
    found = pool(effects, errors, correlations=table)
    mean, error, between = _dense(effects, errors, table)
    assert found.between == pytest.approx(between, rel=1e-4)
    assert found.mean.estimate == pytest.approx(mean, rel=1e-5)
    assert found.error == pytest.approx(error, rel=1e-5)
    assert "correlated errors" in found.mean.method


@pytest.mark.parametrize("method", ["reml", "dersimonian_laird"])
def test_errors_that_do_not_go_together_are_those_of_independent_campaigns(method):
    plain = pool(EFFECTS, ERRORS, method=method)
    same = pool(EFFECTS, ERRORS, correlations=np.eye(13), method=method)
    assert same.mean.estimate == pytest.approx(plain.mean.estimate, rel=1e-9)
    assert same.between == pytest.approx(plain.between, rel=1e-6)
    assert (same.next.lower, same.next.upper) == pytest.approx(
        (plain.next.lower, plain.next.upper), rel=1e-4
    )
    assert same.homogeneity.q == pytest.approx(plain.homogeneity.q)


def test_waves_with_one_holdout_are_covered_where_taking_them_for_independent_is_not():
    """Eight waves whose errors share much of the held-out people; nothing truly differs between them."""
    rng, runs = np.random.default_rng(5), 120
    table = np.full((8, 8), 0.7) + 0.3 * np.eye(8)
    half = np.linalg.cholesky(table)
    held = {"with": 0, "without": 0}
    for _ in range(runs):
        effects = half @ rng.normal(size=8)
        held["with"] += bool(pool(effects, np.ones(8), correlations=table).mean.covers(0.0))
        held["without"] += bool(pool(effects, np.ones(8)).mean.covers(0.0))
    assert held["with"] / runs > 0.9
    assert held["without"] / runs < 0.8


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (np.eye(3), "2 by 2"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), "symmetric"),
        (np.array([[2.0, 0.5], [0.5, 1.0]]), "with itself"),
        (np.array([[1.0, 1.5], [1.5, 1.0]]), "contradict"),
    ],
)
def test_tables_that_are_no_correlations_are_refused(table, words):
    with pytest.raises(StatsError, match=words):
        pool([1.0, 2.0], [1.0, 1.0], correlations=table)


def test_one_effect_told_twice_counts_once():
    found = pool([1.0, 1.0], [0.5, 0.5], correlations=np.ones((2, 2)))
    assert found.error == pytest.approx(0.5, rel=1e-3)
