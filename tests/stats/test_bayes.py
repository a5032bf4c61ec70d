"""Posteriors by hand, against exact sums, and what "probably better" is worth under the prior."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln, ndtri
from scipy.stats import beta

from aimwell.errors import StatsError
from aimwell.stats.bayes import (
    Prior,
    believed_difference,
    believed_share_difference,
    prior_of_campaigns,
    weak_prior,
)
from aimwell.stats.intervals import welch_means
from aimwell.stats.meta_analysis import pool
from aimwell.stats.samples import Sample
from aimwell.stats.two_means import TwoMeans


def _means(gap: float, error: float) -> TwoMeans:
    return TwoMeans(
        treated=gap,
        control=0.0,
        treated_variance=error**2,
        control_variance=0.0,
        covariance=0.0,
        degrees=1e9,
        method="by hand",
    )


def test_the_normal_posterior_weighs_by_precision():
    # Precisions 4 and 1: mean (4 · 1 + 1 · 0) / 5 = 0.8, deviation 1 / √5.
    found = believed_difference(_means(1.0, 0.5), Prior(mean=0.0, deviation=1.0, words="none"))
    assert found.difference.estimate == pytest.approx(0.8)
    assert found.difference.upper == pytest.approx(0.8 + ndtri(0.975) / np.sqrt(5))
    assert found.better == pytest.approx(0.963182, abs=1e-5)
    draws = np.random.default_rng(1).normal(0.8, 1 / np.sqrt(5), 400_000)
    assert found.loss_if_sent == pytest.approx(np.maximum(-draws, 0).mean(), abs=1e-3)
    assert found.loss_if_not == pytest.approx(np.maximum(draws, 0).mean(), abs=3e-3)
    assert found.loss_if_not - found.loss_if_sent == pytest.approx(0.8)


def test_a_flat_prior_gives_the_usual_interval_and_a_sure_prior_itself():
    flat = believed_difference(_means(1.0, 0.5), Prior(mean=0.0, deviation=1e6, words="flat"))
    usual = _means(1.0, 0.5).difference()
    assert (flat.difference.lower, flat.difference.upper) == pytest.approx(
        (usual.lower, usual.upper), rel=1e-6
    )
    sure = believed_difference(_means(1.0, 0.5), Prior(mean=3.0, deviation=1e-6, words="sure"))
    assert sure.difference.estimate == pytest.approx(3.0)


def test_shares_agree_with_the_exact_sum():
    """P(treated better) of Beta laws with whole parameters has a closed sum (Miller 2015)."""
    found = believed_share_difference((30, 200), (20, 210), prior=(1.0, 1.0))
    a, b, c, d = 31, 171, 21, 191
    exact = sum(
        np.exp(betaln(c + i, b + d) - np.log(b + i) - betaln(1 + i, b) - betaln(c, d))
        for i in range(a)
    )
    assert found.better == pytest.approx(exact, abs=1e-7)
    rng = np.random.default_rng(2)
    gap = rng.beta(a, b, 1_000_000) - rng.beta(c, d, 1_000_000)
    assert found.difference.lower == pytest.approx(np.quantile(gap, 0.025), abs=5e-4)
    assert found.difference.upper == pytest.approx(np.quantile(gap, 0.975), abs=5e-4)
    assert found.loss_if_sent == pytest.approx(np.maximum(-gap, 0).mean(), abs=3e-5)
    assert found.loss_if_not == pytest.approx(np.maximum(gap, 0).mean(), abs=2e-4)
    assert found.difference.estimate == pytest.approx(beta(a, b).mean() - beta(c, d).mean())


def test_of_large_arms_the_share_is_as_normal_as_its_mean():
    found = believed_share_difference((12_000, 100_000), (11_500, 100_000))
    error = np.sqrt(0.12 * 0.88 / 1e5 + 0.115 * 0.885 / 1e5)
    assert found.difference.lower == pytest.approx(0.005 - 1.96 * error, abs=2e-5)


def test_priors_say_where_they_come_from():
    weak = weak_prior(50.0)
    assert (weak.mean, weak.deviation) == (0.0, 10.0)
    assert "20 %" in weak.words
    assert "cannot be told" in weak_prior(0.0)
    pooled = pool([0.05, 0.1, 0.02, 0.08], [0.02, 0.03, 0.02, 0.025])
    prior = prior_of_campaigns(pooled, scale=50.0)
    assert prior.mean == pytest.approx(50.0 * pooled.mean.estimate)
    assert prior.deviation > 50.0 * pooled.error
    assert "4 earlier campaigns" in prior.words
    assert "one campaign" in prior_of_campaigns(pool([0.1], [0.1]))


def test_nothing_to_go_by_is_missing_and_nonsense_refused():
    flat = welch_means(Sample.of([1.0, 1.0]), Sample.of([2.0, 2.0]))
    found = believed_difference(flat, Prior(mean=0.0, deviation=1.0, words="none"))
    assert found.better is None
    assert "does not vary" in found.difference.reason
    assert "nobody" in believed_share_difference((0, 0), (1, 2)).difference.reason
    with pytest.raises(StatsError, match="Count each person once"):
        believed_share_difference((3, 2), (1, 2))
    with pytest.raises(StatsError, match="above 0"):
        Prior(mean=0.0, deviation=0.0, words="none")


def test_of_those_believed_better_so_many_are_where_the_prior_is_true():
    rng, prior = np.random.default_rng(3), Prior(mean=0.0, deviation=1.0, words="true")
    truths = rng.normal(size=4_000)
    beliefs = [
        believed_difference(_means(t + 0.7 * rng.normal(), 0.7), prior).better for t in truths
    ]
    beliefs = np.array(beliefs)
    for low, high in ((0.0, 0.2), (0.4, 0.6), (0.8, 1.0)):
        some = (beliefs >= low) & (beliefs <= high)
        assert (truths[some] > 0).mean() == pytest.approx(beliefs[some].mean(), abs=0.05)
