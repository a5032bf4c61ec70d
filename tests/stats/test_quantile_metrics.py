"""Differences of quantiles: order statistics by hand, and coverage with and without clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from aimwell.errors import StatsError
from aimwell.stats.quantile_metrics import quantile_difference, quantile_means


def test_the_standard_error_is_read_between_two_order_statistics():
    values = np.arange(1.0, 101.0)
    means = quantile_means(values, values, quantile=0.5)
    # 100 · (0.5 ± 1.96 · 0.05): the 40th and the 61st of 100, so 21 over twice 1.96.
    assert means.treated == 50.0
    assert np.sqrt(means.treated_variance) == pytest.approx(21.0 / (2 * ndtri(0.975)))
    found = quantile_difference(values + 3.0, values, quantile=0.5)
    assert found.estimate == 3.0
    assert "order statistics" in found.method


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_it_covers_the_truth_of_skewed_spend(quantile):
    rng, runs, held = np.random.default_rng(2), 600, 0
    shift = 0.2 * np.exp(ndtri(quantile))
    for _ in range(runs):
        treated, control = 1.2 * rng.lognormal(size=400), rng.lognormal(size=300)
        held += bool(quantile_difference(treated, control, quantile=quantile).covers(shift))
    assert held / runs == pytest.approx(0.955, abs=0.03)


def test_orders_of_one_person_are_not_independent():
    rng, runs, alone, together = np.random.default_rng(3), 300, 0, 0
    for _ in range(runs):
        arms = []
        for _arm in range(2):
            owner = np.repeat(np.arange(120), rng.integers(1, 9, 120))
            arms.append(
                (np.exp(rng.normal(size=120)[owner] + 0.3 * rng.normal(size=len(owner))), owner)
            )
        (treated, who), (control, whose) = arms
        alone += bool(quantile_difference(treated, control, quantile=0.5).covers(0.0))
        found = quantile_difference(
            treated, control, quantile=0.5, treated_clusters=who, control_clusters=whose
        )
        together += bool(found.covers(0.0))
    assert alone / runs < 0.85
    assert together / runs == pytest.approx(0.95, abs=0.04)


def test_what_has_no_interval_says_why():
    many = np.concatenate([np.zeros(90), np.arange(10.0)])
    assert "have the value 0" in quantile_difference(many, many, quantile=0.5).reason
    assert "too few" in quantile_difference([1, 2, 3], many, quantile=0.9).reason
    assert "under two rows" in quantile_difference([1.0], many, quantile=0.5).reason
    owner = np.zeros(100, dtype=int)
    found = quantile_difference(many, many, quantile=0.95, treated_clusters=owner)
    assert "belong to one person" in found.reason
    with pytest.raises(StatsError, match="owners"):
        quantile_difference(range(100), many, quantile=0.5, control_clusters=owner[:3])
