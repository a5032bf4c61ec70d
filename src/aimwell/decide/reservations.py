"""Slots that other plans have: messages that are planned for later by campaigns that go first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.store.listed import GIVEN, among
from aimwell.store.schema import metadata

__all__ = ["OpenPlan", "Rank", "goes_first", "lower_plans", "open_plans", "reserved"]

_plans = metadata.tables["plans"]
_people = metadata.tables["plan_people"]
_overrides = metadata.tables["identity_overrides"]
_APPROVED = ("approved", "sending", "paused")


@dataclass(frozen=True)
class Rank:
    """How a campaign stands among those that run at once.

    `planned_at`: None while it is being planned. `approved` plans of the same priority go before plans that are not.
    """

    campaign: str
    priority: int
    planned_at: datetime | None = None


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


def goes_first(other: OpenPlan, own: Rank) -> bool:
    """Whether the other plan's people are its own before they are ours.

    The higher priority goes first, approved or waiting for it. Of equals, the one that is approved, if it was planned
    before. A plan of the same campaign takes nobody's slot: a campaign that is planned anew replaces itself.
    """
    if other.campaign == own.campaign:
        return False
    if other.priority != own.priority:
        return other.priority > own.priority
    return other.approved and (own.planned_at is None or other.planned_at < own.planned_at)


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
    since: datetime,
    until: datetime,
    profile_ids: Sequence[str] | None = None,
) -> list[tuple[str, str, str | None, datetime]]:
    """(profile, channel, category, when) of messages that plans which go first mean to send between the two moments.

    What is due before `since` stands in the ledger of messages already.
    """
    first = {plan.plan_id: plan for plan in open_plans(connection) if goes_first(plan, own)}
    if not first:
        return []
    person = sa.func.coalesce(_overrides.c.profile_id, _people.c.profile_id)
    query = (
        sa.select(person, _people.c.plan_id, _people.c.action, _people.c.send_at)
        .select_from(_people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.profile_id))
        .where(
            _people.c.plan_id.in_(sorted(first)),
            _people.c.arm == "treatment",
            _people.c.send_at > since,
            _people.c.send_at < until,
        )
    )
    if profile_ids is not None:
        merged = sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, GIVEN))
        query = query.where(
            sa.or_(among(_people.c.profile_id, GIVEN), _people.c.profile_id.in_(merged))
        )
    given = {} if profile_ids is None else {"ids": profile_ids}
    found = []
    for profile, plan_id, action, send_at in connection.execute(query, given):
        plan = first[plan_id]
        found.append((profile, plan.channels[action], plan.category, send_at))
    return found
