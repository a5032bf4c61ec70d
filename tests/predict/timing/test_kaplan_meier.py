"""Everybody's waits as a curve: by hand, and given the wait."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.predict.timing.kaplan_meier import wait_curve


def test_open_waits_leave_the_people_at_risk_and_end_nothing() -> None:
    gaps = np.zeros(40)
    gaps[10], gaps[30] = 600, 300
    curve = wait_curve(gaps, np.array([20.0]), np.array([100.0]))
    # Of 1,000 people 600 come on day 10; of the 300 left on day 30 all do.
    assert curve.within(np.zeros(1), 10)[0] == pytest.approx(0.6, abs=0.01)
    assert curve.within(np.full(1, 15.0), 14)[0] == pytest.approx(0.0, abs=0.02)
    assert curve.within(np.full(1, 15.0), 15)[0] > 0.99
    assert curve.median == 10


def test_a_curve_that_never_falls_by_half_has_no_median() -> None:
    gaps = np.array([0.0, 0.0, 1.0])
    assert wait_curve(gaps, np.array([50.0]), np.array([99.0])).median is None


def test_nothing_is_foretold_beyond_what_was_seen() -> None:
    curve = wait_curve(np.array([0.0, 5.0]), np.array([3.0]), np.array([5.0]))
    assert curve.within(np.array([1_000.0]), 30)[0] == 0
