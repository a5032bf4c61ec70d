"""When each person of an audience is due: at the stated time, or at the time at which they act, with a share kept back by chance.

Who has such a time, and another than the stated one, is dealt out by a hash of its own: `test` of them are written to at the stated time
all the same. So what the time earns can be told (`timing_worth`), with probabilities that are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.own_hours import WEEK, in_own_hours
from aimwell.decide.people import TIMINGS, TREATMENT, PlanPeople
from aimwell.decide.timing import due_at
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.definitions.kinds.contact_policy import QuietHours
from aimwell.definitions.kinds.predicted import BestTime
from aimwell.predict.timing.acts import NOT_OWN
from aimwell.stats.buckets import BUCKETS, buckets

if TYPE_CHECKING:
    from aimwell.predict.timing.own_times import OwnTimes

__all__ = ["DueTimes", "due_times", "held_share"]

_STATED, _OWN, _EVERYBODY, _HELD = range(len(TIMINGS))
_UNKNOWN, _SAME, _OUTSIDE, _MOVED = range(4)
_NONE = np.datetime64("NaT", "us")

Moments = NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class DueTimes:
    """One entry a person, in the audience's order.

    Args:
        at: When they are due, UTC.
        other: When they would be due had chance dealt otherwise: at the stated time for who is written to at their own, and the
            other way round; NaT where there is but one time. None without a best time.
        timing: Code of TIMINGS; None without a best time.
        why: Of who is not moved: nothing is known, it is the stated time, or it lies outside the while or in quiet hours.
        zones: Codes of `zone_names`.
        wanted, own: What the campaign asks for, and the prediction.
    """

    at: Moments
    other: Moments | None
    timing: NDArray[np.int8] | None
    why: NDArray[np.int8] | None
    zones: NDArray[np.int64]
    zone_names: tuple[str, ...]
    wanted: BestTime | None = None
    own: OwnTimes | None = None

    @property
    def moments(self) -> list[datetime]:
        """`at` as aware datetimes, each different one made once."""
        return _datetimes(self.at)

    def at_both(self) -> tuple[NDArray[np.intp], list[datetime]]:
        """Whom chance might have dealt another time, and that time: who may be written to is asked for both, so that the two groups
        stay alike."""
        if self.other is None or self.wanted is None or not self.wanted.test:
            return np.zeros(0, dtype=np.intp), []
        some = np.flatnonzero(~np.isnat(self.other))
        return some, _datetimes(self.other[some])

    def of(self, people: PlanPeople) -> NDArray[np.int8] | None:
        """The codes of those who get a message, −1 for all others."""
        if self.timing is None:
            return None
        return np.where(people.arm == TREATMENT, self.timing, -1).astype(np.int8)

    def header(self) -> dict[str, Any] | None:
        """By what the times were told, for the plan."""
        if self.wanted is None or self.own is None:
            return None
        return {
            "model": self.own.entry.label,
            "as_of": self.own.as_of.isoformat(),
            "within_hours": self.wanted.within / timedelta(hours=1),
            "otherwise": self.wanted.otherwise,
            "test": held_share(self.wanted),
        }

    def summary(self, people: PlanPeople) -> dict[str, Any] | None:
        """What explain shows: how many of those who get a message are due by what, and the hours (their own clock) at which they are."""
        if self.timing is None or self.why is None or self.own is None:
            return None
        treated = people.is_in(TREATMENT)
        timing, why = self.timing[treated], self.why[treated]
        stated = timing == _STATED
        pairs, counts = np.unique(
            np.stack([self.at[treated].astype(np.int64), self.zones[treated]]),
            axis=1,
            return_counts=True,
        )
        hours = np.zeros(24, dtype=np.int64)
        for (at, zone), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            local = _aware(at).astimezone(ZoneInfo(self.zone_names[zone]))
            hours[local.hour] += count
        return {
            **(self.header() or {}),
            "better": list(self.own.better),
            "own": int((timing == _OWN).sum()),
            "everybody": int((timing == _EVERYBODY).sum()),
            "held": int((timing == _HELD).sum()),
            "stated": {
                "unknown": int((stated & (why == _UNKNOWN)).sum()),
                "same": int((stated & (why == _SAME)).sum()),
                "outside": int((stated & (why == _OUTSIDE)).sum()),
            },
            "hours": {f"{hour:02d}": int(n) for hour, n in enumerate(hours) if n},
        }

    def warnings(self, people: PlanPeople) -> list[str]:
        """What to know before it is approved."""
        told = self.summary(people)
        if told is None or self.wanted is None or self.own is None:
            return []
        moved = told["own"] + told["everybody"]
        found = []
        if "hours" not in self.own.better and self.own.usual_block is None:
            found.append(
                f"{self.own.entry.label} knows no hours, as all was dated by the day alone; people are written to at the stated time."
            )
        elif not self.own.better and self.wanted.otherwise == "stated":
            found.append(
                f"{self.own.entry.label} found no own times that foretold later acts better than everybody's, so all are written to at "
                "the stated time."
            )
        elif not moved and not told["held"]:
            found.append(
                f"Nobody's own time lies within {self.wanted.within / timedelta(hours=1):g} hours after the stated one and outside "
                "quiet hours, so all are written to at the stated time."
            )
        if moved and not told["held"]:
            found.append(
                "Nobody is kept at the stated time by chance (schedule.best_time.test), so it will not be possible to say what the "
                "time earned."
            )
        return found


def held_share(wanted: BestTime) -> float:
    """The share of those with a time who are kept at the stated one, as it is drawn: in whole buckets."""
    return round(wanted.test * BUCKETS) / BUCKETS


def due_times(
    campaign: Campaign,
    origins: Sequence[str],
    audience: Sequence[str],
    zones: Sequence[str],
    *,
    now: datetime,
    quiet: QuietHours | None,
    own: OwnTimes | None,
) -> DueTimes:
    """When each of the audience is due.

    Args:
        campaign: Its schedule, and the salt by which people are dealt out.
        origins: Whose hash decides, one a person.
        audience: Profile ids.
        zones: Each person's time zone.
        now: Nobody is due before.
        quiet: Hours of the person's day in which nothing is sent.
        own: The prediction, where the schedule asks for one.
    """
    coded = pa.array(zones, pa.string()).dictionary_encode()
    names = tuple(coded.dictionary.to_pylist())
    zone = np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    usual = [due_at(campaign.schedule, zone=name, now=now, quiet=quiet) for name in names]
    stated = _moments(usual)[zone] if names else np.zeros(0, dtype="datetime64[us]")
    wanted = campaign.schedule.best_time
    if wanted is None or own is None:
        return DueTimes(stated, None, None, None, zone, names)
    block, weekday = _times_of(own, audience, wanted)
    everybody = np.zeros(len(audience), dtype=np.bool_)
    if wanted.otherwise == "everybody" and own.usual_block is not None:
        everybody = (block == NOT_OWN) & (weekday == NOT_OWN)
        block = np.where(everybody, own.usual_block, block)
    due = _due(wanted, own.block_hours, zone, names, usual, block, weekday, quiet)
    there = ~np.isnat(due)
    moved = there & (due != stated)
    held = np.zeros(len(audience), dtype=np.bool_)
    some = np.flatnonzero(moved)
    salt = f"{campaign.salt or campaign.name}:time"
    drawn = buckets(salt, [origins[i] for i in some.tolist()])
    held[some] = drawn < round(wanted.test * BUCKETS)
    timing = np.full(len(audience), _STATED, dtype=np.int8)
    timing[moved] = np.where(everybody[moved], _EVERYBODY, _OWN)
    timing[held] = _HELD
    known = (block != NOT_OWN) | (weekday != NOT_OWN)
    why = np.where(moved, _MOVED, np.where(there, _SAME, np.where(known, _OUTSIDE, _UNKNOWN)))
    return DueTimes(
        at=np.where(moved & ~held, due, stated),
        other=np.where(moved, np.where(held, due, stated), _NONE),
        timing=timing,
        why=why.astype(np.int8),
        zones=zone,
        zone_names=names,
        wanted=wanted,
        own=own,
    )


def _times_of(
    own: OwnTimes, audience: Sequence[str], wanted: BestTime
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Block of hours and weekday of each of the audience; NOT_OWN where there is none, or it cannot count."""
    place = pc.index_in(pa.array(audience, pa.string()), value_set=own.profiles)
    at = np.asarray(pc.fill_null(place, len(own.profiles)).to_numpy(), dtype=np.int64)
    block = np.append(own.block, NOT_OWN).astype(np.int64)[at]
    weekday = np.append(own.weekday, NOT_OWN).astype(np.int64)[at]
    return block, weekday if wanted.within >= WEEK else np.full_like(weekday, NOT_OWN)


