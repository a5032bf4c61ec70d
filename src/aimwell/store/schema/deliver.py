"""The message ledger, links, what happened to messages, the switch of all sending."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, Money, UtcDateTime
from aimwell.store.schema.base import AutoId, Big, Bool, Int, Text, metadata

__all__ = ["attempts", "links", "message_events", "messages", "switches"]

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("message_id", Text, primary_key=True),
    sa.Column("campaign", Text, nullable=False),
    sa.Column("plan_id", Text, nullable=False),
    sa.Column("step", Text, nullable=False),
    sa.Column("profile_id", Text, nullable=False),
    sa.Column(
        "occurrence", Text, nullable=False, comment="Plan id for a campaign that goes out once."
    ),
    sa.Column("channel", Text, nullable=False),
    sa.Column("action", Text, nullable=False),
    sa.Column("variant", Text),
    sa.Column(
        "state",
        Text,
        nullable=False,
        comment="queued, sending, sent, stopped, failed, unknown.",
    ),
    sa.Column("reason", Text, comment="Why it was stopped, failed or is unknown."),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("attempts", Int, nullable=False, server_default="0"),
    sa.Column("lease_token", Text),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("cost", Money),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("reply", Text, comment="The provider's answer, without the address."),
    sa.UniqueConstraint("campaign", "step", "profile_id", "occurrence"),
    sa.Index("ix_messages_claim", "plan_id", "state", "due_at"),
    sa.Index("ix_messages_lease", "state", "lease_until"),
    sa.Index("ix_messages_person", "profile_id", "sent_at"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("message_id", Text, primary_key=True),
    sa.Column("number", Int, primary_key=True),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("outcome", Text, comment="accepted, refused, retry, unknown; null: never ended."),
    sa.Column("reply", Text),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("plan_id", Text, primary_key=True),
    sa.Column("content", Text, primary_key=True, comment="Template and variant."),
    sa.Column("number", Int, primary_key=True),
    sa.Column("url", Text, nullable=False),
    sa.Column("personal", Bool, nullable=False, comment="Its address travels sealed in the link."),
)

message_events = sa.Table(
    "message_events",
    metadata,
    sa.Column("id", AutoId, primary_key=True, autoincrement=True),
    sa.Column("message_id", Text, nullable=False, index=True),
    sa.Column(
        "event",
        Text,
        nullable=False,
        comment="Email Sent, Email Bounced, Email Opened, Email Link Clicked, Unsubscribed.",
    ),
    sa.Column("link", Int, comment="Number of the clicked link in its content."),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Column("machine", Bool, nullable=False),
    sa.Column("signs", JsonType, comment="Why it is taken for a machine."),
    sa.Column("user_agent", Text, comment="What asked; for telling machines by later hits."),
    sa.Column("batch", Big, index=True, comment="Lake transaction that carries it; null: not yet."),
)

switches = sa.Table(
    "switches",
    metadata,
    sa.Column("name", Text, primary_key=True, comment="As 'sending'."),
    sa.Column("on", Bool, nullable=False),
    sa.Column("reason", Text),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
)
