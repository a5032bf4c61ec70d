"""How far each input of a source was read, and the objects of stores that are known."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "source_progress",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False, comment="Name in the source's files."),
        sa.Column(
            "state", JsonType, nullable=False, comment="A database's cursor or a table's version."
        ),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", "input", name=op.f("pk_source_progress")),
    )
    op.create_table(
        "source_objects",
        sa.Column("address", sa.Text(), nullable=False, comment="As s3://bucket/orders.csv."),
        sa.Column("mark", sa.Text(), nullable=False, comment="ETag, or time, and size."),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_source_objects")),
    )
