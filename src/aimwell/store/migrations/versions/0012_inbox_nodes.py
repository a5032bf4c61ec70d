"""Inboxes of several machines, and whose segments a flush took."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and name the inbox of each flush."""
    op.create_table(
        "inbox_nodes",
        sa.Column("node", sa.Text(), nullable=False, comment="Name that the inbox bears."),
        sa.Column(
            "machine", sa.Text(), nullable=False, comment="Boot id of the system that uses it."
        ),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column(
            "oldest_at", UtcDateTime(), nullable=True, comment="Begin of its oldest segment."
        ),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_inbox_nodes")),
    )
    op.add_column(
        "flushes",
        sa.Column("node", sa.Text(), nullable=True, comment="Inbox of its segments."),
    )
