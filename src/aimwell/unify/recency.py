"""How fresh what is known of a person is: 1 when it was said, a half after the half-life of its kind, never 0.

The score depends on the moment of asking, so it is not stored: the state keeps since when each value holds, and this
module is the one place that makes a score of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

import sqlalchemy as sa

from aimwell.definitions.data_kinds import (
    CONTACT_HALF_LIVES,
    DATA_KINDS,
    HALF_LIVES,
    DataKind,
    usual_kind,
)
from aimwell.definitions.kinds.profile_rules import ProfileRules
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.kinds.survey import AnswerKind
from aimwell.definitions.service import find, names
from aimwell.store.control import Control
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.merging import profile_rules

__all__ = ["Ageing", "ageing", "newest_facts", "overall", "profile_recency", "recency"]

_profiles = metadata.tables["profiles"]

_LAST: Mapping[str, DataKind] = {
    "last_order_at": "transactional",
    "last_event_at": "behavioural",
    "last_answer_at": "feedback",
    **{f"answered_{kind}_at": kind for kind in get_args(AnswerKind) if kind != "feedback"},
}
"""Computed traits that say when something of a kind was last heard of."""


def recency(age: timedelta, half_life: timedelta) -> float:
    """0.5 to the power of age ÷ half-life, between 0 and 1; what is dated in the future is fresh."""
    return float(0.5 ** (max(age, timedelta(0)) / half_life))


@dataclass(frozen=True)
class Ageing:
    """To which kind of data each trait belongs and after what time it counts half.

    A trait's kind is what `profile_rules` say of it, else its source's definition, else what its name speaks for.
    """

    rules: ProfileRules
    sources: Mapping[str, Source]

    def kind(self, trait: str, source: str) -> DataKind:
        """The kind of data of a trait that a source told."""
        own = self.rules.traits.get(trait)
        if own is not None and own.data is not None:
            return own.data
        told = self.sources.get(source)
        if told is not None:
            return told.trait_data.get(trait) or told.data or usual_kind(trait)
        return usual_kind(trait)

    def half_life(self, kind: DataKind, trait: str | None = None) -> timedelta:
        """After what time a fact of the kind (or this trait) counts half."""
        own = self.rules.traits.get(trait) if trait is not None else None
        if own is not None and own.half_life is not None:
            return own.half_life
        return self.rules.half_lives.get(kind, HALF_LIVES[kind])

    def trait(self, trait: str, source: str, since: datetime, now: datetime) -> float:
        """The recency of a trait's value."""
        return recency(now - since, self.half_life(self.kind(trait, source), trait))

    def contact(self, field: str, since: datetime, now: datetime) -> float | None:
        """The recency of a field of the vault; None: it does not grow old."""
        half_life = CONTACT_HALF_LIVES.get(field)
        return None if half_life is None else recency(now - since, half_life)


def ageing(control: Control) -> Ageing:
    """As the definitions say now."""
    found = {name: find(control, Source, name) for _kind, name in names(control, "source")}
    return Ageing(profile_rules(control), found)


def newest_facts(
    ages: Ageing,
    provenance: Mapping[str, Any] | None,
    computed: Mapping[str, Any] | None,
) -> dict[DataKind, datetime]:
    """Kind → when something of it was last heard, from the columns of the state; kinds of which nothing is known are absent."""
    newest: dict[DataKind, datetime] = {}
    told = [
        (ages.kind(trait, source), datetime.fromisoformat(since))
        for trait, (source, since, _confidence) in (provenance or {}).items()
    ]
    told += [
        (kind, datetime.fromisoformat((computed or {})[name]))
        for name, kind in _LAST.items()
        if name in (computed or {})
    ]
    for kind, when in told:
        newest[kind] = max(when, newest.get(kind, when))
    return {kind: newest[kind] for kind in DATA_KINDS if kind in newest}


def profile_recency(
    stores: Stores, profile_ids: Iterable[str], *, now: datetime
) -> dict[str, dict[DataKind, float]]:
    """Profile → kind of data → recency of the newest that is known of it, from the current state."""
    ages = ageing(stores.control)
    query = sa.select(_profiles.c.profile_id, _profiles.c.provenance, _profiles.c.computed).where(
        among(_profiles.c.profile_id, list(profile_ids))
    )
    with stores.read_control() as connection:
        rows = connection.execute(query).all()
    return {
        row.profile_id: {
            kind: recency(now - when, ages.half_life(kind))
            for kind, when in newest_facts(ages, row.provenance, row.computed).items()
        }
        for row in rows
    }


def overall(by_kind: Mapping[DataKind, float]) -> float | None:
    """The recency of a profile: the mean over the kinds of data that are known; None where nothing is."""
    return sum(by_kind.values()) / len(by_kind) if by_kind else None
