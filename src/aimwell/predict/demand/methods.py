"""The ways to forecast that compete, the dullest first. Each gives origins × horizon × series.

Of a series that was sold for long enough before an origin (`Calendar.born`) none sees what lies behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from aimwell.predict.demand.calendar import Calendar
from aimwell.predict.demand.smoothing import Additive, Series, Tsb, smoothed
from aimwell.stats.samples import FloatArray

__all__ = ["METHODS", "NAIVE", "forecasts"]

NAIVE = "seasonal naive"
_SEASONS = 8
_LEVEL_SEASONS = 6
_SHARE_MIN = 0.1  # a weekday on which the shop hardly sells says little of a level

_SIMPLE = tuple(Additive(level) for level in (0.05, 0.1, 0.2, 0.4))
_SEASONAL = tuple(
    Additive(level, season=season) for level in (0.03, 0.1, 0.25) for season in (0.05, 0.15)
)
_TREND = tuple(Additive(level, trend=trend) for level in (0.05, 0.15) for trend in (0.05, 0.2))
_TSB = tuple(Tsb(chance, size) for chance in (0.02, 0.1) for size in (0.05, 0.2))


def _naive(series: Series, calendar: Calendar) -> FloatArray:
    """What was sold in the last open period of the same place in the season."""
    return _by_place(series, calendar, 1)


def _mean(series: Series, calendar: Calendar) -> FloatArray:
    """The mean of the last eight open periods of the same place in the season."""
    return _by_place(series, calendar, _SEASONS)


def _by_place(series: Series, calendar: Calendar, seasons: int) -> FloatArray:
    found = np.zeros((len(calendar.origins), calendar.horizon, series.units.shape[1]))
    periods = np.arange(calendar.past)
    for number, origin in enumerate(calendar.origins):
        ahead = calendar.place[origin : origin + calendar.horizon]
        for place in np.unique(ahead):
            known = (calendar.place[:origin] == place) & calendar.open[:origin]
            rows = periods[:origin][known][-seasons:]
            if not len(rows):
                continue
            # A series that began within these seasons is averaged since then.
            alive = rows[:, None] >= series.start
            mean = (series.units[rows] * alive).sum(axis=0) / np.maximum(alive.sum(axis=0), 1)
            found[number][ahead == place] = mean
    return found


def _level(series: Series, calendar: Calendar) -> FloatArray:
    """The series' own level of the last six seasons with the week of the whole shop, which is known better."""
    found = np.zeros((len(calendar.origins), calendar.horizon, series.units.shape[1]))
    length = _LEVEL_SEASONS * max(calendar.season, 1)
    for number, origin in enumerate(calendar.origins):
        rows = np.arange(max(0, origin - length), origin)
        rows = rows[calendar.open[rows]]
        weight = series.week[calendar.place[rows]][:, None] * (rows[:, None] >= series.start)
        level = series.units[rows].sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-9)
        ahead = calendar.place[origin : origin + calendar.horizon]
        found[number] = level * series.week[ahead][:, None]
    return found


def _on_the_week(settings: Sequence[Additive]) -> Callable[[Series, Calendar], FloatArray]:
    """Smoothing of units over the shop's usual share of their weekday, which is put back afterwards."""

    def found(series: Series, calendar: Calendar) -> FloatArray:
        week = np.maximum(series.week, _SHARE_MIN)
        plain = Series(
            series.units / week[calendar.place[: calendar.past]][:, None], series.start, series.week
        )
        forecast = smoothed(plain, calendar, settings)
        for number, origin in enumerate(calendar.origins):
            ahead = calendar.place[origin : origin + calendar.horizon]
            forecast[number] *= week[ahead][:, None]
        return forecast

    return found


METHODS: Mapping[str, Callable[[Series, Calendar], FloatArray]] = {
    NAIVE: _naive,
    "mean of the season": _mean,
    "own level, shop's week": _level,
    "now and then (TSB)": lambda series, calendar: smoothed(series, calendar, _TSB),
    "smoothing, shop's week": _on_the_week(_SIMPLE),
    "smoothing with own week": lambda series, calendar: smoothed(series, calendar, _SEASONAL),
    "damped trend, shop's week": _on_the_week(_TREND),
}
"""By name, the dullest first."""


def forecasts(series: Series, calendar: Calendar) -> dict[str, FloatArray]:
    """All methods' forecasts, never below 0, and 0 in closed periods; methods that need a season only where there is one."""
    found = {}
    for name, method in METHODS.items():
        if calendar.season == 1 and name == "smoothing with own week":
            continue
        forecast = np.maximum(method(series, calendar), 0.0)
        for number, origin in enumerate(calendar.origins):
            forecast[number][~calendar.open[origin : origin + calendar.horizon]] = 0.0
        found[name] = forecast
    return found
