"""The page of one person, as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aimwell.definitions.data_kinds import DataKind

__all__ = [
    "ComputedValue",
    "ConsentAnswer",
    "ConsentState",
    "Happening",
    "Identity",
    "Letter",
    "OutsideFact",
    "PersonalField",
    "Placed",
    "ProfilePage",
    "ScoreValue",
    "SegmentPlace",
    "TraitValue",
]


@dataclass(frozen=True)
class Identity:
    """The identities that are this person.

    `identifiers`: kind → how many; their values are in the vault only. `accounts`: id and role. `household`: how many
    people it has, this one too; None where none is known.
    """

    origins: tuple[str, ...]
    joined_by: tuple[str, ...]
    identifiers: Mapping[str, int]
    accounts: tuple[tuple[str, str | None], ...]
    household: int | None


@dataclass(frozen=True)
class PersonalField:
    """One field of the vault, masked unless it was revealed; `source` and `since` are those of the row that told it last.

    `written`: how a source wrote it, where that was brought into another form, and only where it was revealed; of what
    could not be read the value is empty.
    """

    name: str
    value: str
    source: str | None
    since: datetime | None
    recency: float | None
    written: str | None = None


@dataclass(frozen=True)
class TraitValue:
    """One trait: the value that counts, whence, since when, how sure and how fresh it is (0 to 1).

    `filled` is the rule of the source that stood in where it said nothing, as 'constant'; None: the source said it.
    """

    name: str
    value: str
    data: DataKind
    source: str
    since: datetime
    confidence: float
    recency: float
    filled: str | None = None


@dataclass(frozen=True)
class OutsideFact:
    """What outside data say of what the person's trait `dimension` names: a figure or a word, since when, how fresh."""

    name: str
    dimension: str
    key: str
    value: str
    since: datetime
    source: str
    recency: float


@dataclass(frozen=True)
class ComputedValue:
    """One computed trait; `value` is None where it is undefined, and `missing` says why."""

    name: str
    value: Any
    unit: str
    data: DataKind
    formula: str
    window: str
    missing: str | None


@dataclass(frozen=True)
class ConsentAnswer:
    """One answer on consent."""

    purpose: str
    channel: str
    state: str
    occurred_at: datetime
    basis: str
    source: str
    wording: str | None


@dataclass(frozen=True)
class ConsentState:
    """Whether the person may be contacted for a purpose through a channel.

    `refusal` is None where they may, else the reason in words.
    """

    purpose: str
    channel: str
    state: str
    since: datetime | None
    refusal: str | None


@dataclass(frozen=True)
class SegmentPlace:
    """A segment that the person was in at its last refresh."""

    segment: str
    since: datetime


@dataclass(frozen=True)
class ScoreValue:
    """The newest score of one model."""

    model: str
    version: int
    score: float | None
    lower: float | None
    upper: float | None
    as_of: datetime
    horizon_days: int | None


@dataclass(frozen=True)
class Placed:
    """The person's place in one plan: the arm, or why they were left out."""

    campaign: str
    plan_id: str
    planned_at: datetime
    state: str
    trial: bool
    arm: str
    action: str | None
    excluded: str | None
    probability: float | None


@dataclass(frozen=True)
class Letter:
    """One message to the person."""

    message_id: str
    campaign: str
    channel: str
    action: str
    state: str
    reason: str | None
    due_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True)
class Happening:
    """One line of the time-line. `kind`: order, return, event, touch, answer, segment, consent, merge …"""

    at: datetime
    kind: str
    what: str
    detail: str


@dataclass(frozen=True)
class ProfilePage:
    """All that is known of one person.

    `recency` is the freshness by kind of data, 0 to 1, and `recency_overall` the mean of it. `revealed` says whether
    `personal` is in clear. `happenings` counts all that happened (since the moment asked for), of which `timeline` has
    the newest. `visitor`: nothing is known of them but that they were shown pages.
    """

    profile_id: str
    as_of: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    orders: int
    visitor: bool
    timezone: str | None
    updated_at: datetime
    identity: Identity
    personal: tuple[PersonalField, ...]
    revealed: bool
    traits: tuple[TraitValue, ...]
    surroundings: tuple[OutsideFact, ...]
    computed: tuple[ComputedValue, ...]
    computed_at: datetime | None
    recency: Mapping[DataKind, float]
    recency_overall: float | None
    permissions: tuple[ConsentState, ...]
    consents: tuple[ConsentAnswer, ...]
    segments: tuple[SegmentPlace, ...]
    scores: tuple[ScoreValue, ...]
    plans: tuple[Placed, ...]
    messages: tuple[Letter, ...]
    timeline: tuple[Happening, ...]
    happenings: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what has a name stands under it."""
        page = asdict(self)
        for group in ("personal", "traits", "computed"):
            page[group] = {one.pop("name"): one for one in page[group]}
        return page
