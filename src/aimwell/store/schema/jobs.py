"""Background work, its schedules, alerts."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import AutoId, Big, Bool, Int, Text, metadata

__all__ = ["alerts", "jobs", "schedules"]

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", AutoId, primary_key=True, autoincrement=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("payload", JsonType, nullable=False),
    sa.Column("key", Text, comment="The same key is queued or running once at a time."),
    sa.Column("state", Text, nullable=False, comment="queued, running, done, failed, cancelled."),
    sa.Column("priority", Int, nullable=False, server_default="0", comment="Higher first."),
    sa.Column("run_at", UtcDateTime, nullable=False, comment="Not before."),
    sa.Column("attempts", Int, nullable=False, server_default="0", comment="Times started."),
    sa.Column("attempts_max", Int, nullable=False, server_default="5"),
    sa.Column("cancel_requested", Bool, nullable=False, default=False),
    sa.Column("lease_token", Text),
    sa.Column("lease_owner", Text, comment="As leases.owner."),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("progress_done", Big, nullable=False, server_default="0"),
    sa.Column("progress_total", Big),
    sa.Column("progress_note", Text),
    sa.Column("result", JsonType),
    sa.Column("error", Text, comment="Of the last attempt; without personal data."),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("ix_jobs_claim", "state", "priority", "run_at", "id"),
)
_alive = jobs.c.state.in_(["queued", "running"])
sa.Index("uq_jobs_key", jobs.c.key, unique=True, sqlite_where=_alive, postgresql_where=_alive)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("payload", JsonType, nullable=False),
    sa.Column("cron", Text, nullable=False),
    sa.Column("timezone", Text, nullable=False),
    sa.Column("enabled", Bool, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False, comment="The next fire time."),
    sa.Column("last_at", UtcDateTime, comment="The last fire time."),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("key", Text, primary_key=True, comment="The same trouble has the same key."),
    sa.Column("severity", Text, nullable=False, comment="info, warning, error."),
    sa.Column("message", Text, nullable=False),
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    sa.Column("count", Int, nullable=False),
    sa.Column("resolved_at", UtcDateTime),
)
