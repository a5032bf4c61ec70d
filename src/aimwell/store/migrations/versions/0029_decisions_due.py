"""Which plans' decisions are still to be written to the lake, and who of a plan explored, so that they can be written again."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0025"
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
