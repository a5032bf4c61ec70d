"""Tracking messages put straight into the inbox, and what a flush makes of them.

put(stores, {"type": "track", "userId": "u1", "event": "Signed Up", "messageId": "m1"})
flush_inbox(stores, now=NOW)
rows(stores, "events", "event_id", "event")
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.messages import Received
from aimwell.collect.tracking.records import Kept, pack
from aimwell.privacy.inbox_cipher import inbox_cipher
from aimwell.store.inbox import InboxWriter
from aimwell.store.schema import metadata
from aimwell.store.sql import column
from aimwell.store.stores import Stores

__all__ = ["NOW", "control_rows", "people_state", "put", "put_bodies", "rows", "tracked_state"]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

Body = tuple[dict[str, Any] | bytes, datetime, bool]


def put(
    stores: Stores,
    *messages: Any,
    source: str = "web",
    at: datetime = NOW,
    opted_out: bool = False,
    **shared: Any,
) -> None:
    """One batch, acknowledged and sealed."""
    put_bodies(stores, [({"batch": list(messages), **shared}, at, opted_out)], source=source)


def put_bodies(stores: Stores, bodies: Sequence[Body], *, source: str = "web") -> None:
    """Several batches in one segment."""

    async def write() -> None:
        writer = InboxWriter(inbox_folder(stores), cipher=inbox_cipher(stores))
        for body, at, opted_out in bodies:
            received = Received(call="batch", received_at=at, opted_out=opted_out)
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            await writer.append(pack(Kept(source, received, text)))
        await writer.close()

    asyncio.run(write())


def rows(stores: Stores, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of a table of the lake (all without names), in order."""
    with stores.engine.session() as session:
        session.bind("t", stores.lake.pin(table).tables[table])
        wanted = [column(c) for c in columns] or [exp.Star()]
        return sorted(session.rows(exp.select(*wanted).from_("t")), key=str)


def control_rows(stores: Stores, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of a table of the control database, in order."""
    found = metadata.tables[table]
    with stores.read_control() as connection:
        query = sa.select(*(found.c[name] for name in columns))
        return sorted((tuple(row) for row in connection.execute(query)), key=str)


_LAKE = {
    "events": None,
    "traits": None,
    "accounts": None,
    "account_members": None,
    "products": None,
    "quarantine": None,
}
_CONTROL = {
    "identifiers": ("kind", "value_hash", "origin_id", "first_seen_at"),
    "vault_people": ("origin_id", "customer_id", "email", "phone", "full_name", "set_at"),
    "vault_parts": ("vault_key", "origin_id", "content", "first_at", "last_at"),
    "vault_rows": ("row_hash", "content"),
    "consents": ("origin_id", "purpose", "channel", "state", "occurred_at"),
}


def tracked_state(stores: Stores) -> dict[str, Any]:
    """All that counts after flushes, without what differs from run to run."""
    found: dict[str, Any] = {}
    for table in _LAKE:
        names = [
            field.name
            for field in stores.lake.pin(table).tables[table].schema
            if field.name != "load_id"
        ]
        found[table] = rows(stores, table, *names)
    for table, names_ in _CONTROL.items():
        found[table] = control_rows(stores, table, *names_)
    return found


def people_state(stores: Stores) -> dict[str, Any]:
    """Who is whom and all that is known of them after `bring_up_to_date`, and what their orders come to."""
    profiles = metadata.tables["profiles"]
    names = sorted(set(profiles.c.keys()) - {"updated_at", "computed_at"})
    sums: dict[tuple[Any, ...], Decimal] = {}
    for *which, revenue in rows(stores, "orders", "order_id", "origin_id", "revenue"):
        sums[tuple(which)] = sums.get(tuple(which), Decimal(0)) + revenue
    overrides = metadata.tables["identity_overrides"]
    return {
        "profiles": control_rows(stores, "profiles", *names),
        "overrides": control_rows(stores, "identity_overrides", *sorted(overrides.c.keys())),
        "order_sums": sums,
    }
