"""Campaigns replayed on history: whom each would have written to at earlier moments, and how often the same people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.eligibility import Slots, slot_refusals
from aimwell.decide.model import Detectable
from aimwell.decide.people import ALLOWED
from aimwell.definitions.kinds.contact_policy import ContactPolicy

__all__ = ["Contacted", "Fatigue", "Overlap", "Replay", "Round", "moments_before", "overlaps"]

_TIRING_DAYS = 28
_MICROS_A_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Round:
    """One campaign at one earlier moment, as it would have been planned then.

    Attributes:
        audience: Whom its rule found, by what was known then.
        new: Those of them who were not in its audience one round before; None in its first round.
        refused: Reason → people left out for it; `capped` and `too_soon` are by what the replay itself would have sent.
        treated, held_out, passed: Who would have got a message; who would have been kept out to compare; whom a limit left out.
        actions: Action → people.
        cost: Of the messages.
        bought_share, value: What those who may get a message did in the window that followed, by what was really sent then: the
            share who reached the goal, and its value per person. None where the window is not over, with `reason`.
        detectable: The smallest lifts that these arms would have found.
        timing, channels: When people would have been written to and through which channel, as `explain` tells it of a plan; None
            where the campaign asks for no prediction, or (times) too little was known then.
    """

    campaign: str
    moment: datetime
    audience: int
    new: int | None
    refused: Mapping[str, int]
    treated: int
    held_out: int
    passed: int
    actions: Mapping[str, int]
    cost: float
    bought_share: float | None
    value: float | None
    detectable: tuple[Detectable, ...]
    reason: str | None = None
    timing: Mapping[str, Any] | None = None
    channels: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Overlap:
    """Two campaigns at one moment: how many people stand in both audiences, of how many in each."""

    first: str
    second: str
    moment: datetime
    both: int
    of_first: int
    of_second: int


@dataclass(frozen=True)
class Fatigue:
    """How often the same people would have been written to over all rounds.

    Attributes:
        people: Who stood in any audience.
        contacted: Who would have got a message at least once.
        messages: All messages.
        times: Number of messages → people who would have got so many.
        most_in_28_days: The most that anybody would have got within 28 days.
    """

    people: int
    contacted: int
    messages: int
    times: Mapping[int, int]
    most_in_28_days: int


@dataclass(frozen=True)
class Replay:
    """Campaigns at earlier moments; rounds in order of time and, within a moment, in the order in which campaigns go first."""

    currency: str
    every_days: float
    rounds: tuple[Round, ...]
    overlaps: tuple[Overlap, ...]
    fatigue: Fatigue
    notes: tuple[str, ...]

    @property
    def cost(self) -> float:
        """Of all messages."""
        return sum(one.cost for one in self.rounds)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; times in ISO 8601."""
        body = asdict(self)
        for row in (*body["rounds"], *body["overlaps"]):
            row["moment"] = row["moment"].isoformat()
        return {**body, "cost": self.cost}


class Contacted:
    """Messages that the replay would have sent so far: a person is a number, the same in every campaign and round."""

    def __init__(self) -> None:
        """Nobody was written to yet."""
        self._numbers: dict[str, int] = {}
        self._person: list[NDArray[np.int64]] = []
        self._at: list[NDArray[np.int64]] = []
        self._channel: list[NDArray[np.str_]] = []
        self._category: list[NDArray[np.str_]] = []

    def numbers(self, people: Sequence[str]) -> NDArray[np.int64]:
        """The number of each of these people."""
        known = self._numbers
        return np.array([known.setdefault(one, len(known)) for one in people], dtype=np.int64)

    def refusals(
        self,
        policy: ContactPolicy | None,
        who: NDArray[np.int64],
        channels: Sequence[str],
        *,
        at: NDArray[np.datetime64],
        category: str | None,
    ) -> NDArray[np.int8]:
        """Whom the policy would have spared another message (people × channels) at their moment, as codes of reasons."""
        if policy is None or not self._person or not len(who):
            return np.full((len(who), len(channels)), ALLOWED, dtype=np.int8)
        person, when, channel, categories = self._columns()
        place = np.full(len(self._numbers), -1, dtype=np.int64)
        place[who] = np.arange(len(who))
        inside = np.flatnonzero(place[person] >= 0)
        moments = at.astype("datetime64[us]").astype(np.int64)
        slots = Slots(
            person=place[person[inside]],
            at=when[inside],
            day=when[inside] // _MICROS_A_DAY,
            channel=channel[inside],
            category=categories[inside],
            reserved=np.zeros(inside.size, dtype=np.bool_),
            worth=np.full(inside.size, np.inf),
        )
        return slot_refusals(
            policy,
            slots,
            at=moments,
            day=moments // _MICROS_A_DAY,
            channels=channels,
            category=category,
        )

    def add(
        self,
        who: NDArray[np.int64],
        channels: NDArray[np.str_],
        *,
        at: NDArray[np.datetime64],
        category: str | None,
    ) -> None:
        """Messages to these people, one each, at their moments."""
        self._person.append(who)
        self._at.append(at.astype("datetime64[us]").astype(np.int64))
        self._channel.append(channels)
        self._category.append(np.full(len(who), category or ""))

    def fatigue(self) -> Fatigue:
        """How often the same people were written to."""
        if not self._person:
            return Fatigue(len(self._numbers), 0, 0, {}, 0)
        person, at, _channel, _category = self._columns()
        counts = np.bincount(person, minlength=len(self._numbers))
        sizes, people = np.unique(counts[counts > 0], return_counts=True)
        return Fatigue(
            people=len(self._numbers),
            contacted=int((counts > 0).sum()),
            messages=int(person.size),
            times=dict(zip(sizes.tolist(), people.tolist(), strict=True)),
            most_in_28_days=_most_within(person, at, _TIRING_DAYS * _MICROS_A_DAY),
        )

    def _columns(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.str_], NDArray[np.str_]]:
        return (
            np.concatenate(self._person),
            np.concatenate(self._at),
            np.concatenate(self._channel),
            np.concatenate(self._category),
        )


def _most_within(person: NDArray[np.int64], at: NDArray[np.int64], span: int) -> int:
    """The most messages that one person has within less than `span`."""
    if not person.size:
        return 0
    order = np.lexsort((at, person))
    person, at = person[order], at[order] - at.min()
    key = person * (int(at.max()) + span + 1) + at
    first = np.searchsorted(key, key - span, side="right")
    # A look back never reaches the person before: their keys lie more than a span away.
    return int((np.arange(key.size) - first + 1).max())


def overlaps(audiences: Mapping[str, Sequence[str]], moment: datetime) -> list[Overlap]:
    """Every pair of campaigns at one moment."""
    sets = {name: set(people) for name, people in audiences.items()}
    return [
        Overlap(
            first,
            second,
            moment,
            both=len(sets[first] & sets[second]),
            of_first=len(sets[first]),
            of_second=len(sets[second]),
        )
        for first, second in combinations(sets, 2)
    ]


def moments_before(last: datetime, *, times: int, every: timedelta) -> list[datetime]:
    """So many moments, evenly apart, the last one last."""
    return [last - every * number for number in range(times - 1, -1, -1)]
