"""How segments stand: each one's last refresh, whom to look at again, and the active segments of each profile."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, UtcDateTime
from aimwell.store.schema.base import AutoId, Bool, Int, Text, metadata

__all__ = ["profile_segments", "segment_states", "touched_profiles"]

segment_states = sa.Table(
    "segment_states",
    metadata,
    sa.Column("segment", Text, primary_key=True),
    sa.Column("revision", Int, comment="Of the last refresh that went well; null: none did."),
    sa.Column("rule_hash", Text, comment="Of all that its members depend on but data, as then."),
    sa.Column("refreshed_at", UtcDateTime, comment="The last look at it that went well."),
    sa.Column("full_at", UtcDateTime, comment="The last look at everybody that went well."),
    sa.Column("members", Int, nullable=False, server_default="0", comment="As of refreshed_at."),
    sa.Column("behind", Bool, nullable=False, comment="Everybody must be looked at again."),
    sa.Column("failing_since", UtcDateTime, comment="Null: it does not fail."),
    sa.Column("failed_at", UtcDateTime, comment="The last time that it failed."),
    sa.Column("failed_revision", Int, comment="The revision that fails."),
    sa.Column("failure", Text, comment="Why, without personal data."),
)

touched_profiles = sa.Table(
    "touched_profiles",
    metadata,
    sa.Column("id", AutoId, primary_key=True, autoincrement=True),
    sa.Column(
        "profile_id",
        Text,
        nullable=False,
        index=True,
        comment="Whose segments are to be looked at again; '*': everybody's.",
    ),
)

profile_segments = sa.Table(
    "profile_segments",
    metadata,
    sa.Column("profile_id", Text, primary_key=True),
    sa.Column("segments", JsonType, nullable=False, comment="Names of its active segments."),
)
