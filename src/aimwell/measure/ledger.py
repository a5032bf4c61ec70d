"""What became of a plan's messages, read from the message ledger and its events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aimwell.decide.model import EXCLUSIONS
from aimwell.deliver.guarding import BOUNCED, COMPLAINED, UNSUBSCRIBED
from aimwell.measure.model import Delivery
from aimwell.measure.people import Cell
from aimwell.store.schema import metadata

__all__ = [
    "CONTACT_COLUMNS",
    "SHARED",
    "STOP_REASONS",
    "Ledger",
    "each_message",
    "hit_columns",
    "read_contacts",
    "read_hits",
    "read_ledger",
    "recorded_channels",
]

STOP_REASONS: Mapping[str, str] = {
    **EXCLUSIONS,
    "converted": "had already done what the campaign is for",
    "plan_cancelled": "the plan was cancelled",
    "bad_recipient": "the mail server refused the address",
    "refused": "the mail server refused the message",
}
"""Reason code → words, where a message was stopped by a rule."""

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]
_OPENED, _CLICKED = "Email Opened", "Email Link Clicked"
SHARED = ("Email Shared", "Email Forwarded", "Product Shared")
"""Events that say a person passed the message on."""

CONTACT_COLUMNS = (
    "sent",
    "opened",
    "opened_machine",
    "clicked",
    "clicked_machine",
    "engaged",
    "engaged_machine",
    "unsubscribed",
    "bounced",
    "complained",
    "shared",
    "cost",
)
"""What `read_contacts` counts of each person beside the id."""


@dataclass(frozen=True)
class Ledger:
    """The delivery as a whole, and messages sent and their cost for each action and variant."""

    delivery: Delivery
    sent: Mapping[Cell, int]
    cost: Mapping[Cell, float]


def read_ledger(connection: sa.Connection, plan_id: str) -> Ledger:
    """Count the messages of a plan and what happened to them."""
    states = connection.execute(
        sa.select(
            _messages.c.state,
            _messages.c.reason,
            _messages.c.action,
            _messages.c.variant,
            sa.func.count().label("number"),
            sa.func.sum(_messages.c.cost).label("cost"),
        )
        .where(_messages.c.plan_id == plan_id)
        .group_by(_messages.c.state, _messages.c.reason, _messages.c.action, _messages.c.variant)
    ).all()
    sent: dict[Cell, int] = defaultdict(int)
    cost: dict[Cell, float] = defaultdict(float)
    for row in states:
        if row.state == "sent":
            sent[Cell(row.action, row.variant)] += row.number
            cost[Cell(row.action, row.variant)] += float(row.cost or 0)
    found: dict[str, Any] = {**_by_state(states), **_hits(connection, plan_id)}
    delivery = Delivery(**found, cost=sum(cost.values()))
    return Ledger(delivery, dict(sent), dict(cost))


def _by_state(rows: Iterable[Any]) -> dict[str, Any]:
    totals: dict[str, int] = defaultdict(int)
    reasons: dict[str, dict[str, int]] = {"stopped": {}, "failed": {}}
    for row in rows:
        totals[row.state] += row.number
        if row.state in reasons:
            reason = row.reason or "no reason was noted"
            counted = reasons[row.state]
            counted[reason] = counted.get(reason, 0) + row.number
    return {
        "messages": sum(totals.values()),
        "sent": totals["sent"],
        "waiting": totals["queued"] + totals["sending"],
        "unknown": totals["unknown"],
        **{state: _largest_first(found) for state, found in reasons.items()},
    }


def _largest_first(counted: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _hits(connection: sa.Connection, plan_id: str) -> dict[str, int]:
    """Messages with each kind of event, once each; machine hits count where no person's hit is there."""
    columns = hit_columns(each_message(_messages.c.plan_id == plan_id))
    row = connection.execute(
        sa.select(*[sa.func.sum(column).label(name) for name, column in columns.items()])
    ).one()
    return {name: int(row._mapping[name] or 0) for name in columns}


def read_hits(
    connection: sa.Connection, plan_ids: Sequence[str]
) -> dict[tuple[str, Cell], dict[str, int]]:
    """The same for each plan, action and variant: sent, and what befell those messages; plan and cell → counts."""
    by = (_messages.c.plan_id, _messages.c.action, _messages.c.variant)
    sent = sa.select(*by, sa.func.count().label("sent")).where(
        _messages.c.state == "sent", _messages.c.plan_id.in_(plan_ids)
    )
    found: dict[tuple[str, Cell], dict[str, int]] = {}
    for row in connection.execute(sent.group_by(*by)):
        found[row.plan_id, Cell(row.action, row.variant)] = {"sent": int(row.sent)}
    each = each_message(_messages.c.plan_id.in_(plan_ids), by=by)
    columns = hit_columns(each)
    places = (each.c.plan_id, each.c.action, each.c.variant)
    counted = sa.select(
        *places, *[sa.func.sum(column).label(name) for name, column in columns.items()]
    ).group_by(*places)
    for row in connection.execute(counted):
        cell = found.setdefault((row.plan_id, Cell(row.action, row.variant)), {"sent": 0})
        cell.update({name: int(row._mapping[name] or 0) for name in columns})
    return found


