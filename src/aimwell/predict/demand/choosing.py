"""Which method each series takes: by windows of the past, each foretold from what was known before it.

A window's loss is the mean squared error of its open periods over that of the naive forecast of one season ahead in the
time before all windows (RMSSE² of the M5 competition), which aims at the expected units; an absolute error would call 0 the
best forecast of whatever is sold now and then. Windows of one series are few, so its losses are weighed together with those of all
series; a method that did worse than seasonal naive on the series' own windows is never taken.

Sources: Hyndman & Koehler (2006) for MASE; Makridakis, Spiliotis & Assimakopoulos (2022) for RMSSE.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.predict.demand.calendar import Calendar
from aimwell.predict.demand.smoothing import Series
from aimwell.stats.samples import FloatArray

__all__ = [
    "Scales",
    "Windows",
    "choose",
    "loss_of",
    "pooled_advantage",
    "scales",
    "windows_of",
]

# So many windows' worth of all series' advantage stands beside a series' own.
_POOLED_WINDOWS = 4.0
_TINY = 1e-9

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """What came: `actual` is windows × horizon × series; `counts` says which periods count (open, and the series was sold for
    long enough before the window)."""

    actual: FloatArray
    counts: npt.NDArray[np.bool_]

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """Which windows of each series count: windows × series."""
        return np.asarray(self.counts.any(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """Mean absolute and mean squared error of one season ahead, of each series before the first window that counts for it; NaN
    where it is 0 or nothing was sold before."""

    absolute: FloatArray
    squared: FloatArray


def windows_of(series: Series, calendar: Calendar) -> Windows:
    """The windows of the past, without the horizon itself."""
    origins = calendar.origins[:-1]
    actual = np.stack([series.units[o : o + calendar.horizon] for o in origins])
    open_ = np.stack([calendar.open[o : o + calendar.horizon] for o in origins])
    known = np.array(origins)[:, None] - calendar.born >= series.start
    return Windows(actual, open_[:, :, None] & known[:, None, :])


def scales(series: Series, calendar: Calendar) -> Scales:
    """Errors of the naive forecast of one season ahead between open periods, up to the first window that counts."""
    season, origins = calendar.season, np.array(calendar.origins)
    first = origins[
        np.minimum(np.searchsorted(origins, series.start + calendar.born), len(origins) - 1)
    ]
    period = np.arange(season, calendar.past)[:, None]
    open_ = calendar.open[season : calendar.past] & calendar.open[: calendar.past - season]
    counts = open_[:, None] & (period - season >= series.start) & (period < first)
    change = np.where(counts, series.units[season:] - series.units[:-season], 0.0)
    number = np.maximum(counts.sum(axis=0), 1)
    absolute, squared = np.abs(change).sum(axis=0) / number, (change**2).sum(axis=0) / number
    return Scales(np.where(absolute > 0, absolute, np.nan), np.where(squared > 0, squared, np.nan))


def loss_of(windows: Windows, forecast: FloatArray, *, power: int) -> FloatArray:
    """The mean error to this power (1 absolute, 2 squared) of each window: windows × series; NaN where none counts."""
    error = np.abs(windows.actual - forecast[: len(windows.actual)]) ** power
    number = windows.counts.sum(axis=1)
    total = np.where(windows.counts, error, 0.0).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def pooled_advantage(losses: FloatArray) -> FloatArray:
    """Of each method the mean over series of the logarithm of its loss over that of the first, by its windows together; 0 where none counts.

    Args:
        losses: Methods × windows × series.
    """
    each = _log_ratio(losses)
    known = ~np.isnan(each)
    return np.asarray(np.nansum(each, axis=1) / np.maximum(known.sum(axis=1), 1))


def choose(losses: FloatArray, pooled: FloatArray) -> Places:
    """The method of each series; the first (seasonal naive) where no other did better on its own windows.

    Args:
        losses: Methods × windows × series; NaN for windows that do not count.
        pooled: See `pooled_advantage`.
    """
    own = _log_ratio(losses)
    number = (~np.isnan(losses[0])).sum(axis=0)
    score = np.nan_to_num(own) * number + _POOLED_WINDOWS * pooled[:, None]
    score = np.where(np.nan_to_num(own) > 0, np.inf, score)
    score[0] = 0.0
    return np.asarray(np.argmin(score, axis=0))


def _log_ratio(losses: FloatArray) -> FloatArray:
    number = np.maximum((~np.isnan(losses[0])).sum(axis=0), 1)
    mean = np.nansum(losses, axis=1) / number
    known = ~np.isnan(losses[0]).all(axis=0)
    return np.where(known, np.log((mean + _TINY) / (mean[0] + _TINY)), np.nan)
