"""The documents that people write, and every revision of them."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import Int, Text, metadata

__all__ = ["definition_revisions", "definitions"]

definitions = sa.Table(
    "definitions",
    metadata,
    sa.Column("kind", Text, primary_key=True),
    sa.Column("name", Text, primary_key=True),
    sa.Column("revision", Int, nullable=False),
    sa.Column("document", JsonType, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
)

definition_revisions = sa.Table(
    "definition_revisions",
    metadata,
    sa.Column("kind", Text, primary_key=True),
    sa.Column("name", Text, primary_key=True),
    sa.Column("revision", Int, primary_key=True),
    sa.Column("document", JsonType, comment="Null: the definition was removed."),
    sa.Column("diff", Text, nullable=False, comment="Unified difference to the revision before."),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
)
