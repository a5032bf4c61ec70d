"""Level and slope of calibration: found again where they were planted, with intervals that hold as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from aimwell.predict.level import level_of, slope_of


def people(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds, and who did it."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-0.5, 1.2, count)
    return odds, rng.random(count) < expit(odds)


@pytest.mark.parametrize("too_far", [0.5, 1.0, 2.0])
def test_probabilities_that_are_too_far_apart_have_a_slope_below_one(too_far: float) -> None:
    odds, did = people(20_000, 1)
    slope = slope_of(expit(too_far * odds), did)
    assert slope.covers(1 / too_far)
    assert (slope.upper or 9) - (slope.lower or 0) < 0.15 / too_far


def test_a_level_that_is_off_is_told_with_its_side() -> None:
    odds, did = people(5_000, 2)
    too_high = level_of(np.minimum(expit(odds) + 0.05, 1), did)
    assert (too_high.upper or 0) < 0
    assert too_high.covers(-0.05)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = np.zeros(2)
    for seed in range(400):
        odds, did = people(400, seed)
        held += [level_of(expit(odds), did).covers(0.0), slope_of(expit(odds), did).covers(1.0)]
    # Chance leaves 380 ± 9 of 400.
    assert (np.abs(held - 380) <= 12).all()


def test_what_has_no_slope_says_why() -> None:
    did = np.array([True, False, True, False])
    cases = (
        (np.full(4, 0.3), did, "probabilities are alike"),
        (np.array([0.1, 0.2, 0.3, 0.4]), np.ones(4, dtype=bool), "outcomes are alike"),
        (np.array([0.9, 0.1, 0.8, 0.2]), did, "tell the outcomes apart"),
    )
    for chances, outcome, why in cases:
        found = slope_of(chances, outcome)
        assert found.estimate is None
        assert why in (found.reason or "")
    assert level_of(np.array([0.5]), np.array([True])).estimate is None
