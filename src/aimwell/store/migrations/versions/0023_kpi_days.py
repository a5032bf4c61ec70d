"""Sums of each day of each campaign, how far they reach, and figures of others to compare with."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, Money, UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_BEFELL = (
    "opened",
    "opened_machine",
    "clicked",
    "clicked_machine",
    "engaged",
    "engaged_machine",
    "unsubscribed",
    "complained",
    "shared",
)


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "kpi_message_days",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column(
            "day", sa.Text(), nullable=False, comment="On which they were sent, as 2026-03-01."
        ),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False, comment="Empty where the action has one."),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("cost", Money(), nullable=False),
        sa.Column(
            "bounced",
            sa.Integer(),
            nullable=False,
            comment="Messages of that day, whenever it befell.",
        ),
        *[sa.Column(name, sa.Integer(), nullable=False) for name in _BEFELL],
        sa.PrimaryKeyConstraint(
            "plan_id", "day", "action", "variant", name=op.f("pk_kpi_message_days")
        ),
    )
    op.create_table(
        "kpi_order_days",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column(
            "day", sa.Text(), nullable=False, comment="Of the order or return, as 2026-03-01."
        ),
        sa.Column("action", sa.Text(), nullable=False, comment="Empty: the people held out."),
        sa.Column("variant", sa.Text(), nullable=False, comment="Empty where the action has one."),
        sa.Column("orders", sa.Integer(), nullable=False, comment="Not wholly returned."),
        sa.Column(
            "buyers", sa.Integer(), nullable=False, comment="People whose first such order it was."
        ),
        sa.Column("revenue", Money(), nullable=False, comment="Less returns of that day."),
        sa.PrimaryKeyConstraint(
            "plan_id", "day", "action", "variant", name=op.f("pk_kpi_order_days")
        ),
    )
    op.create_table(
        "kpi_marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False, comment="Times brought forward."),
        sa.Column("seen", JsonType, nullable=False, comment="Up to where everything is counted."),
        sa.Column("brought_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kpi_marks")),
    )
    op.create_table(
        "kpi_benchmarks",
        sa.Column("key", sa.Text(), nullable=False, comment="Of the key figure."),
        sa.Column("source", sa.Text(), nullable=False, comment="Who says so."),
        sa.Column("channel", sa.Text(), nullable=False, comment="Empty: any."),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), comment="Usual range, where it is known."),
        sa.Column("high", sa.Float()),
        sa.Column("year", sa.Integer()),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", "source", "channel", name=op.f("pk_kpi_benchmarks")),
    )
