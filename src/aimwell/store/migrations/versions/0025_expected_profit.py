"""What each planned person's action is expected to bring, by which campaigns that run at once are compared."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of plans that were made before nothing is known."""
    op.add_column(
        "plan_people",
        sa.Column(
            "expected_profit",
            sa.Float(),
            comment="Incremental profit that the action is expected to bring; null where nothing is known of it.",
        ),
    )
