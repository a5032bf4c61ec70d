"""Codes of one's own, and the points of a loyalty programme."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "offer_codes",
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column(
            "code", sa.Text(), nullable=False, comment="As it is typed, without spaces around."
        ),
        sa.Column(
            "folded", sa.Text(), nullable=False, comment="Case-folded, to find it in orders."
        ),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("plan_id", sa.Text(), comment="Plan that hands it out; null: free."),
        sa.Column("profile_id", sa.Text(), comment="Whose it is."),
        sa.Column("given_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("folded", name=op.f("pk_offer_codes")),
        sa.UniqueConstraint(
            "plan_id", "profile_id", "offer", name=op.f("uq_offer_codes_plan_id_profile_id_offer")
        ),
    )
    op.create_index("ix_offer_codes_free", "offer_codes", ["offer", "plan_id"])
    op.create_table(
        "loyalty_entries",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column(
            "entry_id", sa.Text(), nullable=False, comment="Says what it is about; once only."
        ),
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="earned, spent, returned, granted."),
        sa.Column(
            "points", sa.Integer(), nullable=False, comment="Above 0, or below 0 where they go."
        ),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), comment="Null: they last."),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("programme", "entry_id", name=op.f("pk_loyalty_entries")),
    )
    op.create_index("ix_loyalty_entries_person", "loyalty_entries", ["programme", "profile_id"])
