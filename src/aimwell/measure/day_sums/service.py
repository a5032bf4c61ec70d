"""Brings the sums of each day forward: only by the orders and messages that are new since the last time.

`kpi_marks` says up to where everything is counted: the version of the lake's orders, the last event of messages, who is one person, and which
plans. Late rows and corrections are new rows whatever day they are of, so they are found; what their people added up to before is taken off and
what they add up to now is put in. Messages are counted again for the plans that something befell. Where the difference cannot be told (people
were merged, divided or erased, or an old version of the lake is gone) all is counted anew. So the tables are always what counting anew would give.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from aimwell.decide.model import Plan
from aimwell.decide.stored import list_plans
from aimwell.errors import MeasureError, StoreError
from aimwell.measure.day_sums.messages import message_days
from aimwell.measure.day_sums.orders import (
    OrderKey,
    OrderSums,
    Window,
    order_days,
    people_of_rows,
)
from aimwell.store.control import insert_missing, upsert
from aimwell.store.lake import Snapshot
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Brought", "bring_forward", "sums_of_days"]

_NAME = "days"
_STARTED = ("sending", "paused", "sent", "cancelled")
_ENDED = ("sent", "cancelled")
_OVERLAP = 1_000
"""Events are looked at again so far back: on PostgreSQL one may become visible after a later one."""
_TRIES = 3

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]
_message_days = metadata.tables["kpi_message_days"]
_order_days = metadata.tables["kpi_order_days"]
_marks = metadata.tables["kpi_marks"]
_overrides = metadata.tables["identity_overrides"]
_erased = metadata.tables["erased_origins"]


@dataclass(frozen=True)
class Brought:
    """What was brought forward.

    Attributes:
        plans: Plans whose sums were touched.
        people: People whose orders were counted; None where all were.
        anew: Why everything was counted anew; None where it was not.
    """

    plans: tuple[str, ...]
    people: int | None
    anew: str | None


@dataclass(frozen=True)
class _Change:
    """What is to be written: messages of these plans in place of what stands there, and orders added to what stands there."""

    messages: Mapping[str, list[dict[str, Any]]]
    orders: Mapping[OrderKey, OrderSums]
    anew: str | None
    people: int | None


def bring_forward(stores: Stores, *, now: datetime, anew: bool = False) -> Brought:
    """Count what is new; everything, if asked.

    Raises:
        MeasureError: Others brought it forward again and again at the same time.
    """
    for _ in range(_TRIES):
        turn, seen = _mark(stores)
        plans = [
            one for one in list_plans(stores.control) if one.state in _STARTED and not one.trial
        ]
        snapshot = stores.lake.pin("orders")
        fresh = _seen(stores, plans, snapshot)
        change = _change(stores, plans, snapshot, seen, fresh, anew=anew)
        if _written(stores, change, turn, fresh, now):
            touched = {*change.messages, *(key[0] for key in change.orders)}
            return Brought(tuple(sorted(touched)), change.people, change.anew)
    raise MeasureError(
        "The sums of days were brought forward by others at the same time, again and again. Try again when fewer do."
    )


def sums_of_days(
    stores: Stores, plan_ids: Collection[str] | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of messages and of orders as they were brought forward, by plan and day."""
    found = []
    with stores.read_control() as connection:
        for table in (_message_days, _order_days):
            query = sa.select(table).order_by(
                table.c.plan_id, table.c.day, table.c.action, table.c.variant
            )
            if plan_ids is not None:
                query = query.where(table.c.plan_id.in_(list(plan_ids)))
            found.append([dict(row._mapping) for row in connection.execute(query)])
    return found[0], found[1]


def _mark(stores: Stores) -> tuple[int, dict[str, Any] | None]:
    with stores.read_control() as connection:
        row = connection.execute(sa.select(_marks).where(_marks.c.name == _NAME)).one_or_none()
    return (0, None) if row is None else (row.turn, row.seen)


def _seen(stores: Stores, plans: Sequence[Plan], snapshot: Snapshot) -> dict[str, Any]:
    """Up to where everything is counted, once what is there now is."""
    with stores.read_control() as connection:
        last = connection.execute(sa.select(sa.func.max(_events.c.id))).scalar() or 0
        merged = connection.execute(
            sa.select(sa.func.count(), sa.func.max(_overrides.c.merged_at))
        ).one()
        erased = connection.execute(sa.select(sa.func.count()).select_from(_erased)).scalar()
        recent = _recent(connection, last)
    return {
        "event": last,
        "recent": recent,
        "orders": snapshot.tables["orders"].version,
        "people": [merged[0], merged[1].isoformat() if merged[1] else None, erased],
        "plans": {one.plan_id: one.state for one in plans},
        "zone": stores.settings.timezone,
    }


def _recent(connection: sa.Connection, last: int) -> dict[str, int]:
    """Plan → events among the last ones up to this, by which one that became visible late is noticed."""
    query = (
        sa.select(_messages.c.plan_id, sa.func.count())
        .join(_events, _events.c.message_id == _messages.c.message_id)
        .where(_events.c.id > last - _OVERLAP, _events.c.id <= last)
        .group_by(_messages.c.plan_id)
    )
    return {plan_id: int(count) for plan_id, count in connection.execute(query)}


