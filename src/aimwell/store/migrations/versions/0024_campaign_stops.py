"""Stops of campaigns by their guardrails, with the evidence and who let them go on."""

import sqlalchemy as sa
from alembic import op

from aimwell.store.control import JsonType, UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "campaign_stops",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("guardrail", sa.Text(), nullable=False, comment="As in the campaign."),
        sa.Column(
            "since",
            UtcDateTime(),
            nullable=False,
            comment="From when on the evidence counts; a resumption begins anew.",
        ),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("evidence", JsonType, nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=False),
        sa.Column("resumed_at", UtcDateTime(), comment="Null: the stop stands."),
        sa.Column("resumed_by", sa.Text()),
        sa.Column("reason", sa.Text(), comment="Why it was let go on."),
        sa.PrimaryKeyConstraint("plan_id", "guardrail", "since", name=op.f("pk_campaign_stops")),
    )
    op.create_index(op.f("ix_campaign_stops_campaign"), "campaign_stops", ["campaign"])
