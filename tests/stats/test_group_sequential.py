"""Group-sequential designs against published tables, and coverage of what is reported after an early stop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats.group_sequential import (
    as_far,
    bounds_at,
    even_looks,
    final_interval,
    plan_looks,
    repeated_interval,
    spent,
    wang_tsiatis_bounds,
)
from aimwell.stats.stopping import Going, exits
from aimwell.stats.two_means import TwoMeans

FIVE = even_looks(5)


def _means(gap: float, variance: float, degrees: float = 1e9) -> TwoMeans:
    return TwoMeans(
        treated=gap,
        control=0.0,
        treated_variance=variance,
        control_variance=0.0,
        covariance=0.0,
        degrees=degrees,
        method="by hand",
    )


def test_bounds_are_those_of_the_published_tables():
    # Jennison and Turnbull (2000), tables 2.1 and 2.3: Pocock's constant 2.413, O'Brien and Fleming's 2.040 for five looks.
    assert wang_tsiatis_bounds(5, shape=0.0) == pytest.approx(
        (4.562, 3.226, 2.634, 2.281, 2.040), abs=1e-3
    )
    assert wang_tsiatis_bounds(5, shape=0.5) == pytest.approx((2.413,) * 5, abs=1e-3)
    assert wang_tsiatis_bounds(10, shape=0.5)[0] == pytest.approx(2.555, abs=1e-3)
    assert wang_tsiatis_bounds(2, alpha=0.01, shape=0.5)[0] == pytest.approx(2.772, abs=1e-3)
    # Lan and DeMets' functions for five looks, 2.5 % a side, as published and as common packages give them.
    assert bounds_at(FIVE, spending="obrien_fleming") == pytest.approx(
        (4.877, 3.357, 2.680, 2.290, 2.031), abs=1e-3
    )
    assert bounds_at(FIVE, spending="pocock") == pytest.approx(
        (2.438, 2.427, 2.410, 2.397, 2.386), abs=1e-3
    )


def test_one_look_is_the_fixed_test():
    assert bounds_at((1.0,), spending="pocock") == pytest.approx((1.959964,), abs=1e-6)
    plan = plan_looks((1.0,), power=0.9)
    assert plan.drift == pytest.approx(3.2415, abs=1e-4)
    assert plan.inflation == pytest.approx(1.0, abs=1e-6)
    assert (plan.expected_if_nothing, plan.expected_if_so) == (1.0, 1.0)
    found, fixed = (
        final_interval(_means(2.5, 1.0), fractions=(1.0,), bounds=(1.96,)),
        _means(2.5, 1.0).difference(),
    )
    assert (found.estimate, found.lower, found.upper, found.p_value) == pytest.approx(
        (fixed.estimate, fixed.lower, fixed.upper, fixed.p_value), rel=1e-6
    )


def test_people_needed_are_those_of_the_published_tables():
    # Jennison and Turnbull (2000), tables 2.2 and 2.4: maximum sample size over fixed, 90 % power, five looks.
    for shape, published in ((0.5, 1.207), (0.0, 1.026)):
        upper = wang_tsiatis_bounds(5, shape=shape)
        drift = 3.2415 * np.sqrt(published)
        power = exits(FIVE, [-b for b in upper], upper, drift=drift)[1].sum()
        assert power == pytest.approx(0.9, abs=1.5e-3)
    plan = plan_looks(FIVE, power=0.9, spending="pocock")
    assert 1.18 < plan.inflation < 1.22
    assert plan.expected_if_so < plan_looks(FIVE, power=0.9).expected_if_so < 0.8


def test_exits_and_what_goes_on_add_up_and_agree_with_simulation():
    upper, lower = [2.9, 2.4, 2.1], [-2.9, -0.5, 0.4]
    at, drift = (0.3, 0.55, 1.0), 1.7
    below, above = exits(at, lower, upper, drift=drift)
    going = Going.start(drift)
    for k, t in enumerate(at):
        going = going.on(lower[k], upper[k], t)
    assert below.sum() + above.sum() + going.weights.sum() == pytest.approx(1.0, abs=1e-9)
    rng, n = np.random.default_rng(3), 200_000
    steps = np.sqrt(np.diff([0.0, *at]))
    paths = (rng.normal(size=(n, 3)) * steps + drift * np.diff([0.0, *at])).cumsum(axis=1)
    z, alive = paths / np.sqrt(at), np.ones(n, dtype=bool)
    for k in range(3):
        assert (alive & (z[:, k] > upper[k])).mean() == pytest.approx(above[k], abs=0.005)
        assert (alive & (z[:, k] < lower[k])).mean() == pytest.approx(below[k], abs=0.005)
        alive &= (z[:, k] <= upper[k]) & (z[:, k] >= lower[k])


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0.05, 1.0), min_size=1, max_size=6),
    st.sampled_from(["obrien_fleming", "pocock"]),
    st.floats(0.01, 0.2),
)
def test_all_of_alpha_is_spent_whenever_the_looks_come(steps, spending, alpha):
    ends = np.cumsum(steps) / np.sum(steps)
    looks = (*ends[:-1].tolist(), 1.0)
    bounds = bounds_at(looks, alpha=alpha, spending=spending)
    below, above = exits(looks, [-b for b in bounds], bounds)
    assert (below + above).cumsum() == pytest.approx(
        [spent(t, alpha=alpha, spending=spending) for t in looks], abs=1e-7
    )


def test_futility_ends_hopeless_ones_sooner_and_keeps_power_and_alpha():
    plain, hopeless = (plan_looks(FIVE, power=0.9, futility=f) for f in (None, "obrien_fleming"))
    assert hopeless.bounds == plain.bounds
    assert hopeless.expected_if_nothing < 0.7 < plain.expected_if_nothing
    assert 1.0 < hopeless.inflation / plain.inflation < 1.1
    power = exits(FIVE, hopeless.futility, hopeless.bounds, drift=hopeless.drift)[1].sum()
    assert power == pytest.approx(0.9, abs=1e-6)
    assert hopeless.futility[-1] == hopeless.bounds[-1]


def test_the_estimate_after_an_early_stop_is_drawn_towards_zero_and_mirrors():
    bounds = bounds_at(FIVE[:2], spending="pocock")
    up = final_interval(_means(3.0, 1.0), fractions=FIVE[:2], bounds=bounds)
    down = final_interval(_means(-3.0, 1.0), fractions=FIVE[:2], bounds=bounds)
    assert 0.0 < up.estimate < 3.0
    assert (down.estimate, down.lower, down.upper) == pytest.approx(
        (-up.estimate, -up.upper, -up.lower)
    )
    assert down.p_value == up.p_value
    repeated = repeated_interval(_means(3.0, 1.0), bounds[1])
    assert repeated.upper - repeated.lower > up.upper - up.lower
    assert repeated.excludes_zero


def test_a_plan_that_makes_no_sense_is_refused():
    with pytest.raises(StatsError, match="grow"):
        bounds_at((0.5, 0.5), spending="pocock")
    with pytest.raises(StatsError, match="ends at 1"):
        plan_looks((0.5, 0.9))
    with pytest.raises(StatsError, match="not above alpha"):
        plan_looks((1.0,), power=0.04)
    with pytest.raises(StatsError, match="one look"):
        even_looks(0)
    nothing = _means(0.0, 0.0)
    assert not final_interval(nothing, fractions=(1.0,), bounds=(1.96,)).defined


def _stopped(drift: float, runs: int, seed: int):
    """Coverage of both intervals after stopping, how often it stopped, and how often the estimate is too large."""
    bounds = np.array(bounds_at(FIVE, spending="obrien_fleming"))
    rng = np.random.default_rng(seed)
    paths = (rng.normal(size=(runs, 5)) * np.sqrt(0.2) + drift * 0.2).cumsum(axis=1)
    z = paths / np.sqrt(FIVE)
    out = np.abs(z) > bounds
    last = np.where(out.any(axis=1), out.argmax(axis=1), 4)
    ends = z[np.arange(runs), last]
    # The interval holds the drift where it is not rejected, so no interval has to be searched for.
    chance = np.array(
        [
            as_far(end, fractions=FIVE[: k + 1], bounds=bounds[: k + 1], drift=drift)
            for end, k in zip(ends, last, strict=True)
        ]
    )
    held = (chance >= 0.025) & (chance <= 0.975)
    # In units in which the whole plan's standard error is 1: the true difference is the drift.
    repeated = np.abs(ends / np.sqrt(np.array(FIVE)[last]) - drift) <= (
        bounds[last] / np.sqrt(np.array(FIVE)[last])
    )
    for one in range(4):
        k = last[one]
        means = _means(float(ends[one] / np.sqrt(FIVE[k])), 1.0 / FIVE[k])
        final = final_interval(means, fractions=FIVE[: k + 1], bounds=bounds[: k + 1].tolist())
        assert final.covers(drift) == held[one]
        assert (final.estimate > drift) == (chance[one] < 0.5)
        assert repeated_interval(means, bounds[k]).covers(drift) == repeated[one]
    return held.mean(), repeated.mean(), out.any(axis=1).mean(), (chance < 0.5).mean()


@pytest.mark.parametrize(
    ("drift", "runs"),
    [
        (0.0, 200),
        (2.5, 200),
        *(pytest.param(d, 2_000, marks=pytest.mark.long) for d in (0.0, 1.5, 2.8, 4.0)),
    ],
)
def test_what_is_reported_after_stopping_covers_the_truth(drift, runs):
    final, repeated, found, too_large = _stopped(drift, runs, seed=7)
    print(
        f"\ndrift {drift}: final {final:.2%}, repeated {repeated:.2%}, found {found:.2%}, estimate above {too_large:.2%}"
    )
    noise = 3.0 * np.sqrt(0.95 * 0.05 / runs)
    assert abs(final - 0.95) <= (max(noise, 0.02) if runs > 500 else noise)
    assert repeated >= 0.95 - noise
    assert abs(too_large - 0.5) <= 1.5 / np.sqrt(runs)
    if drift == 0.0:
        assert found <= 0.05 + noise
