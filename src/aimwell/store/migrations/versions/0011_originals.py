"""Originals of personal fields that were brought into one form, and rows of the quarantine that were dismissed."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import UtcDateTime

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "quarantine_dismissed",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "row_hash", sa.Text(), nullable=False, comment="The row as it waited in quarantine."
        ),
        sa.Column("why", sa.Text(), nullable=False, comment="In the words of who dismissed it."),
        sa.Column("dismissed_by", sa.Text(), nullable=False),
        sa.Column("dismissed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", "row_hash", name=op.f("pk_quarantine_dismissed")),
    )
    op.create_table(
        "vault_originals",
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "field", sa.Text(), nullable=False, comment="Column of vault_people, or of its extra."
        ),
        sa.Column(
            "value", sa.Text(), nullable=False, comment="What was made of it; empty: nothing."
        ),
        sa.Column(
            "written", sa.Text(), nullable=False, comment="The text as the source had it last."
        ),
        sa.Column("how", sa.Text(), nullable=False, comment="As email, phone:GB, spaces+title."),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "origin_id", "source", "field", "value", name=op.f("pk_vault_originals")
        ),
    )
