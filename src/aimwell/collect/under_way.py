"""Loads that are under way while somebody is erased: from when on they count as begun, and how long a purge waits for them.

A row of the lake is an erased person's where it was received up to the erasure, and rows are received when their load is
begun. So a load must not be begun before an erasure and read its files after it, without anybody at work in between; and
nobody may forget who was erased while a load of before is yet to come into the lake.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["begun_again", "lease_of", "oldest_under_way"]

_erasures = metadata.tables["erasures"]
_loads = metadata.tables["loads"]


def lease_of(source: str) -> str:
    """Name of the lease of whoever collects a source."""
    return f"collect:{source}"


def begun_again(connection: sa.Connection, begun_at: datetime, *, now: datetime) -> datetime:
    """When a load counts as begun that was given up and is begun again: as the first time, so that the same comes of it.

    Where somebody was erased since, it is now: whoever is in the files still is a new person.
    """
    since = sa.select(_erasures.c.erasure_id).where(_erasures.c.erased_at >= begun_at).limit(1)
    return begun_at if connection.execute(since).first() is None else max(begun_at, now)


def oldest_under_way(stores: Stores) -> datetime | None:
    """When the oldest load was begun that somebody works out just now, or whose rows the lake has yet to take."""
    query = sa.select(_loads.c.source, _loads.c.state, _loads.c.started_at).where(
        _loads.c.state.in_(["running", "prepared"])
    )
    with stores.control.read() as connection:
        rows = connection.execute(query).all()
    # What a process left running when it died is begun again if at all.
    found = [
        row.started_at
        for row in rows
        if row.state == "prepared" or stores.leases.is_held(lease_of(row.source))
    ]
    return min(found, default=None)
