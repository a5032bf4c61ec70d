"""Profiles of mere visitors are told from people."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which the next run of unify fills, and the index by which people are counted."""
    op.add_column(
        "profiles",
        sa.Column(
            "visitor",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="Only a browser or device that was shown pages: nobody yet who is counted among people.",
        ),
    )
    op.create_index("ix_profiles_visitor_orders", "profiles", ["visitor", "orders"])
