"""Pulling in the few largest values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats.arms import Arm
from aimwell.stats.winsor import pulled_in, winsor_limits


def test_limits_are_amounts_that_people_had_at_the_pooled_quantile():
    treated, control = Arm.of(np.arange(1.0, 81.0)), Arm.of(np.arange(81.0, 101.0))
    limits = winsor_limits(treated, control, quantile=0.95)
    # 95 of 100 people have at most 95; 95 have at least 6.
    assert (limits.low, limits.high, limits.changed) == (6.0, 95.0, 10)
    assert pulled_in(np.array([1.0, 50.0, 100.0]), limits).tolist() == [6.0, 50.0, 95.0]


def test_spend_that_is_mostly_zero_is_only_pulled_in_from_above():
    arm = Arm.of([0.0] * 90 + list(range(1, 11)))
    limits = winsor_limits(arm, Arm.of([0.0] * 100), quantile=0.99)
    assert (limits.low, limits.high, limits.changed) == (0.0, 8.0, 2)


def test_a_quantile_of_one_changes_nobody():
    arm = Arm.of([-5.0, 0.0, 1e6])
    limits = winsor_limits(arm, arm, quantile=1.0)
    assert (limits.low, limits.high, limits.changed) == (-5.0, 1e6, 0)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.floats(0.51, 1.0),
    st.integers(0, 60),
)
def test_limits_rest_on_all_people_and_not_on_who_is_where(values, quantile, cut):
    one = winsor_limits(Arm.of(values[:cut]), Arm.of(values[cut:]), quantile=quantile)
    other = winsor_limits(Arm.of(values), Arm.of([]), quantile=quantile)
    assert one == other
    assert one.low <= one.high
    assert np.mean(np.array(values) > one.high) <= 1 - quantile + 1e-9
    assert np.mean(np.array(values) < one.low) <= 1 - quantile + 1e-9


@pytest.mark.parametrize("quantile", [0.5, 0.0, 1.01, 99])
def test_a_quantile_that_would_turn_limits_over_is_refused(quantile):
    with pytest.raises(StatsError, match=r"above 0\.5"):
        winsor_limits(Arm.of([1.0]), Arm.of([2.0]), quantile=quantile)


def test_nobody_cannot_be_winsorised():
    with pytest.raises(StatsError, match="Nobody"):
        winsor_limits(Arm.of([]), Arm.of([]), quantile=0.99)
