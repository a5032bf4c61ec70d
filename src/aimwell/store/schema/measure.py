"""Reports that were made."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import Text, metadata

__all__ = ["reports"]

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("report_id", Text, primary_key=True),
    sa.Column("plan_id", Text, nullable=False, index=True),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("document", JsonType, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
)
