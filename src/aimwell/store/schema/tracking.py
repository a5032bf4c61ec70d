"""Tracking messages on their way into the lake: keys of clients, flushes, orders told by messages."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import Big, Bool, Text, metadata

__all__ = ["flushes", "inbox_nodes", "tracked_orders", "write_keys"]

write_keys = sa.Table(
    "write_keys",
    metadata,
    sa.Column(
        "key_hash", Text, primary_key=True, comment="SHA-256 of the key; it is kept nowhere."
    ),
    sa.Column("key_id", Text, nullable=False, unique=True, comment="Names it in lists and logs."),
    sa.Column("source", Text, nullable=False, comment="Source that its messages belong to."),
    sa.Column("label", Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
)

flushes = sa.Table(
    "flushes",
    metadata,
    sa.Column("flush_id", Text, primary_key=True),
    sa.Column(
        "seq", Big, nullable=False, unique=True, comment="Rising; version of the transactions."
    ),
    sa.Column("state", Text, nullable=False, comment="running, prepared, published, done, failed."),
    sa.Column("segments", JsonType, nullable=False, comment="Names of the inbox's segments."),
    sa.Column("staging", Text, comment="Folder of its files for the lake."),
    sa.Column("report", JsonType),
    sa.Column("unified", Bool, nullable=False, default=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("node", Text, comment="Inbox of its segments."),
    sa.Index("ix_flushes_state", "state"),
)

inbox_nodes = sa.Table(
    "inbox_nodes",
    metadata,
    sa.Column("node", Text, primary_key=True, comment="Name that the inbox bears."),
    sa.Column("machine", Text, nullable=False, comment="Boot id of the system that uses it."),
    sa.Column("host", Text, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.Column("oldest_at", UtcDateTime, comment="Begin of its oldest segment."),
    sa.Column("segments", Big, nullable=False),
)

tracked_orders = sa.Table(
    "tracked_orders",
    metadata,
    sa.Column("source", Text, primary_key=True),
    sa.Column("event_id", Text, primary_key=True, comment="As in the lake's events."),
    sa.Column("order_id", Text, nullable=False),
    sa.Column("event", Text, nullable=False, comment="Order Completed, Updated, …"),
    sa.Column("origin_id", Text, nullable=False, index=True),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Column("content", Text, nullable=False, comment="Amounts and lines as JSON."),
    sa.Column("waits", Text, comment="Why nothing of the order is in the lake yet; null: it is."),
    sa.Index("ix_tracked_orders_order_id", "source", "order_id"),
    sa.Index("ix_tracked_orders_waits", "waits"),
)
