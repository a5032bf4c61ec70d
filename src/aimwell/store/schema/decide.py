"""Plans of campaigns, the arm and action of each person in them, what each was recommended, and stops by guardrails."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, Money, UtcDateTime
from aimwell.store.schema.base import Bool, Int, Real, Text, metadata

__all__ = ["campaign_stops", "plan_people", "plan_products", "plans"]

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("plan_id", Text, primary_key=True),
    sa.Column("campaign", Text, nullable=False, index=True),
    sa.Column("revision", Int, nullable=False),
    sa.Column(
        "state",
        Text,
        nullable=False,
        comment="planned, approved, sending, paused, sent, cancelled.",
    ),
    sa.Column("trial", Bool, nullable=False),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column(
        "document", JsonType, nullable=False, comment="All definitions as they were when planned."
    ),
    sa.Column("lake_versions", JsonType, nullable=False),
    sa.Column("summary", JsonType, nullable=False, comment="What explain shows."),
    sa.Column("planned_at", UtcDateTime, nullable=False),
    sa.Column("planned_by", Text, nullable=False),
    sa.Column("approved_at", UtcDateTime),
    sa.Column("approved_by", Text),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Column(
        "decisions_due",
        Bool,
        nullable=False,
        server_default=sa.false(),
        comment="Its rows of the lake's decisions are still to be written.",
    ),
)

plan_people = sa.Table(
    "plan_people",
    metadata,
    sa.Column("plan_id", Text, sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("profile_id", Text, primary_key=True),
    sa.Column("origin_id", Text, nullable=False, comment="Origin whose bucket gave the arm."),
    sa.Column("bucket", Int, nullable=False, comment="0…9999."),
    sa.Column(
        "arm", Text, nullable=False, comment="treatment, control, passed (over) or excluded."
    ),
    sa.Column("excluded", Text, comment="Reason code, for excluded people."),
    sa.Column("action", Text, comment="Chosen action; null where there is none."),
    sa.Column("variant", Text, comment="Content variant of the action."),
    sa.Column("probability", Real, comment="Probability of this action, or of none."),
    sa.Column("cost", Money, comment="Contact cost, in the workspace currency."),
    sa.Column("send_at", UtcDateTime, comment="When the message is due."),
    sa.Column(
        "expected_profit",
        Real,
        comment="Incremental profit that the action is expected to bring; null where nothing is known of it.",
    ),
    sa.Column(
        "explored",
        Bool,
        nullable=False,
        server_default=sa.false(),
        comment="The action was drawn at random, so that the next plan can learn.",
    ),
    sa.Column(
        "choice",
        Text,
        comment="Action that the policy gives the person before chance decides who is held out and who explores, or nothing; null where "
        "no policy chose.",
    ),
    sa.Column(
        "timing",
        Text,
        comment="own, everybody (their commonest hours), held (at the stated time by chance), random (at an hour by chance) or stated; "
        "null where the campaign asks for no best time.",
    ),
    sa.Index("ix_plan_people_arm", "plan_id", "arm"),
)

plan_products = sa.Table(
    "plan_products",
    metadata,
    sa.Column("plan_id", Text, sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("profile_id", Text, primary_key=True),
    sa.Column(
        "products",
        JsonType,
        nullable=False,
        comment="What the person is recommended, the best first, as it was when planned.",
    ),
)

campaign_stops = sa.Table(
    "campaign_stops",
    metadata,
    sa.Column("plan_id", Text, primary_key=True),
    sa.Column("guardrail", Text, primary_key=True, comment="As in the campaign."),
    sa.Column(
        "since",
        UtcDateTime,
        primary_key=True,
        comment="From when on the evidence counts; a resumption begins anew.",
    ),
    sa.Column("campaign", Text, nullable=False, index=True),
    sa.Column("evidence", JsonType, nullable=False),
    sa.Column("stopped_at", UtcDateTime, nullable=False),
    sa.Column("resumed_at", UtcDateTime, comment="Null: the stop stands."),
    sa.Column("resumed_by", Text),
    sa.Column("reason", Text, comment="Why it was let go on."),
)
