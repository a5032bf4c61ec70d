"""The table of a plan's people says of people who were passed over, too."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_COMMENTS = (
    (
        "arm",
        sa.Text(),
        False,
        "treatment, control or excluded.",
        "treatment, control, passed (over) or excluded.",
    ),
    (
        "action",
        sa.Text(),
        True,
        "Chosen action; null for control and excluded.",
        "Chosen action; null where there is none.",
    ),
    (
        "probability",
        sa.Float(),
        True,
        "Probability of this arm and action.",
        "Probability of this action, or of none.",
    ),
)


def upgrade() -> None:
    """Write the comments; SQLite keeps none."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for name, kind, nullable, before, after in _COMMENTS:
        op.alter_column(
            "plan_people",
            name,
            existing_type=kind,
            existing_nullable=nullable,
            existing_comment=before,
            comment=after,
        )
