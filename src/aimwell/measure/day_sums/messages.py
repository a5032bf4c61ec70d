"""Messages by the day on which they left, with what befell them: one query a plan, and the database counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from aimwell.measure.ledger import each_message, hit_columns
from aimwell.store.schema import metadata

__all__ = ["local_days", "message_days"]

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]


def local_days(first: datetime, last: datetime, zone: str) -> list[tuple[str, datetime]]:
    """Each day from that of `first` to that of `last` in a time zone, with the moment at which it ends."""
    local = ZoneInfo(zone)
    day, end = first.astimezone(local).date(), last.astimezone(local).date()
    found = []
    while day <= end:
        after = day + timedelta(days=1)
        # Midnight in the zone, which a change of the clocks moves in UTC.
        ends = datetime(after.year, after.month, after.day, tzinfo=local).astimezone(UTC)
        found.append((day.isoformat(), ends))
        day = after
    return found


def message_days(
    connection: sa.Connection, plan_id: str, *, zone: str, within: timedelta | None = None
) -> list[dict[str, Any]]:
    """One row a day, action and variant of the messages that were sent.

    Args:
        connection: To the control database.
        plan_id: Of the plan.
        zone: In which days are told.
        within: Count only what befell a message until so long after the end of its day; default: whenever.

    Returns:
        `plan_id`, `day`, `action`, `variant` (empty for none), `sent`, `cost`, and counts by the names of `Delivery`.
    """
    mine = sa.and_(_messages.c.plan_id == plan_id, _messages.c.state == "sent")
    first, last = connection.execute(
        sa.select(sa.func.min(_messages.c.sent_at), sa.func.max(_messages.c.sent_at)).where(mine)
    ).one()
    if first is None:
        return []
    days = local_days(first, last, zone)
    moment = _messages.c.sent_at.type
    day = (
        sa.case(
            *[(_messages.c.sent_at < sa.literal(end, moment), name) for name, end in days[:-1]],
            else_=sa.literal(days[-1][0]),
        )
        if len(days) > 1
        else sa.literal(days[0][0], sa.Text())
    )
    befell: sa.ColumnElement[bool] = mine
    if within is not None:
        limits = [
            sa.and_(
                _messages.c.sent_at < sa.literal(end, moment),
                _events.c.occurred_at < sa.literal(end + within, moment),
            )
            for _name, end in days
        ]
        since = [sa.literal(end, moment) <= _messages.c.sent_at for _name, end in days[:-1]]
        only = [limits[0], *[sa.and_(a, b) for a, b in zip(since, limits[1:], strict=True)]]
        befell = sa.and_(mine, sa.or_(*only))
    each = each_message(befell)
    hits = hit_columns(each)
    # As a subquery, so that PostgreSQL knows the day of the list and that of the group for the same.
    rows = (
        sa.select(
            day.label("day"),
            _messages.c.action,
            sa.func.coalesce(_messages.c.variant, "").label("variant"),
            _messages.c.cost,
            *[sa.func.coalesce(column, 0).label(name) for name, column in hits.items()],
        )
        .select_from(_messages.outerjoin(each, each.c.message_id == _messages.c.message_id))
        .where(mine)
        .subquery()
    )
    places = (rows.c.day, rows.c.action, rows.c.variant)
    query = sa.select(
        *places,
        sa.func.count().label("sent"),
        sa.func.sum(rows.c.cost).label("cost"),
        *[sa.func.sum(rows.c[name]).label(name) for name in hits],
    ).group_by(*places)
    return [
        {
            "plan_id": plan_id,
            **row._mapping,
            "cost": row.cost or Decimal(0),
            **{name: int(row._mapping[name]) for name in hits},
        }
        for row in connection.execute(query.order_by(*places))
    ]
