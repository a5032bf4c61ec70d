"""Forecasts of many series: methods compete on windows of the past, the choice is judged on later windows, and then made anew.

The first half of the windows chooses methods and gives residuals; the second half says how good the chosen forecasts and their
intervals were. For the horizon itself all windows choose and give residuals. Series go through in chunks, so memory is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from aimwell.predict.demand.calendar import Calendar
from aimwell.predict.demand.choosing import (
    choose,
    loss_of,
    pooled_advantage,
    scales,
    windows_of,
)
from aimwell.predict.demand.intervals import (
    Spread,
    fit_spread,
    period_residuals,
    total_residuals,
)
from aimwell.predict.demand.methods import forecasts
from aimwell.predict.demand.model import Bounds, Demand, Tried
from aimwell.predict.demand.smoothing import Series
from aimwell.stats.samples import FloatArray

__all__ = ["CHUNK", "forecast_series", "of_method", "of_others", "sample_of"]

CHUNK = 2_048
"""So many series are forecast at a time."""

_SAMPLE = 2_048
_PRIOR_PERIODS = 10.0
_PRIOR_WINDOWS = 32.0


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """What of a chunk is kept; the last axis is series."""

    method: npt.NDArray[np.int64]
    forecast: FloatArray
    low: FloatArray
    high: FloatArray
    mase: FloatArray
    last: FloatArray
    total_low: FloatArray
    total_high: FloatArray
    judged: npt.NDArray[np.bool_]
    early: npt.NDArray[np.int64]
    late_mase: FloatArray
    late_mase_naive: FloatArray
    late_rmsse: FloatArray
    late_rmsse_naive: FloatArray
    missed: FloatArray
    missed_naive: FloatArray
    sold: FloatArray
    covered: FloatArray
    total_covered: FloatArray


def forecast_series(
    units: Callable[[npt.NDArray[np.int64]], FloatArray],
    start: npt.NDArray[np.int64],
    calendar: Calendar,
    week: FloatArray,
) -> Demand:
    """Forecast each series over the horizon.

    Args:
        units: Gives the past of the series of these numbers: periods × series.
        start: The first period in which each was sold.
        calendar: The periods.
        week: The shop's usual share of each place in the season (mean 1 over open places).
    """
    size = len(start)

    def series_of(which: npt.NDArray[np.int64]) -> Series:
        return Series(units(which), start[which], week)

    learnt = _learn(series_of(sample_of(size)), calendar)
    chunks = [
        _chunk(series_of(np.arange(at, min(at + CHUNK, size))), calendar, learnt)
        for at in range(0, size, CHUNK)
    ]
    found = _Chunk(
        *(
            np.concatenate([getattr(chunk, field.name) for chunk in chunks], axis=-1)
            for field in fields(_Chunk)
        )
    )
    total = found.forecast.sum(axis=0)
    bounds = Bounds(
        found.low,
        found.high,
        np.minimum(found.total_low, 0.0),
        np.maximum(found.total_high, 0.0),
    )
    lower, upper = bounds.of_periods(found.forecast, calendar.open[calendar.past :])
    total_lower, total_upper = bounds.of_total(total)
    tried = Tried(
        judged=found.judged,
        method=found.early,
        mase=found.late_mase,
        mase_naive=found.late_mase_naive,
        rmsse=found.late_rmsse,
        rmsse_naive=found.late_rmsse_naive,
        missed=found.missed,
        missed_naive=found.missed_naive,
        sold=found.sold,
        covered=found.covered,
        total_covered=found.total_covered,
    )
    return Demand(
        method=found.method,
        forecast=found.forecast,
        lower=lower,
        upper=upper,
        total=total,
        total_lower=total_lower,
        total_upper=total_upper,
        bounds=bounds,
        mase=found.mase,
        last=found.last,
        tried=tried,
        names=learnt.names,
    )


def sample_of(size: int) -> npt.NDArray[np.int64]:
    """The numbers of some of so many series, evenly spread."""
    return np.unique(np.linspace(0, size - 1, min(size, _SAMPLE)).astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class _Learnt:
    """What a sample of series says of all: how methods compare, and how far forecasts go wrong; of the first half of the
    windows, and of all."""

    names: tuple[str, ...]
    early: FloatArray
    every: FloatArray
    early_spread: Spread
    spread: Spread
    early_total: Spread
    total: Spread


def _learn(series: Series, calendar: Calendar) -> _Learnt:
    windows, scale = windows_of(series, calendar), scales(series, calendar)
    named = forecasts(series, calendar)
    found = np.stack(list(named.values()))
    squared = np.stack([loss_of(windows, one, power=2) for one in found])
    scaled, half = squared / scale.squared, calendar.windows // 2
    early, every = pooled_advantage(scaled[:, :half]), pooled_advantage(scaled)
    then = of_others(found, squared[:, :half], early)
    taken = of_others(found, squared, every)
    known, volume = _volume(series, calendar.origins[half]), _volume(series, calendar.past)
    return _Learnt(
        tuple(named),
        early,
        every,
        fit_spread(period_residuals(windows, then)[:half], known, prior=_PRIOR_PERIODS),
        fit_spread(period_residuals(windows, taken), volume, prior=_PRIOR_PERIODS),
        fit_spread(total_residuals(windows, then)[:half], known, prior=_PRIOR_WINDOWS),
        fit_spread(total_residuals(windows, taken), volume, prior=_PRIOR_WINDOWS),
    )


def _chunk(series: Series, calendar: Calendar, learnt: _Learnt) -> _Chunk:
    windows, scale = windows_of(series, calendar), scales(series, calendar)
    found = np.stack(list(forecasts(series, calendar).values()))
    squared = np.stack([loss_of(windows, one, power=2) for one in found])
    absolute = np.stack([loss_of(windows, one, power=1) for one in found])
    half = calendar.windows // 2
    first, method = choose(squared[:, :half], learnt.early), choose(squared, learnt.every)
    then, taken = of_method(found, first), of_method(found, method)
    late = slice(half, calendar.windows)
    known, volume = _volume(series, calendar.origins[half]), _volume(series, calendar.past)
    then_others = of_others(found, squared[:, :half], learnt.early)
    others = of_others(found, squared, learnt.every)
    low, high = learnt.early_spread.bounds(period_residuals(windows, then_others)[:half], known)
    early_low, early_high = learnt.early_total.bounds(
        total_residuals(windows, then_others)[:half], known
    )
    later = total_residuals(windows, then)[half:, 0]
    total_inside = np.where(
        np.isnan(later),
        np.nan,
        (later >= np.minimum(early_low, 0)) & (later <= np.maximum(early_high, 0.0)),
    )
    spread = np.sqrt(then[late] + 1)
    counts, actual = windows.counts[late], windows.actual[late]
    # What is sold cannot fall below 0, nor does the interval.
    inside = (actual >= np.maximum(then[late] + low * spread, 0.0)) & (
        actual <= np.maximum(then[late] + high * spread, 0.0)
    )
    seen = windows.judged
    judged = np.asarray(seen[:half].any(axis=0) & seen[late].any(axis=0))
    least, most = learnt.spread.bounds(period_residuals(windows, others), volume)
    total_low, total_high = learnt.total.bounds(total_residuals(windows, others), volume)
    return _Chunk(
        method=method,
        forecast=taken[-1],
        low=least,
        high=most,
        mase=_mean(of_method(absolute, method)) / scale.absolute,
        last=series.units[calendar.past - calendar.horizon :].sum(axis=0),
        total_low=total_low,
        total_high=total_high,
        judged=judged,
        early=first,
        late_mase=_mean(of_method(absolute, first)[late]) / scale.absolute,
        late_mase_naive=_mean(absolute[0][late]) / scale.absolute,
        late_rmsse=np.sqrt(_mean(of_method(squared, first)[late]) / scale.squared),
        late_rmsse_naive=np.sqrt(_mean(squared[0][late]) / scale.squared),
        missed=_summed(np.abs(actual - then[late]), counts),
        missed_naive=_summed(np.abs(actual - found[0][late]), counts),
        sold=_summed(actual, counts),
        covered=_summed(inside.astype(np.float64), counts)
        / np.where(judged, np.maximum(counts.sum(axis=(0, 1)), 1), np.nan),
        total_covered=np.where(judged, _mean(total_inside), np.nan),
    )


def of_others(of_methods: FloatArray, losses: FloatArray, pooled: FloatArray) -> FloatArray:
    """Of each window the forecast by the method that the *other* windows choose, as the one to come has no say in the choice
    either: windows × horizon × series; windows beyond those of the losses are by the choice of all.

    Args:
        of_methods: Forecasts: methods × windows × horizon × series.
        losses: Methods × windows × series; see `choose`.
        pooled: See `pooled_advantage`.
    """
    found = of_method(of_methods, choose(losses, pooled))
    for window in range(losses.shape[1]):
        rest = np.delete(losses, window, axis=1)
        found[window] = of_method(of_methods[:, window], choose(rest, pooled))
    return found


def of_method(of_methods: FloatArray, method: npt.NDArray[np.int64]) -> FloatArray:
    """Of an array methods × … × series that of each series' method: … × series."""
    return np.asarray(
        np.moveaxis(of_methods, -1, 1)[method, np.arange(len(method))].transpose(
            *range(1, of_methods.ndim - 1), 0
        )
    )


def _mean(values: FloatArray) -> FloatArray:
    """The mean over windows of those that count; NaN where none does."""
    number = (~np.isnan(values)).sum(axis=0)
    return np.where(number > 0, np.nansum(values, axis=0) / np.maximum(number, 1), np.nan)


def _summed(values: FloatArray, counts: npt.NDArray[np.bool_]) -> FloatArray:
    return np.asarray(np.where(counts, values, 0.0).sum(axis=(0, 1)))


def _volume(series: Series, end: int) -> FloatArray:
    """Units a period until `end`, since the series was first sold."""
    known = np.maximum(end - np.minimum(series.start, end), 1)
    return np.asarray(series.units[:end].sum(axis=0) / known)
