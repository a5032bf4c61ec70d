"""Whether predicted uplift means what it says: by tenths of people, and by a line through predicted and actual effects."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aimwell.decide.uplift.averages import AIPW, mean_of
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import student
from aimwell.stats.samples import FloatArray

__all__ = ["Band", "Calibration", "bands", "calibration"]

_LINE = "best linear predictor of the effect, interval by the sandwich (HC1)"


@dataclass(frozen=True, slots=True)
class Band:
    """People of similar predicted uplift; the first band has the highest.

    Args:
        number: From 1.
        people: How many.
        predicted: Their mean predicted uplift.
        actual: Their mean effect, with interval.
    """

    number: int
    people: int
    predicted: float
    actual: Estimate

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The line actual = mean + slope · (predicted − mean predicted).

    Args:
        mean: Mean actual effect of all; compare it with `predicted`.
        predicted: Mean predicted effect.
        slope: 1 where predictions are as far apart as effects; 0 where they tell nothing; its p-value is of 0.
    """

    mean: Estimate
    predicted: float
    slope: Estimate

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def bands(
    effects: FloatArray,
    predicted: FloatArray,
    *,
    count: int = 10,
    confidence: float = DEFAULT_CONFIDENCE,
) -> tuple[Band, ...]:
    """Tenths (or `count` bands) by falling predicted uplift; equal predictions are dealt out in the order given.

    Args:
        effects: A doubly robust score of the effect on each person, not used for `predicted`.
        predicted: Of the same people.
        count: Of bands, of nearly equal size.
        confidence: Of each interval.
    """
    order = np.argsort(-predicted, kind="stable")
    return tuple(
        Band(
            number,
            len(rows),
            float(predicted[rows].mean()),
            mean_of(effects[rows], confidence=confidence),
        )
        for number, rows in enumerate(np.array_split(order, count), start=1)
        if len(rows)
    )


def calibration(
    effects: FloatArray, predicted: FloatArray, *, confidence: float = DEFAULT_CONFIDENCE
) -> Calibration:
    """Source: Chernozhukov, Demirer, Duflo and Fernández-Val (2018), Generic machine learning inference, equation 3.3."""
    mean = mean_of(effects, method=AIPW, confidence=confidence)
    away = predicted - predicted.mean()
    squares = float(away @ away)
    if squares <= 1e-18 * max(len(away), 1) or len(away) < 3:
        slope = Estimate.missing(
            "everybody is predicted the same uplift", method=_LINE, confidence=confidence
        )
        return Calibration(mean, float(predicted.mean()), slope)
    value = float(away @ effects) / squares
    left = effects - effects.mean() - value * away
    n = len(away)
    error = float(np.sqrt(np.sum((away * left) ** 2) * n / (n - 2))) / squares
    if error == 0.0:
        slope = Estimate.missing("all effects are equal", method=_LINE, confidence=confidence)
    else:
        slope = student(value, error, n - 2, method=_LINE, confidence=confidence)
    return Calibration(mean, float(predicted.mean()), slope)
