"""Slots that other plans have: messages that are planned, and not sent yet, by campaigns that go first.

The higher priority goes first. Between equals the message that is expected to earn more has the person's slot, and of two that
are expected to earn the same (or nothing is known of them) that of the plan that was made earlier. An unknown gain counts
as none: it goes after an expected gain and before an expected loss. The order is total, so of any number of
plans that meet at a person one goes first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa

from aimwell.store.column_types import UtcDateTime
from aimwell.store.listed import GIVEN, among, aside, listed
from aimwell.store.schema import metadata

__all__ = [
    "OpenPlan",
    "Rank",
    "Reserved",
    "ask_anew",
    "lower_plans",
    "open_plans",
    "reserved",
    "standing",
]

_plans = metadata.tables["plans"]
_people = metadata.tables["plan_people"]
_messages = metadata.tables["messages"]
_overrides = metadata.tables["identity_overrides"]
_APPROVED = ("approved", "sending", "paused")
_OVERDUE = timedelta(days=1)
"""So long a message that is due and has not left keeps its slot."""

Standing = Literal["first", "by worth", "after"]


@dataclass(frozen=True)
class Rank:
    """How a campaign stands among those that run at once. `planned_at`, `plan_id`: None while it is being planned."""

    campaign: str
    priority: int
    planned_at: datetime | None = None
    plan_id: str | None = None


@dataclass(frozen=True)
class OpenPlan:
    """A plan that may still contact people."""

    plan_id: str
    campaign: str
    category: str | None
    priority: int
    approved: bool
    planned_at: datetime
    channels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reserved:
    """A message that another plan means to send. `worth`: what it is expected to earn; infinite for a higher priority."""

    profile_id: str
    channel: str
    category: str | None
    send_at: datetime
    worth: float


def open_plans(connection: sa.Connection) -> list[OpenPlan]:
    """Real plans that are planned, approved, sending or paused."""
    query = sa.select(
        _plans.c.plan_id, _plans.c.campaign, _plans.c.state, _plans.c.document, _plans.c.planned_at
    ).where(_plans.c.trial.is_(False), _plans.c.state.in_(("planned", *_APPROVED)))
    return [_open(*row) for row in connection.execute(query)]


def _open(plan_id: str, name: str, state: str, document: Any, planned_at: datetime) -> OpenPlan:
    campaign = document["campaign"]
    channels = {
        action.get("name")
        or f"{action.get('offer') or action['template']}-{action['channel']}": action["channel"]
        for action in campaign["actions"]
    }
    return OpenPlan(
        plan_id=plan_id,
        campaign=name,
        category=campaign.get("category"),
        priority=campaign.get("priority", 50),
        approved=state in _APPROVED,
        planned_at=planned_at,
        channels=channels,
    )


def standing(other: OpenPlan, own: Rank) -> Standing:
    """Whether the other plan's people are its own before they are ours.

    A higher priority goes first, approved or waiting for it; equals are told apart person by person, once the other is
    approved. A plan of the same campaign takes nobody's slot: a campaign that is planned anew replaces itself.
    """
    if other.campaign == own.campaign or other.priority < own.priority:
        return "after"
    if other.priority > own.priority:
        return "first"
    return "by worth" if other.approved else "after"


def lower_plans(connection: sa.Connection, own: Rank) -> frozenset[str]:
    """Plans of other campaigns whose messages that still wait will give way to ours: those of lower priority."""
    return frozenset(
        plan.plan_id
        for plan in open_plans(connection)
        if plan.campaign != own.campaign and plan.priority < own.priority
    )


def reserved(
    connection: sa.Connection,
    own: Rank,
    *,
    moment: datetime,
    until: datetime,
    profile_ids: Sequence[str] | None = None,
) -> list[Reserved]:
    """Messages that plans which may go first mean to send from `moment` on, and those that are late by a day at most.

    While our own plan is being made all of equal priority are told with what they are worth, for the caller to compare with
    each of our actions; once it is made, only those that go before its own message to the person.
    """
    ahead = {plan.plan_id: plan for plan in open_plans(connection)}
    places = {plan_id: standing(plan, own) for plan_id, plan in ahead.items()}
    first = sorted(plan_id for plan_id, place in places.items() if place != "after")
    if not first:
        return []
    given: dict[str, Any] = {} if profile_ids is None else {"ids": profile_ids}
    worth: Mapping[str, float] | None = None
    if own.plan_id is not None and "by worth" in places.values():
        query = _worth_query(profile_ids is not None)
        rows = connection.execute(query, {**given, "plan": own.plan_id})
        worth = {profile: value or 0.0 for profile, value in rows}
    query = _reserved_query(profile_ids is not None, being_made=own.plan_id is None)
    told = {"plans": first, "since": moment - _OVERDUE, "moment": moment, "until": until}
    found = []
    for profile, plan_id, action, send_at, expected in connection.execute(query, {**given, **told}):
        plan = ahead[plan_id]
        value = math.inf if places[plan_id] == "first" else expected or 0.0
        if worth is not None and not _before(plan, value, own, worth.get(profile, 0.0)):
            continue
        at = max(send_at, moment)
        found.append(Reserved(profile, plan.channels[action], plan.category, at, value))
    return found


def _before(plan: OpenPlan, value: float, own: Rank, worth: float) -> bool:
    if value != worth:
        return value > worth
    return own.planned_at is None or (plan.planned_at, plan.plan_id) < (
        own.planned_at,
        own.plan_id or "",
    )


@cache
def _worth_query(some: bool) -> sa.Select[Any]:
    """Person of today → the most that the plan expects of them."""
    person = sa.func.coalesce(_overrides.c.profile_id, _people.c.profile_id)
    query = (
        sa.select(person, sa.func.max(_people.c.expected_profit))
        .select_from(_people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.profile_id))
        .where(_people.c.plan_id == sa.bindparam("plan", type_=sa.Text))
        .group_by(person)
    )
    return query.where(_of_given()) if some else query


@cache
def _reserved_query(some: bool, *, being_made: bool) -> sa.Select[Any]:
    person = sa.func.coalesce(_overrides.c.profile_id, _people.c.profile_id)
    send_at = sa.func.coalesce(_messages.c.due_at, _people.c.send_at, type_=UtcDateTime)
    since, moment, until = (
        sa.bindparam(name, type_=UtcDateTime) for name in ("since", "moment", "until")
    )
    waits: sa.ColumnElement[bool] = _messages.c.state == "queued"
    if being_made:
        # What is due by now and waits in the ledger counts there.
        waits = sa.and_(waits, _messages.c.due_at > moment)
    query = (
        sa.select(person, _people.c.plan_id, _people.c.action, send_at, _people.c.expected_profit)
        .select_from(
            _people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.profile_id).outerjoin(
                _messages,
                sa.and_(
                    _messages.c.profile_id == _people.c.profile_id,
                    aside(_messages.c.plan_id) == _people.c.plan_id,
                ),
            )
        )
        .where(
            _people.c.plan_id.in_(sa.bindparam("plans", expanding=True, type_=sa.Text)),
            _people.c.arm == "treatment",
            sa.or_(_messages.c.state.is_(None), waits),
            send_at > since,
            send_at < until,
        )
    )
    return query.where(_of_given()) if some else query


def _of_given() -> sa.ColumnElement[bool]:
    """People of a plan who are, or have become, one of the given ones."""
    merged = sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, GIVEN))
    return _people.c.profile_id.in_(sa.union_all(listed(GIVEN), merged))


def ask_anew(connection: sa.Connection, *, now: datetime) -> int:
    """Let messages that wait for a better campaign's slot ask again at once; returns how many.

    For when a plan gives its slots back. What is still somebody else's waits again.
    """
    return connection.execute(
        sa.update(_messages)
        .where(
            _messages.c.plan_id.in_(
                sa.select(_plans.c.plan_id).where(_plans.c.state.in_(("sending", "paused")))
            ),
            _messages.c.state == "queued",
            _messages.c.reason == "reserved",
            _messages.c.due_at > now,
        )
        .values(due_at=now)
    ).rowcount
