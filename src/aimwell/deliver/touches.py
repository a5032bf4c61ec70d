"""Carries what happened to messages into the lake's `touches`, each event exactly once.

Events are first given the number of the lake transaction that will carry them, then the transaction is written. After
a crash in between, the same events are written under the same number, which the lake takes once.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aimwell.deliver.answers import PAGE_VIEWED
from aimwell.deliver.machine import COMPANY
from aimwell.privacy.erasure import is_erased
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = ["flush_touches"]

_events = metadata.tables["message_events"]
_messages = metadata.tables["messages"]
_APPLICATION = "deliver:touches"
_BATCH = 50_000
_HITS = ("Email Opened", "Email Link Clicked")
_SETTLED = COMPANY + timedelta(seconds=15)
"""Hits wait so long: what follows may show that they were a machine's, and the lake is never changed. Some seconds more
than it takes, because the clocks of several servers differ."""


def flush_touches(stores: Stores, *, now: datetime) -> int:
    """Write new events of messages to the lake; returns how many."""
    written = 0
    with stores.leases.hold("flush:touches"):
        while True:
            number = _next_batch(stores, now)
            if number is None:
                return written
            rows = _rows(stores, number, now)
            if stores.lake.append("touches", rows, transaction=(_APPLICATION, number)):
                written += rows.num_rows


def _next_batch(stores: Stores, now: datetime) -> int | None:
    """The number of a batch that the lake does not have yet: one that a crash left, or a new one."""
    with stores.control.begin() as connection:
        last = connection.execute(sa.select(sa.func.max(_events.c.batch))).scalar_one()
        if last is not None and not stores.lake.has_transaction("touches", (_APPLICATION, last)):
            return int(last)
        ready = sa.and_(
            _events.c.batch.is_(None),
            _events.c.event != PAGE_VIEWED,
            sa.or_(_events.c.event.not_in(_HITS), _events.c.occurred_at <= now - _SETTLED),
        )
        fresh = sa.select(_events.c.id).where(ready).order_by(_events.c.id)
        ids = connection.execute(fresh.limit(_BATCH)).scalars().all()
        if not ids:
            return None
        number = (last or 0) + 1
        # By the range and the null: what was committed after this look-up keeps its null for the next batch.
        connection.execute(
            sa.update(_events)
            .where(ready, _events.c.id >= ids[0], _events.c.id <= ids[-1])
            .values(batch=number)
        )
        return number


def _rows(stores: Stores, number: int, now: datetime) -> pa.Table:
    with stores.read_control() as connection:
        found = connection.execute(
            sa.select(_events, _messages)
            .join(_messages, _messages.c.message_id == _events.c.message_id)
            .where(_events.c.batch == number)
            .order_by(_events.c.id)
        ).all()
    # What befell the messages of somebody who was erased is not told of anybody.
    found = [row for row in found if not is_erased(row.profile_id)]
    schema = LAKE_TABLES["touches"].schema
    return pa.Table.from_pylist([_row(stores, row, now) for row in found], schema=schema)


def _row(stores: Stores, row: Any, now: datetime) -> dict[str, Any]:
    key = f"{stores.workspace_id}:{row.id}"
    sent = row.event == "Email Sent"
    return {
        "touch_id": hashlib.sha256(key.encode()).hexdigest()[:32],
        "origin_id": row.profile_id,
        "event": row.event,
        "occurred_at": row.occurred_at,
        "message_id": row.message_id,
        "plan_id": row.plan_id,
        "campaign": row.campaign,
        "channel": row.channel,
        "action": row.action,
        "variant": row.variant,
        "link_id": None if row.link is None else str(row.link),
        "machine": row.machine,
        "cost": Decimal(row.cost) if sent and row.cost is not None else None,
        "properties": None,
        "source": "aimwell",
        "load_id": None,
        "received_at": now,
    }
