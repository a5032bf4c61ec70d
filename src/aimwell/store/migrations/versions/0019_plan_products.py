"""The products that the people of a plan are recommended."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "plan_products",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column(
            "products",
            JsonType,
            nullable=False,
            comment="What the person is recommended, the best first, as it was when planned.",
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plans.plan_id"], name=op.f("fk_plan_products_plan_id")
        ),
        sa.PrimaryKeyConstraint("plan_id", "profile_id", name=op.f("pk_plan_products")),
    )
