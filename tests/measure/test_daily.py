"""Revenue per person day by day."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.measure.daily import POINTS_MAX, daily

TREATED = np.array([True, True, False])


def series(person: list[int], days: list[float], amount: list[float], length: float = 3.0):
    return daily(
        np.array(person, dtype=np.int64),
        np.array(days, dtype=np.float64),
        np.array(amount, dtype=np.float64),
        treated=TREATED,
        days_measured=length,
    )


def test_means_grow_with_each_order_of_the_day_and_returns_are_taken_off() -> None:
    points = series([0, 2, 1, 0], [0.0, 2.5, 1.0, 2.0], [10, 7, 4, -2])
    treated = [(p.day, p.mean) for p in points if p.arm == "treatment"]
    control = [(p.day, p.mean) for p in points if p.arm == "control"]
    # An order at the very end of day 1 belongs to day 2.
    assert treated == [(1.0, 5.0), (2.0, 7.0), (3.0, 6.0)]
    assert control == [(1.0, 0.0), (2.0, 0.0), (3.0, 7.0)]


def test_the_band_is_the_interval_of_the_mean() -> None:
    last = [p for p in series([0], [0.5], [10]) if p.arm == "treatment"][-1]
    # Two people with 10 and 0: standard error 5, Student's t with one degree of freedom 12.7062.
    assert (last.lower, last.upper) == pytest.approx((5 - 63.531, 5 + 63.531), abs=0.01)
    alone = [p for p in series([2], [0.5], [7]) if p.arm == "control"][-1]
    assert (alone.lower, alone.mean, alone.upper) == (7.0, 7.0, 7.0)


def test_a_part_of_a_day_is_a_step_too_and_long_windows_are_coarser() -> None:
    assert [p.day for p in series([], [], [], 2.5) if p.arm == "treatment"] == [1.0, 2.0, 2.5]
    assert [p.day for p in series([], [], [], 0.25) if p.arm == "treatment"] == [0.25]
    assert len({p.day for p in series([], [], [], 1000.0)}) <= POINTS_MAX + 1


def test_the_last_moment_counts() -> None:
    assert series([0], [3.0], [6], 3.0)[-2].mean == 3.0


def test_without_anybody_in_an_arm_it_has_no_line() -> None:
    points = daily(
        np.array([0]), np.array([0.5]), np.array([5.0]), treated=np.array([True]), days_measured=1.0
    )
    assert {p.arm for p in points} == {"treatment"}
