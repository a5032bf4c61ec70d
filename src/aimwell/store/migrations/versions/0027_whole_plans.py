"""Which plans' decisions are still to be written to the lake, who of a plan explored, and codes that were earned."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of plans that were made before all is written."""
    op.add_column(
        "plans",
        sa.Column(
            "decisions_due",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="Its rows of the lake's decisions are still to be written.",
        ),
    )
    op.add_column(
        "plan_people",
        sa.Column(
            "explored",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="The action was drawn at random, so that the next plan can learn.",
        ),
    )
    op.add_column(
        "offer_codes",
        sa.Column("earned_by", sa.Text(), comment="What it rewards, once; null: it is no reward."),
    )
    op.create_index("ix_offer_codes_earned_by", "offer_codes", ["earned_by"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(
            "offer_codes",
            "plan_id",
            existing_type=sa.Text(),
            existing_nullable=True,
            existing_comment="Plan that hands it out; null: free.",
            comment="Plan that hands it out; null: none yet.",
        )
