"""Kaplan-Meier curves: a textbook's table, plain shares where everybody is watched, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.stats.survival import SurvivalCurve, kaplan_meier

# Freireich et al. (1963), the 6-MP arm, as in Kalbfleisch & Prentice and in R's survival package.
TIMES = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
ENDED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def curve(times: list[float], ended: list[int], confidence: float = 0.95) -> SurvivalCurve:
    return kaplan_meier(
        np.array(times, dtype=float),
        np.array(ended, dtype=bool),
        np.ones(len(times)),
        confidence=confidence,
    )


def test_the_curve_is_the_textbooks() -> None:
    found = curve(TIMES, ENDED)
    assert found.time.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert found.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert found.survival == pytest.approx(
        [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482], abs=5e-5
    )


def test_the_interval_is_that_of_r_with_log_log() -> None:
    """survfit(..., conf.type = "log-log"), summary at 10 and 23 weeks."""
    found = curve(TIMES, ENDED)
    at = found.at(10)
    assert (at.lower, at.upper) == pytest.approx((0.5032, 0.8894), abs=1e-4)
    at = found.at(30)
    assert at.estimate == pytest.approx(0.4482, abs=5e-5)
    assert (at.lower, at.upper) == pytest.approx((0.1881, 0.6801), abs=1e-4)


def test_what_nobody_was_watched_for_is_missing_with_a_reason() -> None:
    found = curve(TIMES, ENDED)
    assert found.at(36).estimate is None
    assert "longer than 35" in str(found.at(36).reason)
    assert "nobody had ended" in str(found.at(5).reason)
    assert "nobody was left" in str(curve([1, 2], [1, 1]).at(2).reason)


@given(st.lists(st.integers(1, 20), min_size=2, max_size=40))
def test_where_everybody_is_watched_to_the_end_it_is_the_plain_share(times: list[int]) -> None:
    found = curve([float(time) for time in times], [1] * len(times))
    lives = np.array(times)
    wanted = [(lives > time).mean() for time in found.time]
    assert found.survival == pytest.approx(wanted, abs=1e-12)


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.booleans(), st.integers(1, 5)), min_size=1, max_size=30
    )
)
def test_counts_are_lives_one_by_one(rows: list[tuple[int, bool, int]]) -> None:
    time = np.array([float(row[0]) for row in rows])
    ended = np.array([row[1] for row in rows])
    count = np.array([float(row[2]) for row in rows])
    together = kaplan_meier(time, ended, count)
    times = [int(n) for n in count]
    apart = kaplan_meier(np.repeat(time, times), np.repeat(ended, times), np.ones(sum(times)))
    assert together.survival == pytest.approx(apart.survival)
    assert together.error == pytest.approx(apart.error, nan_ok=True)


def test_intervals_hold_the_truth_about_as_often_as_they_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    held, times = 0, 300
    for _ in range(times):
        life, watched = rng.exponential(10, 200), rng.uniform(2, 20, 200)
        found = kaplan_meier(
            np.minimum(life, watched), life <= watched, np.ones(200), confidence=0.9
        )
        held += found.at(8.0).covers(float(np.exp(-0.8)))
    # 90 of 100, and four standard errors of chance.
    assert abs(held / times - 0.9) < 4 * np.sqrt(0.09 / times)
