"""Forecasts of many series, and what later windows said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.stats.samples import FloatArray

__all__ = ["Demand", "Tried"]


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
class Demand:
    """Forecasts of the horizon; the columns of two-dimensional arrays are series, their rows periods.

    Args:
        method: Number of the method in `names`.
        forecast, lower, upper: Units of each period, with the interval of 90 %.
        total, total_lower, total_upper: The sum over the horizon, with its own interval: errors of periods even out only in part.
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
    mase: FloatArray
    last: FloatArray
    tried: Tried
    names: tuple[str, ...]
