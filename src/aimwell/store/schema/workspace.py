"""The tables of the workspace itself: its keys, leases, pins of lake versions, the audit log."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import AutoId, Big, Text, metadata

__all__ = ["audit_log", "leases", "pins", "workspace_meta"]

workspace_meta = sa.Table(
    "workspace_meta",
    metadata,
    sa.Column(
        "key", Text, primary_key=True, comment="As 'workspace_id', 'identity_key', 'token_key'."
    ),
    sa.Column("value", Text, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", Text, primary_key=True, comment="What is held, as 'lake:orders'."),
    sa.Column(
        "token", Text, nullable=False, comment="Random; only who knows it may renew or release."
    ),
    sa.Column("owner", Text, nullable=False, comment="Host, boot, pid and start of the process."),
    sa.Column("until", UtcDateTime, nullable=False, comment="Taken over after this."),
)

pins = sa.Table(
    "pins",
    metadata,
    sa.Column("table_name", Text, primary_key=True, comment="Lake table."),
    sa.Column("version", Big, primary_key=True, comment="Its files stay while this row stands."),
    sa.Column("owner", Text, primary_key=True, comment="Who reads it, as 'plan:3f2a'."),
    sa.Column("until", UtcDateTime, nullable=False, comment="Holds until then."),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", AutoId, primary_key=True, autoincrement=True),
    sa.Column("occurred_at", UtcDateTime, nullable=False, index=True),
    sa.Column("actor", Text, nullable=False),
    sa.Column("action", Text, nullable=False),
    sa.Column("subject", Text, comment="What it was done to; ids only."),
    sa.Column("detail", JsonType),
)
