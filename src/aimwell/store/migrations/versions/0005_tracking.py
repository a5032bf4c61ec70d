"""Tracking messages on their way into the lake: flushes, what of messages is personal, orders told by messages."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the four tables."""
    op.create_table(
        "flushes",
        sa.Column("flush_id", sa.Text(), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger(),
            nullable=False,
            comment="Rising; version of the transactions.",
        ),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="running, prepared, published, done, failed.",
        ),
        sa.Column("segments", JsonType, nullable=False, comment="Names of the inbox's segments."),
        sa.Column("staging", sa.Text(), nullable=True, comment="Folder of its files for the lake."),
        sa.Column("report", JsonType, nullable=True),
        sa.Column("unified", sa.Boolean(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("flush_id", name=op.f("pk_flushes")),
        sa.UniqueConstraint("seq", name=op.f("uq_flushes_seq")),
    )
    op.create_index("ix_flushes_state", "flushes", ["state"], unique=False)
    op.create_table(
        "tracked_orders",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False, comment="As in the lake's events."),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False, comment="Order Completed, Updated, …"),
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False, comment="Amounts and lines as JSON."),
        sa.Column(
            "waits",
            sa.Text(),
            nullable=True,
            comment="Why nothing of the order is in the lake yet; null: it is.",
        ),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f("pk_tracked_orders")),
    )
    op.create_index(
        "ix_tracked_orders_order_id", "tracked_orders", ["source", "order_id"], unique=False
    )
    op.create_index("ix_tracked_orders_waits", "tracked_orders", ["waits"], unique=False)
    op.create_index("ix_tracked_orders_origin_id", "tracked_orders", ["origin_id"], unique=False)
    op.create_table(
        "vault_parts",
        sa.Column(
            "vault_key", sa.Text(), nullable=False, comment="As vault_key in the lake's events."
        ),
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "content", sa.Text(), nullable=False, comment="The personal part of messages, as JSON."
        ),
        sa.Column(
            "first_at", UtcDateTime(), nullable=False, comment="Of the first message with it."
        ),
        sa.Column("last_at", UtcDateTime(), nullable=False, comment="Of the last message with it."),
        sa.PrimaryKeyConstraint("vault_key", name=op.f("pk_vault_parts")),
    )
    op.create_index("ix_vault_parts_origin_id", "vault_parts", ["origin_id"], unique=False)
    op.create_table(
        "vault_statements",
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False, comment="Column of vault_people."),
        sa.Column("value", sa.Text(), nullable=False, comment="As it was said last at said_at."),
        sa.Column("said_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "origin_id", "source", "field", "value", name=op.f("pk_vault_statements")
        ),
    )
