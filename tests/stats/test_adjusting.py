"""Lin's regression against statsmodels' interactions, and post-stratification."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.stats.adjusting import regression_means, stratified_means
from aimwell.stats.cuped import adjusted_means, plan_adjustment
from aimwell.stats.intervals import welch
from aimwell.stats.samples import JointSample, Sample
from orders_shop import orders_shop


def _regression(treated, control):
    return regression_means(treated, control, plan_adjustment(treated, control))


def test_the_estimate_is_that_of_a_regression_with_interactions():
    shop = orders_shop()
    arms = [
        JointSample.of(shop.spend[c], shop.spend_before[c, None])
        for c in (shop.treated, ~shop.treated)
    ]
    means = _regression(*arms)
    assert means.difference().estimate == pytest.approx(4.548140588941922, rel=1e-9)  # statsmodels
    # Between least squares' own error, with one variance for both arms, and HC2; both take the covariate's mean for known.
    assert 5.324678339884794 < np.sqrt(means.variance) < 5.474521193188824


def test_it_is_shorter_than_cuped_where_the_effect_hangs_on_the_covariate_and_arms_differ_in_size():
    rng, runs, held, lengths = np.random.default_rng(1), 400, 0, []
    for _ in range(runs):
        known = rng.normal(size=600)
        treated = np.arange(600) < 500
        outcome = known + treated * (1.0 + 1.5 * known) + rng.normal(size=600)
        arms = [JointSample.of(outcome[c], known[c, None]) for c in (treated, ~treated)]
        found = _regression(*arms).difference()
        held += bool(found.covers(1.0))
        plain = adjusted_means(*arms, plan_adjustment(*arms)).difference()
        lengths.append((found.upper - found.lower, plain.upper - plain.lower))
    assert held / runs == pytest.approx(0.95, abs=0.033)
    ours, theirs = np.mean(lengths, axis=0)
    assert ours < 0.9 * theirs


def test_what_cannot_be_adjusted_says_why():
    constant = JointSample.of([1.0, 2.0, 4.0], np.ones((3, 1)))
    assert "constant" in _regression(constant, constant)
    one = JointSample.of([1.0], np.ones((1, 1)))
    assert "one person" in _regression(one, constant)
    varying = JointSample.of([1.0, 2.0, 4.0], np.array([[1.0], [2.0], [5.0]]))
    flat = JointSample.of([1.0, 2.0, 4.0], np.full((3, 1), 2.0))
    assert "does not vary in one of the arms" in _regression(varying, flat)


def test_one_stratum_is_welch():
    treated, control = Sample.of([1.0, 5.0, 2.0, 8.0]), Sample.of([0.0, 3.0, 1.0])
    found = stratified_means({"all": (treated, control)}).difference()
    plain = welch(treated, control)
    assert (found.estimate, found.lower, found.upper) == pytest.approx(
        (plain.estimate, plain.lower, plain.upper)
    )


def test_strata_of_unequal_split_are_not_confounded():
    rng, runs, held, lengths = np.random.default_rng(2), 400, 0, []
    for _ in range(runs):
        strata, everyone = {}, [[], []]
        for name, level, sizes in (("rich", 50.0, (150, 150)), ("poor", 5.0, (150, 150))):
            arms = [level + rng.normal(size=n) for n in sizes]
            arms[0] += 1.0
            strata[name] = tuple(Sample.of(arm) for arm in arms)
            for side, arm in enumerate(arms):
                everyone[side].extend(arm)
        found = stratified_means(strata).difference()
        held += bool(found.covers(1.0))
        plain = welch(*everyone)
        lengths.append((found.upper - found.lower) / (plain.upper - plain.lower))
    assert held / runs == pytest.approx(0.95, abs=0.033)
    assert np.mean(lengths) < 0.1


def test_small_strata_are_refused_and_counted():
    both = Sample.of([1.0, 2.0]), Sample.of([1.0, 3.0])
    few = Sample.of([1.0]), Sample.of([2.0, 3.0])
    assert "1 of 2 strata" in stratified_means({"a": both, "b": few})
    assert "nobody" in stratified_means({})
