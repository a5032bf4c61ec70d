"""Keeps the identity overrides equal to what the identifiers say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from aimwell.store.control import Control, upsert
from aimwell.store.schema import metadata
from aimwell.unify.components import merges
from aimwell.unify.model import Merge

__all__ = ["ORIGINS_MAX", "merge_of", "resolve", "shared_identifiers"]

ORIGINS_MAX = 20
"""An identifier that more origins than this share (a kiosk, noreply@) joins nobody; it is reported."""

_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]
_DELETE_BATCH = 500


def resolve(control: Control, *, now: datetime) -> int:
    """Bring the overrides in step with the identifiers; returns how many rows changed.

    Harmless to repeat, and two at once end with the same result: each works in one transaction.
    """
    with control.begin() as connection:
        found = merges(*_links(connection))
        wanted = {
            origin: (merge.profile_id, list(merge.evidence))
            for merge in found
            for origin in merge.origins
            if origin != merge.profile_id
        }
        present = {
            row.origin_id: (row.profile_id, row.evidence)
            for row in connection.execute(sa.select(_overrides).with_for_update())
        }
        fresh = {o: value for o, value in wanted.items() if present.get(o) != value}
        stale = [origin for origin in present if origin not in wanted]
        rows = [
            {"origin_id": o, "profile_id": p, "evidence": e, "merged_at": now}
            for o, (p, e) in fresh.items()
        ]
        upsert(connection, _overrides, rows, update=("profile_id", "evidence", "merged_at"))
        for start in range(0, len(stale), _DELETE_BATCH):
            batch = stale[start : start + _DELETE_BATCH]
            connection.execute(sa.delete(_overrides).where(_overrides.c.origin_id.in_(batch)))
    return len(fresh) + len(stale)


def _sharing() -> sa.Select[str, str, int]:
    """Identifiers that several origins have, with their number."""
    return (
        sa.select(_identifiers.c.kind, _identifiers.c.value_hash, sa.func.count().label("origins"))
        .group_by(_identifiers.c.kind, _identifiers.c.value_hash)
        .having(sa.func.count() > 1)
    )


def _links(
    connection: sa.Connection,
) -> tuple[Sequence[tuple[str, str, str]], dict[str, datetime]]:
    shared = _sharing().subquery()
    rows = connection.execute(
        sa.select(_identifiers.c.kind, _identifiers.c.value_hash, _identifiers.c.origin_id)
        .join(
            shared,
            sa.and_(
                shared.c.kind == _identifiers.c.kind,
                shared.c.value_hash == _identifiers.c.value_hash,
            ),
        )
        .where(shared.c.origins <= ORIGINS_MAX)
    ).all()
    links = [(row[0], row[1], row[2]) for row in rows]
    involved = sa.select(_identifiers.c.origin_id).join(
        shared,
        sa.and_(
            shared.c.kind == _identifiers.c.kind, shared.c.value_hash == _identifiers.c.value_hash
        ),
    )
    seen = connection.execute(
        sa.select(_identifiers.c.origin_id, sa.func.min(_identifiers.c.first_seen_at))
        .where(_identifiers.c.origin_id.in_(involved))
        .group_by(_identifiers.c.origin_id)
    ).all()
    return links, {row[0]: row[1] for row in seen}


def shared_identifiers(connection: sa.Connection) -> dict[str, int]:
    """Kind → number of identifiers that were set aside because too many origins share them."""
    shared = _sharing().subquery()
    rows = connection.execute(
        sa.select(shared.c.kind, sa.func.count())
        .where(shared.c.origins > ORIGINS_MAX)
        .group_by(shared.c.kind)
    )
    return {row[0]: row[1] for row in rows}


def merge_of(connection: sa.Connection, profile_id: str) -> Merge:
    """The origins of one profile and what joins them."""
    rows = connection.execute(
        sa.select(_overrides.c.origin_id, _overrides.c.evidence)
        .where(_overrides.c.profile_id == profile_id)
        .order_by(_overrides.c.origin_id)
    ).all()
    evidence = sorted({kind for row in rows for kind in row[1]})
    return Merge(profile_id, (profile_id, *(row[0] for row in rows)), tuple(evidence))
