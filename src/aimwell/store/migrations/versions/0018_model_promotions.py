"""Which version of a model its bare name means."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "model_promotions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("promoted_at", UtcDateTime(), nullable=False),
        sa.Column(
            "version",
            sa.Integer(),
            nullable=False,
            comment="What the bare name has meant since then.",
        ),
        sa.Column("promoted_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "promoted_at", name=op.f("pk_model_promotions")),
    )
