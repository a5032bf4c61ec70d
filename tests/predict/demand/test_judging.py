"""Shares of intervals that held: where all series agree the interval still has a width."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.predict.demand.judging import share_of_series


def test_where_all_intervals_held_it_is_not_known_that_all_will() -> None:
    found = share_of_series(np.ones(8))
    assert (found.estimate, found.upper) == (1.0, 1.0)
    # Wilson: 8 of 8 tell no more than 8 / (8 + 1.96²).
    assert found.lower == pytest.approx(8 / (8 + 1.959964**2), abs=1e-5)
    none = share_of_series(np.zeros(8))
    assert (none.estimate, none.lower) == (0.0, 0.0)
    assert none.upper == pytest.approx(1 - (found.lower or 0))


def test_where_they_differ_the_spread_of_series_tells() -> None:
    found = share_of_series(np.array([1.0, 0.5, np.nan, 0.75, 1.0]))
    assert found.estimate == pytest.approx(0.8125)
    assert found.lower == pytest.approx(0.8125 - 1.96 * 0.2393568 / 2, abs=1e-4)
    assert share_of_series(np.array([1.0])).reason == "fewer than two series"
