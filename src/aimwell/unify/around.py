"""All who hang together with some origins, looked up step by step by the indexes of the control database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa

from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.unify.bonds import bonds_of
from aimwell.unify.fetching import aside_of, bearers_of, identifiers_of
from aimwell.unify.model import Bond
from aimwell.unify.resolving import Key

__all__ = ["Around", "before_removal", "hanging_together"]

ORIGINS_MAX = 300_000
"""More than so many, and everybody is looked at instead: that is quicker."""

_FAR_TOO_MANY = 2_000
_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]
_set_aside = metadata.tables["identity_set_aside"]


@dataclass(frozen=True)
class Around:
    """Origins that hang together, all their identifiers and decisions.

    Args:
        too_many: Identifiers that too many people share, as the last run found; who else bears them is not looked up.
    """

    origins: frozenset[str]
    ids: pa.Table
    bonds: tuple[Bond, ...]
    too_many: frozenset[Key]


def hanging_together(
    connection: sa.Connection, origins: Collection[str], *, origins_max: int = ORIGINS_MAX
) -> Around | None:
    """Everybody who shares an identifier or a decision with one of `origins`, with those, and so on.

    Also all who were one person with them: what joined them may be shared by too many since. None: more than
    `origins_max`.
    """
    seen: set[str] = set()
    keys: set[Key] = set()
    too_many: set[Key] = set()
    bonds: dict[int, Bond] = {}
    tables: list[pa.Table] = []
    frontier = _with_their_people(connection, set(origins))
    while frontier:
        seen |= frontier
        if len(seen) > origins_max:
            return None
        rows = identifiers_of(connection, frontier)
        tables.append(rows)
        fresh = set(_pairs(rows)) - keys
        keys |= fresh
        too_many |= _too_many_of(connection, fresh)
        bearers = bearers_of(connection, fresh - too_many)
        found = bonds_of(connection, frontier)
        bonds |= {bond.decision: bond for bond in found}
        bound = {o for bond in found if bond.verdict == "together" for o in bond.a | bond.b}
        frontier = (bearers | bound) - seen
    return (
        Around(
            frozenset(seen), pa.concat_tables(tables), tuple(bonds.values()), frozenset(too_many)
        )
        if tables
        else Around(frozenset(), identifiers_of(connection, ()), (), frozenset())
    )


def before_removal(connection: sa.Connection, origins: Collection[str]) -> frozenset[str]:
    """Whom it may concern when the identifiers of `origins` go: hand these on to `unify_touched` afterwards.

    To be called before the rows go, in the transaction that removes them: what too many people shared, and fewer may
    share then, is looked at anew.
    """
    keys = set(_pairs(identifiers_of(connection, origins)))
    concerned = set(origins)
    for kind, value in sorted(_too_many_of(connection, keys)):
        number = connection.execute(
            sa.select(sa.func.count())
            .select_from(_identifiers)
            .where(_identifiers.c.kind == kind, _identifiers.c.value_hash == value)
        ).scalar_one()
        if number > _FAR_TOO_MANY:
            keys.discard((kind, value))
    for kind in sorted({kind for kind, _value in keys}):
        values = among(_set_aside.c.value_hash, sorted(v for k, v in keys if k == kind))
        connection.execute(sa.delete(_set_aside).where(_set_aside.c.kind == kind, values))
    concerned |= bearers_of(connection, keys)
    return frozenset(_with_their_people(connection, concerned))


def _pairs(rows: pa.Table) -> list[Key]:
    return list(zip(rows["kind"].to_pylist(), rows["value_hash"].to_pylist(), strict=True))


def _too_many_of(connection: sa.Connection, keys: Collection[Key]) -> set[Key]:
    return {
        (kind, value) for kind, value, reason in aside_of(connection, keys) if reason == "too_many"
    }


def _with_their_people(connection: sa.Connection, origins: set[str]) -> set[str]:
    """The origins, and all that were one person with one of them."""
    known = connection.execute(
        sa.select(_overrides.c.profile_id).where(among(_overrides.c.origin_id, sorted(origins)))
    )
    profiles = {row[0] for row in known} | origins
    members = connection.execute(
        sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, sorted(profiles)))
    )
    return profiles | {row[0] for row in members}
