"""When people buy: weekdays, months, Christmas, birthdays and the hours of the day, each in local time.

A person's purchases are a Poisson process in *season time*: a usual day lasts one unit, a busy one longer.
`season_time` turns a moment into it and `clock_time` turns it back, so the expected number of purchases in
any window is known exactly. A person has a curve (weekday habit x month of birth), an hour habit and a zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from aimwell.simulate.places import ZONES
from aimwell.simulate.spec import ShopSpec

__all__ = [
    "DAY",
    "HOUR_HABITS",
    "WEEKDAY_HABITS",
    "Calendar",
    "Habits",
    "build_calendar",
    "to_seconds",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY = 86_400
"""Seconds of a day."""

_WEEKDAYS = np.array([1.0, 0.98, 0.97, 0.98, 1.05, 1.07, 0.95])  # Monday first
_MONTHS = np.array([0.86, 0.88, 0.95, 0.97, 1.0, 1.0, 0.93, 0.92, 1.0, 1.05, 1.2, 1.24])
WEEKDAY_HABITS: dict[str, NDArray[np.float64]] = {
    "any day": np.ones(7),
    "working days": np.array([1.25, 1.25, 1.25, 1.25, 1.1, 0.45, 0.45]),
    "weekends": np.array([0.5, 0.5, 0.5, 0.5, 1.0, 2.1, 1.9]),
}
HOUR_HABITS: dict[str, tuple[float, float]] = {  # usual hour, spread in hours
    "morning": (9.0, 1.6),
    "lunch": (12.7, 1.1),
    "afternoon": (16.0, 1.8),
    "evening": (20.2, 1.6),
}
_ANY_HOUR_SHARE = 0.12


@dataclass(frozen=True)
class Habits:
    """For each person: index of the season curve, of the hour habit and of the time zone."""

    curve: Ints
    hours: Ints
    zone: Ints

    def take(self, rows: Ints) -> Habits:
        """The habits of some people, in the order of `rows`."""
        return Habits(self.curve[rows], self.hours[rows], self.zone[rows])


@dataclass(frozen=True)
class Calendar:
    """Season weights of every day (rows: curves) and hour (rows: hour habits), and zone offsets in days."""

    first_day: int
    weights: Floats
    cumulative: Floats
    hour_weights: Floats
    hour_cumulative: Floats
    offsets: Floats

    def season_time(self, habits: Habits, seconds: Ints) -> Floats:
        """Season time at UTC `seconds` since 1970; one unit is a usual day."""
        days = seconds / DAY - self.first_day
        local = days + self.offsets[habits.zone, days.astype(np.int64)]
        day = np.floor(local).astype(np.int64)
        hour = (local - day) * 24.0
        whole = np.minimum(hour.astype(np.int64), 23)
        passed = self.hour_cumulative[habits.hours, whole]
        passed = passed + (hour - whole) * self.hour_weights[habits.hours, whole]
        return np.asarray(
            self.cumulative[habits.curve, day] + passed * self.weights[habits.curve, day]
        )

    def clock_time(self, habits: Habits, season_time: Floats) -> Ints:
        """The UTC second since 1970 at a season time; the inverse of `season_time`."""
        day, rest = _locate(self.cumulative, habits.curve, season_time)
        hour, part = _locate(
            self.hour_cumulative, habits.hours, rest / self.weights[habits.curve, day]
        )
        fraction = (hour + part / self.hour_weights[habits.hours, hour]) / 24.0
        utc = self.first_day + day + fraction - self.offsets[habits.zone, day]
        return np.floor(utc * DAY).astype(np.int64)


def _locate(cumulative: Floats, row: Ints, value: Floats) -> tuple[Ints, Floats]:
    """In each value's own row of rising numbers: the last position at or below it, and what is left.

    The rows are laid end to end, each lifted above the one before, so that one search serves all.
    """
    width = cumulative.shape[1]
    lift = cumulative[:, -1].max() + 1.0
    flat = (cumulative + lift * np.arange(len(cumulative))[:, None]).ravel()
    at = np.searchsorted(flat, value + lift * row, side="right") - 1 - row * width
    at = np.clip(at, 0, width - 2)
    return at, np.maximum(value - cumulative[row, at], 0.0)


def build_calendar(spec: ShopSpec) -> Calendar:
    """The calendar of a shop, with a margin of days around all that is simulated."""
    first, last = (spec.start - timedelta(days=2)).date(), (spec.last + timedelta(days=4)).date()
    days = [first + timedelta(days=n) for n in range((last - first).days)]
    weights = _day_weights(spec, days)
    hours = _hour_weights()
    return Calendar(
        first_day=(first - date(1970, 1, 1)).days,
        weights=weights,
        cumulative=_cumulative(weights),
        hour_weights=hours,
        hour_cumulative=_cumulative(hours),
        offsets=np.array([[_offset(zone, day) for day in days] for zone in ZONES]),
    )


def _cumulative(weights: Floats) -> Floats:
    return np.hstack([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)])


def _day_weights(spec: ShopSpec, days: list[date]) -> Floats:
    """Rows: weekday habit x month of birth (12 each), columns: days. A usual day weighs 1."""
    weekday = np.array([day.weekday() for day in days])
    month = np.array([day.month - 1 for day in days])
    usual = (_WEEKDAYS[weekday] * _MONTHS[month]) ** spec.season_strength
    usual = usual * np.array([_christmas(day, spec.christmas_peak) for day in days])
    birthday = 1.0 + spec.birthday_effect * (month == np.arange(12)[:, None])
    rows = [usual * habit[weekday] * birthday for habit in WEEKDAY_HABITS.values()]
    return np.vstack(rows)


def _christmas(day: date, peak: float) -> float:
    """Rises from 20 November to the peak on 10 to 18 December and is over by the 24th."""
    rise = np.interp(
        day.timetuple().tm_yday + (0 if day.year % 4 else -1), [324, 344, 352, 358], [0, 1, 1, 0]
    )
    return float(1.0 + (peak - 1.0) * rise)


def _hour_weights() -> Floats:
    """Share of a day's purchases in each local hour, by hour habit."""
    middles = np.arange(24) + 0.5
    rows = []
    for usual, spread in HOUR_HABITS.values():
        away = np.minimum(abs(middles - usual), 24 - abs(middles - usual))
        bump = np.exp(-0.5 * (away / spread) ** 2)
        rows.append(_ANY_HOUR_SHARE / 24 + (1 - _ANY_HOUR_SHARE) * bump / bump.sum())
    return np.array(rows)


def _offset(zone: str, day: date) -> float:
    """Offset from UTC, in days, that holds at the zone's noon."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    offset: Any = noon.utcoffset()
    return float(offset.total_seconds() / DAY)


def to_seconds(moment: datetime) -> int:
    """Whole seconds since 1970 of an aware moment."""
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() // 1)
