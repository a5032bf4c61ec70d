"""The effect on the reached against statsmodels' two-stage least squares, and coverage with a weak instrument."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.stats.reached import reached_effect
from aimwell.stats.samples import JointSample
from orders_shop import orders_shop


def _arms(outcome, reached, treated):
    flag = np.asarray(reached, dtype=float)
    return [JointSample.of(outcome[c], flag[c, None]) for c in (treated, ~treated)]


def test_the_estimate_is_that_of_two_stage_least_squares():
    shop = orders_shop()
    found = reached_effect(*_arms(shop.spend + 5 * shop.reached, shop.reached, shop.treated))
    assert found.effect.estimate == pytest.approx(13.86075866, rel=1e-7)  # statsmodels IV2SLS
    assert found.delta.estimate == pytest.approx(13.86075866, rel=1e-7)
    error = (found.delta.upper - found.delta.estimate) / 1.967
    assert error == pytest.approx(8.9220782, rel=0.05)  # the same, with one variance for both arms
    assert found.strength.value > 100
    assert found.effect.lower < found.delta.estimate < found.effect.upper


def test_where_all_treated_are_reached_and_nobody_else_it_is_the_difference():
    rng = np.random.default_rng(1)
    outcome, treated = rng.normal(size=200), np.arange(200) < 120
    found = reached_effect(*_arms(outcome, treated, treated))
    plain = outcome[treated].mean() - outcome[~treated].mean()
    assert found.effect.estimate == pytest.approx(plain)
    assert found.effect.lower == pytest.approx(found.delta.lower)
    assert found.strength.value is None
    assert found.reached_more.estimate == 1.0


def test_bounds_are_the_effects_that_are_just_not_rejected():
    shop = orders_shop()
    arms = _arms(shop.spend, shop.reached, shop.treated)
    found = reached_effect(*arms).effect
    for bound in (found.lower, found.upper):
        left = shop.spend - bound * shop.reached
        a, b = left[shop.treated], left[~shop.treated]
        t = (a.mean() - b.mean()) / np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
        assert abs(t) == pytest.approx(1.97, abs=0.01)


def test_a_hopeless_instrument_gives_no_bounds_and_says_so():
    rng = np.random.default_rng(2)
    treated = np.arange(400) < 200
    found = reached_effect(*_arms(rng.normal(size=400), rng.random(400) < 0.5, treated))
    assert "no bounds" in found.effect.reason
    assert "F = " in found.delta.reason
    nobody = reached_effect(*_arms(rng.normal(size=400), np.zeros(400), treated))
    assert "as many were reached" in nobody.effect.reason
    few = reached_effect(
        JointSample.of([1.0], np.ones((1, 1))), JointSample.of([1.0, 2.0], np.zeros((2, 1)))
    )
    assert "one person" in few.effect.reason


def test_anderson_and_rubin_hold_the_truth_also_where_few_are_reached():
    rng, runs, wrong, bounded = np.random.default_rng(3), 800, 0, 0
    for _ in range(runs):
        treated = np.arange(600) < 300
        keen = rng.normal(size=600)
        reached = treated & (keen + rng.normal(size=600) > 2.6)
        found = reached_effect(
            *_arms(2.0 * reached + keen + rng.normal(size=600), reached, treated)
        )
        if found.effect.defined:
            bounded += 1
            wrong += not found.effect.covers(2.0)
    assert wrong / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert bounded > 0
