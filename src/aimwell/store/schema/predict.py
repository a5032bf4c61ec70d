"""The registry of models."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import Int, Text, metadata

__all__ = ["model_promotions", "models"]

models = sa.Table(
    "models",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("version", Int, primary_key=True),
    sa.Column("kind", Text, nullable=False, comment="propensity, lifetime_value, clusters …"),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("settings", JsonType, nullable=False),
    sa.Column("metrics", JsonType, nullable=False),
    sa.Column(
        "files", JsonType, nullable=False, comment="File name → SHA-256, checked before parsing."
    ),
    sa.Column("lake_versions", JsonType, nullable=False),
    sa.Column("trained_at", UtcDateTime, nullable=False),
)

model_promotions = sa.Table(
    "model_promotions",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("promoted_at", UtcDateTime, primary_key=True),
    sa.Column("version", Int, nullable=False, comment="What the bare name has meant since then."),
    sa.Column("promoted_by", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
)
