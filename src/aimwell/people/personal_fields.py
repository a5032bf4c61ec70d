"""The personal fields of a person, masked unless they are asked for, with who said them and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from aimwell.people.model import PersonalField
from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.masking import masked
from aimwell.privacy.originals import read_originals
from aimwell.privacy.vault import read_people
from aimwell.store.schema import metadata
from aimwell.unify.kinds import family
from aimwell.unify.recency import Ageing

__all__ = ["personal_fields"]

_identifiers = metadata.tables["identifiers"]


def personal_fields(
    connection: sa.Connection,
    profile_id: str,
    origins: Sequence[str],
    ages: Ageing,
    *,
    now: datetime,
    key: bytes,
    reveal: bool,
) -> tuple[PersonalField, ...]:
    """What the vault holds of a person.

    Of what identifies it is known who told it first, and when. Other fields have the source and time of the word that
    stands, which is the last; by that time all of them grow old.

    Args:
        connection: To the control database.
        profile_id: Whose.
        origins: The identities of the profile.
        ages: How fast fields grow old.
        now: The present.
        key: Of the hashes of identifiers.
        reveal: Show the values, and the texts they were made of.
    """
    person = read_people(connection, [profile_id]).get(profile_id)
    if person is None:
        return ()
    told = _told_first(connection, origins)
    fields = {**person.fields, **{name: str(value) for name, value in person.extra.items()}}
    written = read_originals(connection, origins) if reveal else {}
    found = []
    for name, value in fields.items():
        if not value:
            continue
        word = person.said[name]
        fresh = ages.contact(name, word.at, now)
        source, since = _first_word(told, key, name, value) or (word.source, word.at)
        shown = value if reveal else masked(value)
        original = written.get((name, value))
        found.append(PersonalField(name, shown, source, since, fresh, original))
    found += [
        PersonalField(name, "", None, None, None, original)
        for (name, value), original in sorted(written.items())
        if not value and not fields.get(name)
    ]
    return tuple(found)


def _told_first(
    connection: sa.Connection, origins: Sequence[str]
) -> dict[tuple[str, str], tuple[str, datetime]]:
    """(kind, hash) of each identifier → who told it first, and when."""
    query = sa.select(_identifiers).where(_identifiers.c.origin_id.in_(origins))
    last_first = query.order_by(_identifiers.c.first_seen_at.desc(), _identifiers.c.source.desc())
    return {
        (row.kind, row.value_hash): (row.source, row.first_seen_at)
        for row in connection.execute(last_first)
    }


def _first_word(
    told: Mapping[tuple[str, str], tuple[str, datetime]], key: bytes, name: str, value: str
) -> tuple[str, datetime] | None:
    """Who told a field first, where it is an identifier; customer ids are of one name space or another."""
    kinds = sorted({kind for kind, _ in told if name in (kind, family(kind))})
    words = (told.get((kind, identifier_hash(key, kind, value))) for kind in kinds)
    return next((word for word in words if word), None)
