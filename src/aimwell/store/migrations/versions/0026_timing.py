"""By what each planned person's message is due when it is, so that it can be told what that earned."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; plans that were made before asked for no best time."""
    op.add_column(
        "plan_people",
        sa.Column(
            "timing",
            sa.Text(),
            comment="own, everybody (their commonest hours), held (at the stated time by chance) or stated; null where the campaign asks "
            "for no best time.",
        ),
    )
