"""Forecasts that carry a state from period to period, for many series at once: smoothing with season and trend, and demand
that comes now and then.

Arrays are periods × series. Each method tries a few settings; at each origin a series takes the setting with the smallest
squared error of one step ahead up to then. Closed periods change no state.

Sources: Holt (1957), Winters (1960) and Gardner & McKenzie (1985) for additive smoothing with a damped trend, in the form of
errors of Hyndman et al. (2008); Teunter, Syntetos & Babai (2011) for demand that comes now and then (TSB).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aimwell.predict.demand.calendar import Calendar
from aimwell.stats.samples import FloatArray

__all__ = ["Additive", "Series", "Tsb", "smoothed"]

Alive = FloatArray | float


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Units of many series: `units` is periods × series, `start` the first period in which each was sold, `week` the
    shop's usual share of each place in the season (mean 1 over open places)."""

    units: FloatArray
    start: npt.NDArray[np.int64]
    week: FloatArray

    def take(self, which: slice | npt.NDArray[np.int64]) -> Series:
        """Some of the series."""
        return Series(self.units[:, which], self.start[which], self.week)


@dataclass(frozen=True, slots=True, eq=False)
class Beginnings:
    """What each series did in the first periods in which it was sold: mean `level`, `season` (what each place was above it),
    share of periods with demand (`chance`), and mean `size` of these."""

    level: FloatArray
    season: FloatArray
    chance: FloatArray
    size: FloatArray


class Setting(Protocol):
    """One way to smooth: makes a state, moves it on by a period, and foretells from it."""

    def begin(self, first: Beginnings, week: FloatArray) -> list[FloatArray]:
        """The state before the first period."""

    def expect(self, state: list[FloatArray], place: int) -> FloatArray:
        """The next period's units."""

    def move(
        self,
        state: list[FloatArray],
        units: FloatArray,
        error: FloatArray,
        alive: Alive,
        place: int,
    ) -> None:
        """Take in what came, and by how much it was missed; `alive` is 0 for series that were not sold yet."""

    def ahead(self, state: list[FloatArray], places: npt.NDArray[np.int64]) -> FloatArray:
        """Units of each period ahead: periods × series."""


@dataclass(frozen=True, slots=True)
class Additive:
    """Level, trend (damped by `damping`) and season; 0 switches one off."""

    level: float
    trend: float = 0.0
    season: float = 0.0
    damping: float = 0.9

    def begin(self, first: Beginnings, week: FloatArray) -> list[FloatArray]:
        """The level and the season of the first periods, and no trend."""
        del week
        season = first.season.copy() if self.season else np.zeros_like(first.season)
        return [first.level.copy(), np.zeros_like(first.level), season]

    def expect(self, state: list[FloatArray], place: int) -> FloatArray:
        """Level, trend and season together."""
        found = state[0]
        if self.trend:
            found = found + self.damping * state[1]
        return found + state[2][place] if self.season else found

    def move(
        self,
        state: list[FloatArray],
        units: FloatArray,
        error: FloatArray,
        alive: Alive,
        place: int,
    ) -> None:
        """Move each part by its share of the error."""
        del units
        missed = error * alive
        if self.trend:
            state[0] += self.damping * state[1] * alive
            state[1] *= 1 - (1 - self.damping) * alive
            state[1] += self.level * self.trend * missed
        # Not in place: what was expected may be the very same array.
        state[0] = state[0] + self.level * missed
        if self.season:
            state[2][place] += self.season * (1 - self.level) * missed

    def ahead(self, state: list[FloatArray], places: npt.NDArray[np.int64]) -> FloatArray:
        """The trend fades; the season repeats."""
        fading = np.cumsum(self.damping ** np.arange(1, len(places) + 1))
        return np.asarray(state[0] + fading[:, None] * state[1] + state[2][places])


@dataclass(frozen=True, slots=True)
class Tsb:
    """The probability that anything is wanted, and how much then; the week is that of the whole shop."""

    chance: float
    size: float

    def begin(self, first: Beginnings, week: FloatArray) -> list[FloatArray]:
        """The share of the first periods with demand, and its mean size."""
        return [first.chance.copy(), first.size.copy(), week[:, None]]

    def expect(self, state: list[FloatArray], place: int) -> FloatArray:
        """Probability times size."""
        return np.asarray(state[0] * state[1] * state[2][place])

    def move(
        self,
        state: list[FloatArray],
        units: FloatArray,
        error: FloatArray,
        alive: Alive,
        place: int,
    ) -> None:
        """The probability moves each period, the size only with demand."""
        del error, place
        wanted = (units > 0) * alive
        state[0] += self.chance * (wanted - state[0]) * alive
        state[1] += self.size * (units - state[1]) * wanted

    def ahead(self, state: list[FloatArray], places: npt.NDArray[np.int64]) -> FloatArray:
        """The same on and on, by the shop's week."""
        return np.asarray(state[0] * state[1] * state[2][places])


def smoothed(series: Series, calendar: Calendar, settings: Iterable[Setting]) -> FloatArray:
    """Forecasts from each origin by the setting that was best until then: origins × horizon × series."""
    origins, size = calendar.origins, series.units.shape[1]
    found = np.zeros((len(origins), calendar.horizon, size))
    best = np.full((len(origins), size), np.inf)
    first = _beginnings(series, calendar)
    for setting in settings:
        for number, (error, forecast) in enumerate(_carried(series, calendar, setting, first)):
            better = error < best[number]
            best[number] = np.where(better, error, best[number])
            found[number] = np.where(better, forecast, found[number])
    return found


def _beginnings(series: Series, calendar: Calendar) -> Beginnings:
    upto = min(calendar.past, int(series.start.max(initial=0)) + calendar.born)
    age = np.arange(upto)[:, None] - series.start
    first = (age >= 0) & (age < calendar.born) & calendar.open[:upto, None]
    known = np.where(first, series.units[:upto], 0.0)
    number, wanted = np.maximum(first.sum(axis=0), 1), (known > 0).sum(axis=0)
    level = known.sum(axis=0) / number
    season = np.zeros((calendar.season, len(level)))
    for one in range(calendar.season if calendar.season > 1 else 0):
        rows = calendar.place[:upto] == one
        days = first[rows].sum(axis=0)
        season[one] = np.where(days > 0, known[rows].sum(axis=0) / np.maximum(days, 1) - level, 0.0)
    return Beginnings(level, season, wanted / number, known.sum(axis=0) / np.maximum(wanted, 1))


def _carried(
    series: Series, calendar: Calendar, setting: Setting, first: Beginnings
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """At each origin the squared error until then, and the forecast."""
    state = setting.begin(first, series.week)
    error = np.zeros(series.units.shape[1])
    youngest = int(series.start.max(initial=0))
    at = 0
    for origin in calendar.origins:
        for period in range(at, origin):
            if calendar.open[period]:
                place = int(calendar.place[period])
                missed = series.units[period] - setting.expect(state, place)
                # The first periods made the state, so their errors say little.
                known = period >= youngest + calendar.born
                error += (
                    missed**2 if known else missed**2 * (period >= series.start + calendar.born)
                )
                alive: Alive = 1.0
                if period < youngest:
                    alive = np.asarray(period >= series.start, dtype=np.float64)
                setting.move(state, series.units[period], missed, alive, place)
        at = origin
        places = calendar.place[origin : origin + calendar.horizon]
        yield error.copy(), setting.ahead(state, places)