def _change(
    stores: Stores,
    plans: Sequence[Plan],
    snapshot: Snapshot,
    seen: dict[str, Any] | None,
    fresh: dict[str, Any],
    *,
    anew: bool,
) -> _Change:
    windows = [_window(one) for one in plans]
    why = "it was asked for" if anew else _why_anew(seen, fresh)
    told = (
        None if why is not None or seen is None else _orders_since(stores, windows, snapshot, seen)
    )
    if told is None or seen is None:
        why = why or "what was there before cannot be read any more"
        return _Change(
            messages=_messages_of(stores, [one.plan_id for one in plans]),
            orders=order_days(stores, snapshot, windows),
            anew=why,
            people=None,
        )
    orders, people = told
    return _Change(
        messages=_messages_of(stores, _plans_that_moved(stores, plans, seen)),
        orders=orders,
        anew=None,
        people=people,
    )


def _why_anew(seen: dict[str, Any] | None, fresh: dict[str, Any]) -> str | None:
    if seen is None:
        return "it is the first time"
    if seen["people"] != fresh["people"]:
        return "people were merged, divided or erased"
    if seen["zone"] != fresh["zone"]:
        return "days are told in another time zone"
    return None


def _window(plan: Plan) -> Window:
    starts = plan.starts_at.astimezone(UTC)
    return Window(plan.plan_id, starts, starts + timedelta(days=plan.summary["window_days"]))


def _orders_since(
    stores: Stores, windows: Sequence[Window], snapshot: Snapshot, seen: dict[str, Any]
) -> tuple[dict[OrderKey, OrderSums], int] | None:
    """By how much the sums change, and of how many people rows came in; None where it cannot be told."""
    version = snapshot.tables["orders"]
    known = [one for one in windows if one.plan_id in seen["plans"]]
    change = order_days(stores, snapshot, [one for one in windows if one not in known])
    if version.version == seen["orders"]:
        return change, 0
    added = stores.lake.added(version, after=seen["orders"])
    if added is None:
        return None
    people = people_of_rows(stores, added)
    try:
        before = stores.lake.pinned({"orders": seen["orders"]})
    except StoreError:
        return None
    for key, sums in order_days(stores, snapshot, known, people=people).items():
        change[key] = sums
    for key, sums in order_days(stores, before, known, people=people).items():
        change[key] = change.get(key, _NOTHING).plus(sums, -1)
    return change, len(people)


def _plans_that_moved(stores: Stores, plans: Sequence[Plan], seen: dict[str, Any]) -> list[str]:
    """Plans of which messages left or something befell them since."""
    last = int(seen["event"])
    with stores.read_control() as connection:
        query = (
            sa.select(_messages.c.plan_id)
            .join(_events, _events.c.message_id == _messages.c.message_id)
            .where(_events.c.id > last)
            .distinct()
        )
        moved = set(connection.execute(query).scalars())
        recent = _recent(connection, last)
    late = {one for one in {*recent, *seen["recent"]} if recent.get(one) != seen["recent"].get(one)}
    # While it was not over, or was not known, messages may have left.
    sending = {one.plan_id for one in plans if seen["plans"].get(one.plan_id) not in _ENDED}
    return sorted((moved | late | sending) & {one.plan_id for one in plans})


def _messages_of(stores: Stores, plan_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    with stores.read_control() as connection:
        return {
            one: message_days(connection, one, zone=stores.settings.timezone) for one in plan_ids
        }


_NOTHING = OrderSums(0, 0, Decimal(0))


def _written(
    stores: Stores, change: _Change, turn: int, fresh: dict[str, Any], now: datetime
) -> bool:
    """Write all of it or nothing; False where somebody else was first."""
    mark = {"name": _NAME, "turn": 0, "seen": fresh, "brought_at": now}
    with stores.control.begin() as connection:
        insert_missing(connection, _marks, [mark])
        moved = connection.execute(
            sa.update(_marks)
            .where(_marks.c.name == _NAME, _marks.c.turn == turn)
            .values(turn=turn + 1, seen=fresh, brought_at=now)
        ).rowcount
        if not moved:
            return False
        if change.anew is not None:
            connection.execute(sa.delete(_message_days))
            connection.execute(sa.delete(_order_days))
        for plan_id, rows in change.messages.items():
            connection.execute(sa.delete(_message_days).where(_message_days.c.plan_id == plan_id))
            if rows:
                connection.execute(sa.insert(_message_days), rows)
        _add_orders(connection, change.orders)
    return True


def _add_orders(connection: sa.Connection, change: Mapping[OrderKey, OrderSums]) -> None:
    plans = sorted({key[0] for key in change})
    table = _order_days
    stand = {
        (row.plan_id, row.day, row.action, row.variant): OrderSums(
            row.orders, row.buyers, row.revenue
        )
        for row in connection.execute(sa.select(table).where(table.c.plan_id.in_(plans)))
    }
    rows = []
    for key, sums in change.items():
        together = stand.get(key, _NOTHING).plus(sums)
        if not together.nothing:
            rows.append(
                {
                    "plan_id": key[0],
                    "day": key[1],
                    "action": key[2],
                    "variant": key[3],
                    "orders": together.orders,
                    "buyers": together.buyers,
                    "revenue": together.revenue,
                }
            )
        elif key in stand:
            places = zip(
                (table.c.plan_id, table.c.day, table.c.action, table.c.variant), key, strict=True
            )
            connection.execute(
                sa.delete(table).where(*[column == value for column, value in places])
            )
    if rows:
        upsert(connection, table, rows, update=("orders", "buyers", "revenue"))
