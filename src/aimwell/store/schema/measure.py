"""Reports that were made, sums of each day, and figures of others to compare with."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import JsonType, Money, UtcDateTime
from aimwell.store.schema.base import Int, Real, Text, metadata

__all__ = ["kpi_benchmarks", "kpi_marks", "kpi_message_days", "kpi_order_days", "reports"]

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("report_id", Text, primary_key=True),
    sa.Column("plan_id", Text, nullable=False, index=True),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("document", JsonType, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
)

kpi_message_days = sa.Table(
    "kpi_message_days",
    metadata,
    sa.Column("plan_id", Text, primary_key=True),
    sa.Column("day", Text, primary_key=True, comment="On which they were sent, as 2026-03-01."),
    sa.Column("action", Text, primary_key=True),
    sa.Column("variant", Text, primary_key=True, comment="Empty where the action has one."),
    sa.Column("sent", Int, nullable=False),
    sa.Column("cost", Money, nullable=False),
    sa.Column("bounced", Int, nullable=False, comment="Messages of that day, whenever it befell."),
    sa.Column("opened", Int, nullable=False),
    sa.Column("opened_machine", Int, nullable=False),
    sa.Column("clicked", Int, nullable=False),
    sa.Column("clicked_machine", Int, nullable=False),
    sa.Column("engaged", Int, nullable=False),
    sa.Column("engaged_machine", Int, nullable=False),
    sa.Column("unsubscribed", Int, nullable=False),
    sa.Column("complained", Int, nullable=False),
    sa.Column("shared", Int, nullable=False),
)

kpi_order_days = sa.Table(
    "kpi_order_days",
    metadata,
    sa.Column("plan_id", Text, primary_key=True),
    sa.Column("day", Text, primary_key=True, comment="Of the order or return, as 2026-03-01."),
    sa.Column("action", Text, primary_key=True, comment="Empty: the people held out."),
    sa.Column("variant", Text, primary_key=True, comment="Empty where the action has one."),
    sa.Column("orders", Int, nullable=False, comment="Not wholly returned."),
    sa.Column("buyers", Int, nullable=False, comment="People whose first such order it was."),
    sa.Column("revenue", Money, nullable=False, comment="Less returns of that day."),
)

kpi_marks = sa.Table(
    "kpi_marks",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("turn", Int, nullable=False, comment="Times brought forward."),
    sa.Column("seen", JsonType, nullable=False, comment="Up to where everything is counted."),
    sa.Column("brought_at", UtcDateTime, nullable=False),
)

kpi_benchmarks = sa.Table(
    "kpi_benchmarks",
    metadata,
    sa.Column("key", Text, primary_key=True, comment="Of the key figure."),
    sa.Column("source", Text, primary_key=True, comment="Who says so."),
    sa.Column("channel", Text, primary_key=True, comment="Empty: any."),
    sa.Column("value", Real, nullable=False),
    sa.Column("low", Real, comment="Usual range, where it is known."),
    sa.Column("high", Real),
    sa.Column("year", Int),
    sa.Column("imported_at", UtcDateTime, nullable=False),
)