def _due(
    wanted: BestTime,
    block_hours: int,
    zone: NDArray[np.int64],
    names: Sequence[str],
    usual: Sequence[datetime],
    block: NDArray[np.int64],
    weekday: NDArray[np.int64],
    quiet: QuietHours | None,
) -> Moments:
    """The moment of each person, worked out once for each zone, block and weekday; NaT where there is none."""
    keys, place = np.unique((zone * 25 + block + 1) * 8 + weekday + 1, return_inverse=True)
    found: Moments = np.full(len(keys), _NONE)
    for number, key in enumerate(keys.tolist()):
        rest, day = divmod(key, 8)
        which, hours = divmod(rest, 25)
        day, hours = day - 1, hours - 1
        # Where the weekday leaves no moment (quiet hours), the hours alone are better than nothing.
        for on in (day, NOT_OWN) if day != NOT_OWN else (NOT_OWN,):
            moment = in_own_hours(
                usual[which],
                zone=names[which],
                within=wanted.within,
                block=None if hours == NOT_OWN else hours,
                block_hours=block_hours,
                weekday=None if on == NOT_OWN else on,
                quiet=quiet,
            )
            if moment is not None:
                found[number] = np.datetime64(moment.replace(tzinfo=None), "us")
                break
    return found[place]


def _moments(given: Sequence[datetime]) -> Moments:
    return np.array([at.astimezone(UTC).replace(tzinfo=None) for at in given], "datetime64[us]")


def _datetimes(moments: Moments) -> list[datetime]:
    different, place = np.unique(moments.astype(np.int64), return_inverse=True)
    made = [_aware(at) for at in different.tolist()]
    return [made[one] for one in place.tolist()]


def _aware(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
