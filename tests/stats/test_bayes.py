"""Posteriors by hand, against exact sums, and what "probably better" is worth under the prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import betaln
from scipy.stats import beta

from aimwell.errors import StatsError
from aimwell.stats.bayes import (
    Prior,
    believed_change,
    believed_share_difference,
    prior_of_campaigns,
    weak_prior,
)
from aimwell.stats.intervals import welch_means
from aimwell.stats.meta_analysis import pool
from aimwell.stats.samples import Sample
from aimwell.stats.two_means import TwoMeans


def _means(treated: float, control: float, errors: tuple[float, float]) -> TwoMeans:
    return TwoMeans(
        treated=treated,
        control=control,
        treated_variance=errors[0] ** 2,
        control_variance=errors[1] ** 2,
        covariance=0.0,
        degrees=1e9,
        method="by hand",
    )


def test_the_posterior_is_that_of_the_whole_plane_of_means_and_ratios():
    """Summed over a fine grid of both unknowns, the law that the formulas integrate by one of them."""
    means = replace(_means(21.0, 18.0, (1.4, 2.4)), covariance=0.9)
    prior = Prior(mean=0.05, deviation=0.15, words="by hand")
    logs, controls = np.meshgrid(np.linspace(-1.2, 1.3, 1_001), np.linspace(0.04, 40.0, 1_000))
    off = np.stack([21.0 - controls * np.exp(logs), 18.0 - controls])
    inverse = np.linalg.inv([[1.4**2, 0.9], [0.9, 2.4**2]])
    squares = np.einsum("iab,ij,jab->ab", off, inverse, off)
    weight = np.exp(-0.5 * squares - 0.5 * ((logs - 0.05) / 0.15) ** 2)
    weight /= weight.sum()
    change = controls * np.expm1(logs)
    order = np.argsort(change, axis=None)
    shares = np.cumsum(weight.ravel()[order])
    found = believed_change(means, prior)
    lower, upper = change.ravel()[order][np.searchsorted(shares, [0.025, 0.975])]
    assert found.difference.estimate == pytest.approx((weight * change).sum(), abs=1e-3)
    assert (found.difference.lower, found.difference.upper) == pytest.approx(
        (lower, upper), abs=0.02
    )
    assert found.better == pytest.approx(weight[change > 0].sum(), abs=3e-3)
    assert found.loss_if_sent == pytest.approx((weight * np.maximum(-change, 0)).sum(), abs=1e-3)
    assert found.loss_if_not == pytest.approx((weight * np.maximum(change, 0)).sum(), abs=1e-3)


def test_a_flat_prior_gives_the_usual_interval_and_a_sure_prior_its_share_of_the_mean():
    means = _means(21.0, 20.0, (0.4, 0.3))
    flat = believed_change(means, Prior(mean=0.0, deviation=3.0, words="flat")).difference
    usual = means.difference()
    assert (flat.lower, flat.upper) == pytest.approx((usual.lower, usual.upper), abs=0.015)
    sure = believed_change(means, Prior(mean=0.3, deviation=1e-5, words="sure")).difference
    # Each mean tells of the control mean: 20, and 21 / e^0.3 with the smaller error.
    told = np.array([20.0, 21.0 / np.exp(0.3)])
    weights = 1.0 / np.array([0.3, 0.4 / np.exp(0.3)]) ** 2
    assert sure.estimate == pytest.approx(
        np.expm1(0.3) * np.average(told, weights=weights), rel=1e-4
    )


def test_few_groups_leave_more_open_than_many():
    means, prior = _means(23.0, 20.0, (1.0, 1.0)), weak_prior()
    many = believed_change(means, prior)
    few = believed_change(replace(means, degrees=4.0), prior)
    assert few.better < many.better
    assert (
        few.difference.upper - few.difference.lower > many.difference.upper - many.difference.lower
    )


@pytest.mark.parametrize("treated", [-4.0, 0.0, 0.5, 40.0])
def test_no_measured_mean_makes_the_ratio_negative(treated: float):
    found = believed_change(_means(treated, 10.0, (6.0, 0.01)), weak_prior(1.0)).difference
    assert -10.05 < found.lower < found.estimate < found.upper


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
    weak = weak_prior()
    assert np.expm1(weak.deviation) == pytest.approx(0.2)
    assert "between \N{MINUS SIGN}17 % and +20 %" in weak.words
    pooled = pool([0.05, 0.1, 0.02, 0.08], [0.02, 0.03, 0.02, 0.025])
    prior = prior_of_campaigns(pooled)
    assert prior.mean == pytest.approx(pooled.mean.estimate)
    length = pooled.next.upper - pooled.next.lower
    assert prior.deviation == pytest.approx(length / (2 * 1.959964), rel=1e-5)
    assert "4 earlier campaigns" in prior.words
    assert "there is one campaign" in prior_of_campaigns(pool([0.1], [0.1]))
    assert "there are two" in prior_of_campaigns(pool([0.1, 0.2], [0.1, 0.1]))


def test_three_campaigns_that_happen_to_agree_are_not_taken_for_sure():
    pooled = pool([0.05, 0.051, 0.049], [0.05] * 3)
    assert pooled.between == 0.0
    assert prior_of_campaigns(pooled).deviation > 2.0 * pooled.error


def test_nothing_to_go_by_is_missing_and_nonsense_refused():
    flat = welch_means(Sample.of([1.0, 1.0]), Sample.of([2.0, 2.0]))
    found = believed_change(flat, weak_prior())
    assert found.better is None
    assert "does not vary" in found.difference.reason
    lost = believed_change(_means(3.0, -1.0, (1.0, 1.0)), weak_prior())
    assert "a share of nothing or of a loss" in lost.difference.reason
    assert "nobody" in believed_share_difference((0, 0), (1, 2)).difference.reason
    with pytest.raises(StatsError, match="Count each person once"):
        believed_share_difference((3, 2), (1, 2))
    with pytest.raises(StatsError, match="above 0"):
        Prior(mean=0.0, deviation=0.0, words="none")


@pytest.mark.parametrize("deviation", [10.0, 40.0, 200.0])
def test_a_prior_of_campaigns_that_contradict_each_other_leaves_the_figures_alone(deviation: float):
    means = _means(11.0, 10.0, (0.2, 0.22))
    found = believed_change(means, Prior(mean=0.0, deviation=deviation, words="")).difference
    plain = means.difference()
    assert found.estimate == pytest.approx(plain.estimate, abs=0.01)
    assert found.lower == pytest.approx(plain.lower, abs=0.02)
    assert found.upper == pytest.approx(plain.upper, abs=0.02)