def read_contacts(
    connection: sa.Connection, plan_id: str, *, until: datetime | None = None
) -> pa.Table:
    """One row a message: `profile_id` as it was planned, then `CONTACT_COLUMNS`: what befell it (0 or 1), and its cost if it was sent.

    With `until` only what happened before that moment.
    """
    mine, through = _messages.c.plan_id == plan_id, _messages.c.state == "sent"
    befell: sa.ColumnElement[bool] = mine
    if until is not None:
        befell = sa.and_(mine, _events.c.occurred_at < until)
        through = sa.and_(through, _messages.c.sent_at < until)
    each = each_message(befell)
    hits = hit_columns(each)
    sent = sa.case((through, 1), else_=0)
    columns: dict[str, sa.ColumnElement[Any]] = {
        "sent": sent,
        **{name: sa.func.coalesce(column, 0) for name, column in hits.items()},
        "cost": sa.case((through, sa.func.coalesce(_messages.c.cost, 0)), else_=0),
    }
    query = (
        sa.select(_messages.c.profile_id, *[columns[name] for name in CONTACT_COLUMNS])
        .select_from(_messages.outerjoin(each, each.c.message_id == _messages.c.message_id))
        .where(_messages.c.plan_id == plan_id)
    )
    schema = pa.schema(
        [("profile_id", pa.string()), *[(name, pa.float64()) for name in CONTACT_COLUMNS]]
    )
    batches = []
    found = connection.execution_options(stream_results=True).execute(query)
    for rows in found.partitions(50_000):
        who, *counted = zip(*rows, strict=True)
        arrays = [pa.array(who, pa.string())]
        arrays += [pa.array([float(value) for value in one], pa.float64()) for one in counted]
        batches.append(pa.record_batch(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def recorded_channels(
    connection: sa.Connection, plan_ids: Sequence[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Channels of these plans by which opens were ever recorded, also machines' ones; and clicks."""
    rows = connection.execute(
        sa.select(_messages.c.channel, _events.c.event)
        .join(_messages, _messages.c.message_id == _events.c.message_id)
        .where(_messages.c.plan_id.in_(plan_ids), _events.c.event.in_((_OPENED, _CLICKED)))
        .distinct()
    ).all()
    opened, clicked = (
        frozenset(row.channel for row in rows if row.event == event)
        for event in (_OPENED, _CLICKED)
    )
    return opened, clicked


def each_message(where: sa.ColumnElement[bool], by: Sequence[sa.Column[Any]] = ()) -> sa.Subquery:
    """One row a message that anything befell: 1 for each kind of event."""

    def seen(*names: str, machine: bool) -> sa.ColumnElement[int]:
        hit = sa.and_(_events.c.event.in_(names), _events.c.machine.is_(machine))
        return sa.func.max(sa.case((hit, 1), else_=0))

    return (
        sa.select(
            _events.c.message_id,
            *by,
            seen(_OPENED, machine=False).label("opened"),
            seen(_OPENED, machine=True).label("opened_machine"),
            seen(_CLICKED, machine=False).label("clicked"),
            seen(_CLICKED, machine=True).label("clicked_machine"),
            seen(*UNSUBSCRIBED, machine=False).label("unsubscribed"),
            seen(*BOUNCED, machine=False).label("bounced"),
            seen(*COMPLAINED, machine=False).label("complained"),
            seen(*SHARED, machine=False).label("shared"),
        )
        .join(_messages, _messages.c.message_id == _events.c.message_id)
        .where(where)
        .group_by(_events.c.message_id, *by)
        .subquery()
    )


def hit_columns(each: sa.Subquery) -> dict[str, sa.ColumnElement[int]]:
    """What to add up over messages, by the names of `Delivery`."""
    one, none = sa.literal(1), sa.literal(0)
    person = sa.case((each.c.opened + each.c.clicked > none, one), else_=none)
    machine = sa.case(
        (
            sa.and_(
                each.c.opened + each.c.clicked == none,
                each.c.opened_machine + each.c.clicked_machine > none,
            ),
            one,
        ),
        else_=none,
    )

    def alone(name: str) -> sa.ColumnElement[int]:
        counts = sa.and_(each.c[name] == none, each.c[f"{name}_machine"] == one)
        return sa.case((counts, one), else_=none)

    return {
        "opened": each.c.opened,
        "opened_machine": alone("opened"),
        "clicked": each.c.clicked,
        "clicked_machine": alone("clicked"),
        "engaged": person,
        "engaged_machine": machine,
        "unsubscribed": each.c.unsubscribed,
        "bounced": each.c.bounced,
        "complained": each.c.complained,
        "shared": each.c.shared,
    }
