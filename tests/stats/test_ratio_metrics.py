"""Ratio metrics against tea-tasting 1.14.0 (RatioOfMeans, run once in an environment of its own) and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.stats.always_valid import always_valid_difference
from aimwell.stats.cuped import cuped
from aimwell.stats.ratio_metrics import ratio_difference, ratio_means
from aimwell.stats.samples import JointSample
from orders_shop import orders_shop

WITH_COVARIATE = ((0, 1), (2, 3))


def _arms(*columns):
    shop = orders_shop()
    table = np.column_stack([getattr(shop, name) for name in columns]).astype(float)
    return [JointSample.of(t[:, 0], t[:, 1:]) for t in (table[shop.treated], table[~shop.treated])]


def test_revenue_per_order_is_that_of_tea_tasting():
    treated, control = _arms("spend", "orders")
    found = ratio_difference(treated, control)
    assert found.estimate == pytest.approx(0.1275074025777556, rel=1e-9)
    assert (found.lower, found.upper) == pytest.approx(
        (-4.4472392360494055, 4.702254041204917), rel=1e-8
    )
    assert found.p_value == pytest.approx(0.9562543880716686, rel=1e-8)
    assert ratio_means(treated, control).relative().estimate == pytest.approx(0.004977256730359203)


def test_with_revenue_per_order_of_before_it_is_near_that_of_tea_tasting():
    """tea-tasting pools theta around the common mean and its p-value knows nothing of theta's own noise."""
    treated, control = _arms("spend", "orders", "spend_before", "orders_before")
    found = ratio_difference(treated, control, pairs=WITH_COVARIATE)
    assert found.estimate == pytest.approx(-0.7183006948158557, abs=0.01)
    assert (found.lower, found.upper) == pytest.approx(
        (-5.068799998052498, 3.6321986084207865), abs=0.03
    )
    plain = ratio_difference(treated, control)
    assert found.upper - found.lower < plain.upper - plain.lower


def test_over_a_denominator_that_is_one_it_is_cuped():
    shop = orders_shop()
    columns = np.column_stack([np.ones(400), shop.spend_before])
    arms = [JointSample.of(shop.spend[c], columns[c]) for c in (shop.treated, ~shop.treated)]
    plain = [
        JointSample.of(shop.spend[c], shop.spend_before[c, None])
        for c in (shop.treated, ~shop.treated)
    ]
    found = ratio_difference(*arms, pairs=((0, 1), (2, None)))
    usual = cuped(*plain)[0]
    assert (found.estimate, found.lower, found.upper) == pytest.approx(
        (usual.estimate, usual.lower, usual.upper), rel=1e-9
    )


def test_the_interval_may_be_always_valid_too():
    means = ratio_means(*_arms("spend", "orders"))
    assert "always valid" in always_valid_difference(means, fraction=0.5).method


def test_without_orders_or_people_it_is_missing_with_the_reason():
    nobody = JointSample.of(np.zeros(5), np.zeros((5, 1)))
    some = JointSample.of(np.arange(5.0), np.ones((5, 1)))
    assert "nothing to divide by" in ratio_difference(some, nobody).reason
    assert "one person" in ratio_difference(some, JointSample.of([1.0], np.ones((1, 1)))).reason


def test_it_covers_the_truth_where_orders_taken_for_people_would_not():
    rng, runs, held, naive = np.random.default_rng(1), 400, 0, 0
    for _ in range(runs):
        arms, orders_alone = [], []
        for _arm in range(2):
            taste = rng.normal(size=300)
            orders = rng.poisson(np.exp(0.5 + 0.5 * rng.normal(size=300)))
            owner = np.repeat(np.arange(300), orders)
            each = np.exp(2 + 0.8 * taste[owner] + 0.3 * rng.normal(size=len(owner)))
            spend = np.bincount(owner, each, 300)
            arms.append(JointSample.of(spend, orders[:, None].astype(float)))
            orders_alone.append(each)
        held += bool(ratio_difference(*arms).covers(0.0))
        gap = orders_alone[0].mean() - orders_alone[1].mean()
        naive += abs(gap) < 1.96 * np.sqrt(sum(o.var() / len(o) for o in orders_alone))
    assert held / runs == pytest.approx(0.95, abs=0.033)
    assert naive / runs < 0.85
