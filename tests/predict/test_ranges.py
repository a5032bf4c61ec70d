"""Intervals on the logarithm: exact for a power law, never below zero, never overflowing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.predict.ranges import delta_ranges, log_estimates, log_ranges


@given(value=st.floats(1e-6, 1e6), error=st.floats(0, 5), confidence=st.floats(0.01, 0.99))
def test_a_range_is_symmetric_in_the_logarithm(
    value: float, error: float, confidence: float
) -> None:
    found = log_ranges(np.array([value]), np.array([error]), confidence=confidence)
    assert 0 < found.lower[0] <= value <= found.upper[0]
    assert found.lower[0] * found.upper[0] == pytest.approx(value**2)


def test_the_delta_method_is_exact_for_a_product_of_powers() -> None:
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    value = np.array([3.0, 0.0])
    slopes = np.array([[2.0, -1.0], [0.0, 0.0]]) * 3
    found = delta_ranges(value, slopes, covariance, confidence=0.95)
    error = np.sqrt(4 * 0.04 - 2 * 2 * 0.01 + 0.09)
    assert found.upper[0] == pytest.approx(3 * np.exp(1.959964 * error))
    assert (found.lower[1], found.upper[1]) == (0, 0)


def test_what_is_not_known_at_all_does_not_overflow() -> None:
    found = log_estimates(("a",), np.ones(1), np.full((1, 1), 1e9), confidence=0.95)["a"]
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < 1e-100
    assert 1e100 < found.upper < np.inf


def test_an_impossible_confidence_is_refused() -> None:
    with pytest.raises(StatsError, match="strictly between 0 and 1"):
        log_ranges(np.ones(1), np.ones(1), confidence=95)
