"""The climb: it finds tops from bad places, is not held by saddles, and admits when there is no top."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.newton import Derivatives, maximise


def bowl(top: np.ndarray, stretch: np.ndarray) -> object:
    def derivatives(at: np.ndarray) -> Derivatives:
        away = at - top
        return float(-(stretch * away**2).sum() / 2), -stretch * away, np.diag(-stretch)

    return derivatives


@given(
    top=st.lists(st.floats(-50, 50), min_size=3, max_size=3),
    stretch=st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3),
)
def test_it_finds_the_top_of_a_bowl(top: list[float], stretch: list[float]) -> None:
    found = maximise(bowl(np.array(top), np.array(stretch)), np.zeros(3), tolerance=1e-9)
    assert found.converged
    assert found.at == pytest.approx(top, abs=1e-5)


def test_a_saddle_does_not_hold_it() -> None:
    def derivatives(at: np.ndarray) -> Derivatives:
        x, y = at
        value = x**2 / 2 - x**4 / 4 - y**2 / 2
        return value, np.array([x - x**3, -y]), np.array([[1 - 3 * x**2, 0.0], [0.0, -1.0]])

    found = maximise(derivatives, np.array([1e-3, 1.0]), tolerance=1e-9)
    assert found.converged
    assert found.at == pytest.approx([1.0, 0.0], abs=1e-6)


def test_a_slope_without_a_top_is_admitted() -> None:
    def derivatives(at: np.ndarray) -> Derivatives:
        return float(at[0]), np.ones(1), np.full((1, 1), -1e-9)

    found = maximise(derivatives, np.zeros(1), tolerance=1e-9, steps_max=20)
    assert not found.converged
    assert found.steps == 20


def test_a_step_into_the_undefined_is_shortened() -> None:
    def derivatives(at: np.ndarray) -> Derivatives:
        x = at[0]
        if x >= 2:
            return float("nan"), np.full(1, np.nan), np.full((1, 1), np.nan)
        # ln(2 − x) + 2x: its top is at 1.5, half a unit before the wall.
        return float(np.log(2 - x) + 2 * x), np.array([2 - 1 / (2 - x)]), -np.eye(1) / (2 - x) ** 2

    found = maximise(derivatives, np.array([-5.0]), tolerance=1e-9)
    assert found.converged
    assert found.at[0] == pytest.approx(1.5)
