"""When each person of an audience is due: at the stated time, or at the time at which they act, with a share kept back by chance.

Who has such a time, and another than the stated one, is dealt out by a hash of its own: `test` of them are written to at the stated time
all the same, and `random` of them at a random hour. So what the time earns can be told (`timing_worth`), with probabilities that are known.
Where it was told that it earns nothing, the shares are turned round: all but `test` are written to at the stated time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.own_hours import WEEK, in_own_hours
from aimwell.decide.people import TIMINGS, TREATMENT, PlanPeople
from aimwell.decide.random_hours import random_hours
from aimwell.decide.time_choice import TimeChoice
from aimwell.decide.timing import due_at
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.definitions.kinds.contact_policy import QuietHours
from aimwell.definitions.kinds.predicted import BestTime
from aimwell.predict.timing.acts import NOT_OWN
from aimwell.stats.buckets import BUCKETS, buckets

if TYPE_CHECKING:
    from aimwell.predict.timing.own_times import OwnTimes

__all__ = ["DueTimes", "as_datetimes", "due_times"]

_STATED, _OWN, _EVERYBODY, _HELD, _RANDOM = range(len(TIMINGS))
_UNKNOWN, _SAME, _OUTSIDE, _MOVED = range(4)
_NONE = np.datetime64("NaT", "us")

Moments = NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class DueTimes:
    """One entry a person, in the audience's order.

    Args:
        at: When they are due, UTC.
        others: When they would be due had chance dealt otherwise: at the stated time for who is written to at their own, and the
            other way round, and at the hour that is drawn for them where some are written to at a random one; NaT where there is no other.
        timing: Code of TIMINGS; None without a best time.
        why: Of who is not moved: nothing is known, it is the stated time, or it lies outside the while or in quiet hours.
        zones: Codes of `zone_names`.
        wanted, choice: What the campaign asks for, and the prediction.
        hours: Zone → the hours that can be drawn at random.
    """

    at: Moments
    others: tuple[Moments, ...]
    timing: NDArray[np.int8] | None
    why: NDArray[np.int8] | None
    zones: NDArray[np.int64]
    zone_names: tuple[str, ...]
    wanted: BestTime | None = None
    choice: TimeChoice | None = None
    hours: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def moments(self) -> list[datetime]:
        """`at` as aware datetimes, each different one made once."""
        return as_datetimes(self.at)

    def elsewhen(self) -> Iterator[tuple[NDArray[np.intp], Moments]]:
        """Whom chance might have dealt another time, and that time: who may be written to is asked for all of them, so that the
        groups stay alike."""
        if self.wanted is None or not self.wanted.test:
            return
        for other in self.others:
            some = np.flatnonzero(~np.isnat(other))
            yield some, other[some]

    def of(self, people: PlanPeople) -> NDArray[np.int8] | None:
        """The codes of those who get a message, −1 for all others."""
        if self.timing is None:
            return None
        return np.where(people.arm == TREATMENT, self.timing, -1).astype(np.int8)

    def header(self) -> dict[str, Any] | None:
        """By what the times were told, for the plan."""
        if self.wanted is None or self.choice is None:
            return None
        own = self.choice.own
        held, random = _shares(self.wanted, given_up=self.choice.given_up)
        return {
            "model": own.entry.label,
            "as_of": own.as_of.isoformat(),
            "within_hours": self.wanted.within / timedelta(hours=1),
            "otherwise": self.wanted.otherwise,
            "test": held / BUCKETS,
            "random": random / BUCKETS,
            "random_hours": dict(self.hours),
            "given_up": self.choice.given_up,
        }

    def summary(self, people: PlanPeople) -> dict[str, Any] | None:
        """What explain shows: how many of those who get a message are due by what, and the hours (their own clock) at which they are."""
        if self.timing is None or self.why is None or self.choice is None:
            return None
        treated = people.is_in(TREATMENT)
        timing, why = self.timing[treated], self.why[treated]
        stated = timing == _STATED
        moments, place = np.unique(self.at[treated].astype(np.int64), return_inverse=True)
        kinds = len(self.zone_names)
        pairs, counts = np.unique(place * kinds + self.zones[treated], return_counts=True)
        hours = np.zeros(24, dtype=np.int64)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            at, zone = int(moments[pair // kinds]), self.zone_names[pair % kinds]
            hours[_aware(at).astimezone(ZoneInfo(zone)).hour] += count
        return {
            **(self.header() or {}),
            "better": list(self.choice.own.better),
            "verdict": self.choice.verdict,
            "words": self.choice.words,
            "own": int((timing == _OWN).sum()),
            "everybody": int((timing == _EVERYBODY).sum()),
            "held": int((timing == _HELD).sum()),
            "random_hour": int((timing == _RANDOM).sum()),
            "stated": {
                "unknown": int((stated & (why == _UNKNOWN)).sum()),
                "same": int((stated & (why == _SAME)).sum()),
                "outside": int((stated & (why == _OUTSIDE)).sum()),
            },
            "hours": {f"{hour:02d}": int(n) for hour, n in enumerate(hours) if n},
        }

    def warnings(self, told: Mapping[str, Any] | None) -> list[str]:
        """What to know before it is approved, of what `summary` says."""
        if told is None or self.wanted is None or self.choice is None:
            return []
        moved, own = told["own"] + told["everybody"], self.choice.own
        found = []
        if "hours" not in own.better and own.usual_block is None:
            found.append(
                f"{own.entry.label} knows no hours, as all was dated by the day alone; people are written to at the stated time."
            )
        elif not own.better and self.wanted.otherwise == "stated":
            found.append(
                f"{own.entry.label} found no own times that foretold later acts better than everybody's, so all are written to at "
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


def _shares(wanted: BestTime, *, given_up: bool) -> tuple[int, int]:
    """Of whom chance deals, how many of 10,000 are kept at the stated time, and how many get a random hour."""
    test, random = round(wanted.test * BUCKETS), round(wanted.random * BUCKETS)
    return max(test, BUCKETS - random - test) if given_up else test, random


def due_times(
    campaign: Campaign,
    origins: Sequence[str],
    audience: Sequence[str],
    zones: Sequence[str],
    *,
    now: datetime,
    quiet: QuietHours | None,
    choice: TimeChoice | None,
) -> DueTimes:
    """When each of the audience is due.

    Args:
        campaign: Its schedule, and the salt by which people are dealt out.
        origins: Whose hash decides, one a person.
        audience: Profile ids.
        zones: Each person's time zone.
        now: Nobody is due before.
        quiet: Hours of the person's day in which nothing is sent.
        choice: The prediction, where the schedule asks for one.
    """
    coded = pa.array(zones, pa.string()).dictionary_encode()
    names = tuple(coded.dictionary.to_pylist())
    zone = np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    usual = [due_at(campaign.schedule, zone=name, now=now, quiet=quiet) for name in names]
    stated = _moments(usual)[zone] if names else np.zeros(0, dtype="datetime64[us]")
    wanted = campaign.schedule.best_time
    if wanted is None or choice is None:
        return DueTimes(stated, (), None, None, zone, names)
    own = choice.own
    block, weekday = _times_of(own, audience, wanted)
    everybody = np.zeros(len(audience), dtype=np.bool_)
    if wanted.otherwise == "everybody" and own.usual_block is not None:
        everybody = (block == NOT_OWN) & (weekday == NOT_OWN)
        block = np.where(everybody, own.usual_block, block)
    due = _due(wanted, own.block_hours, zone, names, usual, block, weekday, quiet)
    there = ~np.isnat(due)
    moved = there & (due != stated)
    some = np.flatnonzero(moved)
    salt = f"{campaign.salt or campaign.name}:time"
    theirs = [origins[i] for i in some.tolist()]
    drawn = buckets(salt, theirs)
    # Who is kept at the stated time is so in every plan, however large the share is.
    held, random = _shares(wanted, given_up=choice.given_up)
    timing = np.full(len(audience), _STATED, dtype=np.int8)
    timing[moved] = np.where(everybody[moved], _EVERYBODY, _OWN)
    timing[some[drawn < held]] = _HELD
    times, hours = [stated, due], {}
    if random:
        by_chance = random_hours(
            salt,
            theirs,
            zone[some],
            names,
            usual,
            within=wanted.within,
            block_hours=own.block_hours,
            quiet=quiet,
        )
        hour = np.full(len(audience), _NONE)
        hour[some], hours = by_chance.at, by_chance.possible
        timing[some[drawn >= BUCKETS - random]] = _RANDOM
        times.append(hour)
    at = np.select(
        [timing == _RANDOM, (timing == _OWN) | (timing == _EVERYBODY)], [times[-1], due], stated
    )
    known = (block != NOT_OWN) | (weekday != NOT_OWN)
    why = np.where(moved, _MOVED, np.where(there, _SAME, np.where(known, _OUTSIDE, _UNKNOWN)))
    return DueTimes(
        at=at,
        others=tuple(np.where(moved & (one != at), one, _NONE) for one in times),
        timing=timing,
        why=why.astype(np.int8),
        zones=zone,
        zone_names=names,
        wanted=wanted,
        choice=choice,
        hours=hours,
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


def as_datetimes(moments: Moments) -> list[datetime]:
    """Aware, in UTC; each different one is made once."""
    different, place = np.unique(moments.astype(np.int64), return_inverse=True)
    made = [_aware(at) for at in different.tolist()]
    return [made[one] for one in place.tolist()]


def _aware(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
