"""Erasures: who is gone but not yet out of every file, and a receipt of each."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "erasures",
        sa.Column(
            "erasure_id",
            sa.Text(),
            nullable=False,
            comment="Random; stands for the person in what must stay.",
        ),
        sa.Column("erased_at", UtcDateTime(), nullable=False),
        sa.Column("erased_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "receipt", JsonType, nullable=False, comment="Rows by table; no id of the person."
        ),
        sa.Column(
            "purged_at", UtcDateTime(), nullable=True, comment="Out of every file; null: not yet."
        ),
        sa.PrimaryKeyConstraint("erasure_id", name=op.f("pk_erasures")),
    )
    op.create_table(
        "erased_origins",
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.Column(
            "erased_at",
            UtcDateTime(),
            nullable=False,
            comment="Rows of the lake received until then are nobody's any more.",
        ),
        sa.ForeignKeyConstraint(
            ["erasure_id"], ["erasures.erasure_id"], name=op.f("fk_erased_origins_erasure_id")
        ),
        sa.PrimaryKeyConstraint("origin_id", name=op.f("pk_erased_origins")),
    )
