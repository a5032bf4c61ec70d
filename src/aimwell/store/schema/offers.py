"""Codes of one's own, and the points of a loyalty programme."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import UtcDateTime
from aimwell.store.schema.base import Int, Text, metadata

__all__ = ["loyalty_entries", "offer_codes"]

offer_codes = sa.Table(
    "offer_codes",
    metadata,
    sa.Column("offer", Text, nullable=False),
    sa.Column("code", Text, nullable=False, comment="As it is typed, without spaces around."),
    sa.Column("folded", Text, primary_key=True, comment="Case-folded, to find it in orders."),
    sa.Column("added_at", UtcDateTime, nullable=False),
    sa.Column("plan_id", Text, comment="Plan that hands it out; null: none yet."),
    sa.Column("profile_id", Text, comment="Whose it is."),
    sa.Column("given_at", UtcDateTime),
    sa.Column("earned_by", Text, comment="What it rewards, once; null: it is no reward."),
    sa.UniqueConstraint("plan_id", "profile_id", "offer"),
    sa.Index("ix_offer_codes_free", "offer", "plan_id"),
    sa.Index("ix_offer_codes_earned_by", "earned_by", unique=True),
)

loyalty_entries = sa.Table(
    "loyalty_entries",
    metadata,
    sa.Column("programme", Text, primary_key=True),
    sa.Column("entry_id", Text, primary_key=True, comment="Says what it is about; once only."),
    sa.Column("profile_id", Text, nullable=False),
    sa.Column("kind", Text, nullable=False, comment="earned, spent, returned, granted."),
    sa.Column("points", Int, nullable=False, comment="Above 0, or below 0 where they go."),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, comment="Null: they last."),
    sa.Column("written_at", UtcDateTime, nullable=False),
    sa.Index("ix_loyalty_entries_person", "programme", "profile_id"),
)
