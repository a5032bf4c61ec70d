"""Models that tell by likeness who is one person, and how far they have looked."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "match_models",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "document",
            JsonType,
            nullable=False,
            comment="Fields and parameters: frequencies and weights, no values of people.",
        ),
        sa.Column("learned_at", UtcDateTime(), nullable=False),
        sa.Column("learned_by", sa.Text(), nullable=False),
        sa.Column(
            "compared_to",
            UtcDateTime(),
            nullable=True,
            comment="Whoever was known before has been compared by this model; null: nobody yet.",
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_match_models")),
    )
