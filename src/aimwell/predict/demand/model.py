"""Forecasts of many series, and what later windows said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.stats.samples import FloatArray

__all__ = ["Bounds", "Demand", "Tried"]


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """What the later windows say of each series; NaN or False where it was too new, or nothing was sold before.

    Args:
        judged: Whether the series was there in a window of both halves.
        method: Chosen on the first half.
        mase, mase_naive: Mean absolute error over that of one season ahead, of the choice and of seasonal naive.
        rmsse, rmsse_naive: The same of squares, and the root.
        missed, missed_naive, sold: Sums of absolute errors, and of units.
        covered: Share of periods within their interval of 90 %.
        total_covered: Share of windows whose sum of units lay within its interval of 90 %.
    """

    judged: npt.NDArray[np.bool_]
    method: npt.NDArray[np.int64]
    mase: FloatArray
    mase_naive: FloatArray
    rmsse: FloatArray
    rmsse_naive: FloatArray
    missed: FloatArray
    missed_naive: FloatArray
    sold: FloatArray
    covered: FloatArray
    total_covered: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """How far from a forecast the truth may lie, of each series, at 90 %.

    Args:
        low, high: Of a period, in units of √(forecast + 1).
        total_low, total_high: Of the sum over the horizon, as the logarithm of a factor; at most 0 and at least 0.
    """

    low: FloatArray
    high: FloatArray
    total_low: FloatArray
    total_high: FloatArray

    def of_periods(
        self, forecast: FloatArray, open_: npt.NDArray[np.bool_]
    ) -> tuple[FloatArray, FloatArray]:
        """The lower and the upper bound of forecasts (periods × series), 0 in closed periods."""
        spread = np.sqrt(forecast + 1)
        counts = open_[:, None]
        return (
            np.where(counts, np.clip(forecast + self.low * spread, 0.0, None), 0.0),
            np.where(counts, np.maximum(forecast + self.high * spread, 0.0), 0.0),
        )

    def of_total(self, total: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same of the sum."""
        return (
            np.maximum((total + 1) * np.exp(self.total_low) - 1, 0.0),
            (total + 1) * np.exp(self.total_high) - 1,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Forecasts of the horizon; the columns of two-dimensional arrays are series, their rows periods.

    Args:
        method: Number of the method in `names`.
        forecast, lower, upper: Units of each period, with the interval of 90 %.
        total, total_lower, total_upper: The sum over the horizon, with its own interval: errors of periods even out only in part.
        bounds: What the intervals are made of.
        mase: Mean absolute error over all windows of the method that was taken, over that of one season ahead; NaN where
            it is undefined.
        last: Units sold in the periods just before the horizon, as many as it has.
        tried: The judgement on later windows.
        names: Of the methods.
    """

    method: npt.NDArray[np.int64]
    forecast: FloatArray
    lower: FloatArray
    upper: FloatArray
    total: FloatArray
    total_lower: FloatArray
    total_upper: FloatArray
    bounds: Bounds
    mase: FloatArray
    last: FloatArray
    tried: Tried
    names: tuple[str, ...]
