"""What became of a plan's messages, read from the message ledger and its events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from aimwell.decide.model import EXCLUSIONS
from aimwell.measure.model import Delivery
from aimwell.measure.people import Cell
from aimwell.store.schema import metadata

__all__ = ["STOP_REASONS", "Ledger", "read_ledger"]

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
_UNSUBSCRIBED, _BOUNCED = "Unsubscribed", "Email Bounced"


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

    def seen(name: str, *, machine: bool) -> sa.ColumnElement[int]:
        hit = sa.and_(_events.c.event == name, _events.c.machine.is_(machine))
        return sa.func.max(sa.case((hit, 1), else_=0))

    each = (
        sa.select(
            _events.c.message_id,
            seen(_OPENED, machine=False).label("opened"),
            seen(_OPENED, machine=True).label("opened_machine"),
            seen(_CLICKED, machine=False).label("clicked"),
            seen(_CLICKED, machine=True).label("clicked_machine"),
            seen(_UNSUBSCRIBED, machine=False).label("unsubscribed"),
            seen(_BOUNCED, machine=False).label("bounced"),
        )
        .join(_messages, _messages.c.message_id == _events.c.message_id)
        .where(_messages.c.plan_id == plan_id)
        .group_by(_events.c.message_id)
        .subquery()
    )
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

    columns = {
        "opened": each.c.opened,
        "opened_machine": alone("opened"),
        "clicked": each.c.clicked,
        "clicked_machine": alone("clicked"),
        "engaged": person,
        "engaged_machine": machine,
        "unsubscribed": each.c.unsubscribed,
        "bounced": each.c.bounced,
    }
    row = connection.execute(
        sa.select(*[sa.func.sum(column).label(name) for name, column in columns.items()])
    ).one()
    return {name: int(row._mapping[name] or 0) for name in columns}
