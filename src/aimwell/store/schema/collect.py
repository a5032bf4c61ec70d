"""Sources and loads: how far each was read, what came of it, what was replayed from quarantine."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import AutoId, Big, Bool, Int, Text, metadata

__all__ = [
    "expectation_results",
    "loads",
    "quarantine_dismissed",
    "quarantine_settled",
    "source_objects",
    "source_progress",
    "source_runs",
]

source_progress = sa.Table(
    "source_progress",
    metadata,
    sa.Column("source", Text, primary_key=True),
    sa.Column("input", Text, primary_key=True, comment="Name in the source's files."),
    sa.Column(
        "state", JsonType, nullable=False, comment="A database's cursor or a table's version."
    ),
    sa.Column("read_at", UtcDateTime, nullable=False),
)

source_objects = sa.Table(
    "source_objects",
    metadata,
    sa.Column("address", Text, primary_key=True, comment="As s3://bucket/orders.csv."),
    sa.Column("mark", Text, nullable=False, comment="ETag, or time, and size."),
    sa.Column("sha256", Text, nullable=False),
    sa.Column("size_bytes", Big, nullable=False),
)

loads = sa.Table(
    "loads",
    metadata,
    sa.Column("load_id", Text, primary_key=True),
    sa.Column(
        "seq",
        Big,
        nullable=False,
        unique=True,
        comment="Rising; version of the lake transactions.",
    ),
    sa.Column("source", Text, nullable=False),
    sa.Column("entity", Text, nullable=False),
    sa.Column(
        "content_hash",
        Text,
        nullable=False,
        comment="SHA-256 of the files' bytes and the mapping.",
    ),
    sa.Column("files", JsonType, nullable=False),
    sa.Column("state", Text, nullable=False, comment="running, done, failed."),
    sa.Column("report", JsonType),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("ix_loads_content", "source", "content_hash"),
)

expectation_results = sa.Table(
    "expectation_results",
    metadata,
    sa.Column("load_id", Text, primary_key=True),
    sa.Column("place", Int, primary_key=True, comment="In the definition, from 0."),
    sa.Column("source", Text, nullable=False),
    sa.Column("entity", Text, nullable=False),
    sa.Column("name", Text, nullable=False, comment="Its name, else the reason of its kind."),
    sa.Column("kind", Text, nullable=False, comment="required, type, range, in …"),
    sa.Column("field", Text),
    sa.Column("severity", Text, nullable=False, comment="quarantine or warn."),
    sa.Column("rows", Big, nullable=False, comment="Rows looked at."),
    sa.Column("broken", Big, nullable=False, comment="Rows that do not fulfil it."),
    sa.Column("detail", Text, nullable=False, comment="What is expected, in words."),
    sa.Column("measured_at", UtcDateTime, nullable=False),
    sa.Index("ix_expectation_results_source", "source", "measured_at"),
)

quarantine_dismissed = sa.Table(
    "quarantine_dismissed",
    metadata,
    sa.Column("source", Text, primary_key=True),
    sa.Column("row_hash", Text, primary_key=True, comment="The row as it waited in quarantine."),
    sa.Column("why", Text, nullable=False, comment="In the words of who dismissed it."),
    sa.Column("dismissed_by", Text, nullable=False),
    sa.Column("dismissed_at", UtcDateTime, nullable=False),
)

quarantine_settled = sa.Table(
    "quarantine_settled",
    metadata,
    sa.Column("source", Text, primary_key=True),
    sa.Column("entity", Text, primary_key=True),
    sa.Column("row_hash", Text, primary_key=True, comment="The row as it waited in quarantine."),
    sa.Column("load_id", Text, primary_key=True, comment="The replay that took it up."),
    sa.Column(
        "corrected",
        Bool,
        nullable=False,
        comment="Another row stands for it, so that the old one in a later file is not taken beside it.",
    ),
    sa.Column("taken", Bool, nullable=False, comment="False: its correction waits in its place."),
    sa.Column("settled_at", UtcDateTime, nullable=False),
    sa.Index("ix_quarantine_settled_load_id", "load_id"),
)

source_runs = sa.Table(
    "source_runs",
    metadata,
    sa.Column("id", AutoId, primary_key=True, autoincrement=True),
    sa.Column("source", Text, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime, nullable=False),
    sa.Column("outcome", Text, nullable=False, comment="taken, unchanged or failed."),
    sa.Column("rows", Big, comment="Rows read; null where nothing was."),
    sa.Column("error", Text, comment="Why it failed, in words."),
    sa.Column("columns", JsonType, comment="File → column → type, where the files were read."),
    sa.Index("ix_source_runs_source", "source", "id"),
)
