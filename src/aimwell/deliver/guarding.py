"""Looks whether what a campaign sends does harm beyond its guardrails, and stops it then.

Each message counts once, whenever it befell it. All guardrails of messages of one wave together cry wolf in at most `ALPHA` of harmless
waves, however often one looks. Where a person let a stopped campaign go on, messages sent since then count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from aimwell.decide.model import Plan
from aimwell.decide.stops import standing, stop, stops_of
from aimwell.decide.stored import list_plans
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

if TYPE_CHECKING:
    from aimwell.decide.policies.guarding import Harm

__all__ = ["ALPHA", "BOUNCED", "COMPLAINED", "UNSUBSCRIBED", "Looked", "guard", "look", "running"]

ALPHA = 0.025
"""Of false alarms of all rates of one wave; as much again is left to its loss (see *measure*)."""

UNSUBSCRIBED = ("Unsubscribed",)
COMPLAINED = ("Email Complained", "Email Marked As Spam", "Spam Complaint")
"""Events that say a person called the message spam."""
BOUNCED = ("Email Bounced",)

_EVENTS: Mapping[str, tuple[str, ...]] = {
    "unsubscribe_rate": UNSUBSCRIBED,
    "complaint_rate": COMPLAINED,
    "bounce_rate": BOUNCED,
}
_LABELS = {
    "unsubscribe_rate": "unsubscribes",
    "complaint_rate": "complaints",
    "bounce_rate": "bounces",
}
_STATES = ("sending", "paused", "sent")
_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]


@dataclass(frozen=True)
class Looked:
    """What one guardrail of a plan says: messages sent from `since` on."""

    guardrail: str
    since: datetime
    harm: Harm


def running(stores: Stores, *, now: datetime, campaign: str | None = None) -> list[Plan]:
    """Plans with guardrails whose window is open, trials left out."""
    return [
        plan
        for plan in list_plans(stores.control, campaign)
        if plan.state in _STATES
        and not plan.trial
        and plan.started_at is not None
        and plan.document["campaign"].get("guardrails")
        and now < plan.starts_at + timedelta(days=plan.summary["window_days"])
    ]


def guard(stores: Stores, *, now: datetime, plans: Sequence[Plan] | None = None) -> tuple[str, ...]:
    """Look at all running campaigns, or at these plans, and stop what does harm; ids of the plans that showed it."""
    stopped = []
    for plan in running(stores, now=now) if plans is None else plans:
        with stores.read_control() as connection:
            if standing(connection, plan.campaign):
                continue
            found = look(connection, plan)
        for one in found:
            if one.harm.stop and stop(
                stores, plan, one.guardrail, one.harm.to_dict(), since=one.since, now=now
            ):
                stopped.append(plan.plan_id)
                break
    return tuple(stopped)


def look(connection: sa.Connection, plan: Plan) -> list[Looked]:
    """What each guardrail of a plan's messages says now."""
    rules: Mapping[str, Any] = plan.document["campaign"].get("guardrails") or {}
    wanted = {name: rules[name] for name in _EVENTS if rules.get(name) is not None}
    if not wanted or plan.started_at is None:
        return []
    # Takes a while to load, and most that is sent has no guardrails.
    from aimwell.decide.policies.guarding import watch_counts

    resumed: dict[str, datetime] = {}
    for one in stops_of(connection, plan.campaign):
        if one.resumed_at is not None:
            resumed.setdefault(one.guardrail, one.resumed_at)
    found = []
    for name, percent in wanted.items():
        since = max(plan.started_at, resumed.get(name, plan.started_at))
        yes, sent = _counts(connection, plan.plan_id, _EVENTS[name], since)
        harm = watch_counts(
            yes, sent, limit=percent / 100, alpha=ALPHA / len(wanted), what=_LABELS[name]
        )
        found.append(Looked(name, since, harm))
    return found


def _counts(
    connection: sa.Connection, plan_id: str, events: Sequence[str], since: datetime
) -> tuple[int, int]:
    """Messages sent from `since` on that any of the events befell, and all of them."""
    mine = sa.and_(
        _messages.c.plan_id == plan_id, _messages.c.state == "sent", _messages.c.sent_at >= since
    )
    sent = connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
    hit = (
        sa.select(sa.func.count(sa.distinct(_events.c.message_id)))
        .join(_messages, _messages.c.message_id == _events.c.message_id)
        .where(mine, _events.c.event.in_(events), _events.c.machine.is_(False))
    )
    return int(connection.execute(hit).scalar_one()), int(sent)
