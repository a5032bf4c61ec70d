"""Revenue per person as it grew, day by day, in both arms."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from aimwell.measure.model import DailyPoint
from aimwell.measure.people import BoolArray
from aimwell.stats.estimate import DEFAULT_CONFIDENCE
from aimwell.stats.samples import FloatArray

__all__ = ["POINTS_MAX", "daily"]

POINTS_MAX = 120
"""Longer windows are shown in steps of several days."""


def daily(
    person: NDArray[np.int64],
    days: FloatArray,
    amount: FloatArray,
    *,
    treated: BoolArray,
    days_measured: float,
) -> tuple[DailyPoint, ...]:
    """Cumulative mean per person at the end of each day, with the interval of the mean (Student's t).

    Args:
        person: Who, as a position in `treated`; one entry an order or return.
        days: When, in days after the start.
        amount: How much; returns are negative.
        treated: The arm of each person.
        days_measured: How far it goes; the last step may be shorter.
    """
    step = max(1, math.ceil(days_measured / POINTS_MAX))
    ends = [float(end) for end in np.arange(step, days_measured, step)] + [days_measured]
    order = np.argsort(days, kind="stable")
    person, days, amount = person[order], days[order], amount[order]
    sums = np.zeros(len(treated))
    found: list[DailyPoint] = []
    reached = 0
    arms: tuple[tuple[Literal["treatment", "control"], BoolArray], ...] = (
        ("treatment", treated),
        ("control", ~treated),
    )
    for end in ends:
        last = len(days) if end == ends[-1] else int(np.searchsorted(days, end, side="left"))
        np.add.at(sums, person[reached:last], amount[reached:last])
        reached = last
        found.extend(_point(end, arm, sums[chosen]) for arm, chosen in arms if chosen.any())
    return tuple(found)


def _point(day: float, arm: Literal["treatment", "control"], sums: FloatArray) -> DailyPoint:
    mean, half = float(sums.mean()), 0.0
    if len(sums) > 1:
        error = float(sums.std(ddof=1)) / math.sqrt(len(sums))
        half = error * float(stdtrit(len(sums) - 1, 0.5 + DEFAULT_CONFIDENCE / 2))
    return DailyPoint(day=day, arm=arm, mean=mean, lower=mean - half, upper=mean + half)
