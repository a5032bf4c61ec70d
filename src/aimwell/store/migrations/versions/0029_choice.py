"""What a policy gives each person before chance decides who is held out and who explores; of plans made before it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "plan_people",
        sa.Column(
            "choice",
            sa.Text(),
            comment="Action that the policy gives the person before chance decides who is held out and who explores, or nothing; null "
            "where no policy chose.",
        ),
    )
