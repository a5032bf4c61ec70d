"""How segments stand, whom to look at again, and each profile's active segments."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "segment_states",
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column(
            "revision",
            sa.Integer(),
            nullable=True,
            comment="Of the last refresh that went well; null: none did.",
        ),
        sa.Column(
            "rule_hash",
            sa.Text(),
            nullable=True,
            comment="Of all that its members depend on but data, as then.",
        ),
        sa.Column(
            "refreshed_at",
            UtcDateTime(),
            nullable=True,
            comment="The last look at it that went well.",
        ),
        sa.Column(
            "full_at",
            UtcDateTime(),
            nullable=True,
            comment="The last look at everybody that went well.",
        ),
        sa.Column(
            "members",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="As of refreshed_at.",
        ),
        sa.Column(
            "behind",
            sa.Boolean(),
            nullable=False,
            comment="Everybody must be looked at again.",
        ),
        sa.Column("failing_since", UtcDateTime(), nullable=True, comment="Null: it does not fail."),
        sa.Column(
            "failed_at", UtcDateTime(), nullable=True, comment="The last time that it failed."
        ),
        sa.Column(
            "failed_revision", sa.Integer(), nullable=True, comment="The revision that fails."
        ),
        sa.Column("failure", sa.Text(), nullable=True, comment="Why, without personal data."),
        sa.PrimaryKeyConstraint("segment", name=op.f("pk_segment_states")),
    )
    op.create_table(
        "touched_profiles",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "profile_id",
            sa.Text(),
            nullable=False,
            comment="Whose segments are to be looked at again; '*': everybody's.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touched_profiles")),
    )
    op.create_index(
        op.f("ix_touched_profiles_profile_id"), "touched_profiles", ["profile_id"], unique=False
    )
    op.create_table(
        "profile_segments",
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column("segments", JsonType, nullable=False, comment="Names of its active segments."),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_profile_segments")),
    )
    op.create_index(op.f("ix_profiles_first_seen_at"), "profiles", ["first_seen_at"], unique=False)
    op.create_index(op.f("ix_consents_occurred_at"), "consents", ["occurred_at"], unique=False)
