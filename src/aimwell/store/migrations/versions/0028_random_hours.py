"""Some of a plan's people may be written to at a random hour; the comment of the column says so."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Write the comment; SQLite keeps none."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.alter_column(
        "plan_people",
        "timing",
        existing_type=sa.Text(),
        existing_nullable=True,
        existing_comment="own, everybody (their commonest hours), held (at the stated time by chance) or stated; null where the campaign "
        "asks for no best time.",
        comment="own, everybody (their commonest hours), held (at the stated time by chance), random (at an hour by chance) or stated; "
        "null where the campaign asks for no best time.",
    )
