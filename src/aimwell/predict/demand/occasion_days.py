"""Which days belong to which occasion: the weeks before it, the day itself, and the days after, year by year.

Each day belongs to one occasion at most, so effects never count twice: to one that a document defines before a public holiday, and
among these to the one that comes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

__all__ = ["AFTER", "THE_DAY", "DayPlan", "DemandOccasion", "Occurrence", "plan_days"]

THE_DAY, AFTER = 0, -1
"""Phases: the day itself, and the days after it; 1, 2 … are the first, the second … week before."""

_REFERENCE_DAYS, _REFERENCE_MIN, _REFERENCE_BACK = 28, 14, 84
_LATER = 500  # a day after one occasion belongs rather to the next one

Days = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DemandOccasion:
    """One occasion of the calendar.

    Args:
        name: Of the document or the holiday.
        days: On which it falls, in order; of the past and of the horizon.
        lead_days: For so many days before it people may buy otherwise than usual.
        after_days: The same after it.
        holiday: Whether it is a public holiday and not defined by a document.
    """

    name: str
    days: tuple[date, ...]
    lead_days: int
    after_days: int
    holiday: bool

    @property
    def phases(self) -> tuple[int, ...]:
        """The day, the weeks before, and the days after where any count."""
        weeks = tuple(range(1, -(-self.lead_days // 7) + 1))
        return (THE_DAY, *weeks, *((AFTER,) if self.after_days else ()))


@dataclass(frozen=True, slots=True, eq=False)
class Occurrence:
    """One time that an occasion came or will come.

    Args:
        occasion: Its number.
        on: The day.
        days: Numbers of the days that belong to it, in order.
        phase: Of each of them the place in the occasion's `phases`.
        reference: Days before them that belong to no occasion: what is usual.
        whole: Whether all its days were seen, with enough days of reference.
    """

    occasion: int
    on: date
    days: Days
    phase: Days
    reference: Days
    whole: bool


@dataclass(frozen=True, slots=True, eq=False)
class DayPlan:
    """Whose each day is.

    Args:
        occasion: Number of the occasion of each day; -1 for none.
        phase: Place in its `phases`; 0 where there is none.
        occurrences: In order of their days.
    """

    occasion: Days
    phase: Days
    occurrences: tuple[Occurrence, ...]

    def seen(self, occasion: int, *, before: int) -> tuple[Occurrence, ...]:
        """The whole occurrences of one that were over before a day."""
        return tuple(
            one
            for one in self.occurrences
            if one.occasion == occasion and one.whole and int(one.days[-1]) < before
        )


def plan_days(
    occasions: Sequence[DemandOccasion],
    first: date,
    *,
    past: int,
    horizon: int,
    open_days: npt.NDArray[np.bool_],
) -> DayPlan:
    """Give each day of the past and the horizon to an occasion, or to none.

    Args:
        occasions: All that may claim a day.
        first: Day 0.
        past, horizon: Numbers of days.
        open_days: Of the past: on which days something was sold.
    """
    size = past + horizon
    best = np.full(size, np.iinfo(np.int64).max)
    owner, phase, time = (np.full(size, -1), np.zeros(size, np.int64), np.full(size, -1))
    times: list[tuple[int, date]] = []
    for number, occasion in enumerate(occasions):
        places = {one: place for place, one in enumerate(occasion.phases)}
        for on in occasion.days:
            at = (on - first).days
            for before in range(-occasion.after_days, occasion.lead_days + 1):
                day = at - before
                if not 0 <= day < size:
                    continue
                rank = before if before >= 0 else _LATER - before
                rank += 10 * _LATER * occasion.holiday
                if rank < best[day]:
                    which = THE_DAY if before == 0 else AFTER if before < 0 else -(-before // 7)
                    best[day], owner[day], phase[day] = rank, number, places[which]
                    time[day] = len(times)
            times.append((number, on))
    usual = np.flatnonzero((owner[:past] < 0) & open_days)
    found = []
    for place, (number, on) in enumerate(times):
        days = np.flatnonzero(time == place)
        if not len(days):
            continue
        begins = int(days[0])
        near = usual[(usual < begins) & (usual >= begins - _REFERENCE_BACK)][-_REFERENCE_DAYS:]
        started = on - timedelta(days=occasions[number].lead_days) >= first
        whole = started and int(days[-1]) < past and len(near) >= _REFERENCE_MIN
        found.append(Occurrence(number, on, days, phase[days], near, whole))
    return DayPlan(owner, phase, tuple(sorted(found, key=lambda one: one.on)))
