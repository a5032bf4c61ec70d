"""Messages that people got or will get, as far as a contact policy's caps look: sent, waiting, and planned by campaigns that go first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from aimwell.decide.eligibility import Contact, longest_window
from aimwell.decide.reservations import Rank, lower_plans, reserved
from aimwell.decide.timing import local_day, zone_or
from aimwell.definitions.kinds.contact_policy import ContactPolicy
from aimwell.store.column_types import UtcDateTime
from aimwell.store.listed import GIVEN, among, aside, listed
from aimwell.store.schema import metadata

__all__ = ["past_contacts"]

_overrides = metadata.tables["identity_overrides"]
_messages = metadata.tables["messages"]
_plans = metadata.tables["plans"]
_COUNTED = ("sending", "sent", "unknown")
_AHEAD = timedelta(days=92)
"""How far ahead other campaigns' plans are looked at, beyond the longest window of the policy."""


def past_contacts(
    connection: sa.Connection,
    policy: ContactPolicy | None,
    moment: datetime,
    zones: Mapping[str, str],
    fallback: str,
    *,
    profile_ids: Sequence[str] | None,
    except_plan: str | None,
    rank: Rank | None,
    trial: bool,
) -> dict[str, list[Contact]]:
    """Person → their messages; the arguments are those of `contacts.read_contacts`, with the known time zones and the firm's."""
    if policy is None:
        return {}
    query = _past_query(profile_ids is not None, except_plan is not None, trial)
    reach = longest_window(policy)
    values: dict[str, Any] = {"since": moment - reach, "until": moment}
    if profile_ids is not None:
        values["ids"] = profile_ids
    if except_plan is not None:
        values["plan"] = except_plan
    rows = connection.execute(query, values).all()
    categories = {}
    if any(cap.category is not None for cap in policy.caps):
        categories = _categories(connection, sorted({row[4] for row in rows}))
    give_way = frozenset[str]()
    if rank is not None and except_plan is None and any(row[3] == "queued" for row in rows):
        give_way = lower_plans(connection, rank)
    found: dict[str, list[Contact]] = {}
    for profile, channel, sent_at, state, plan_id in rows:
        if state == "queued" and plan_id in give_way:
            continue
        day = local_day(sent_at, zone_or(zones.get(profile), fallback))
        in_flight = except_plan is not None and state == "sending"
        found.setdefault(profile, []).append(
            Contact(channel, sent_at, day, in_flight, categories.get(plan_id))
        )
    if rank is not None and not trial:
        ahead = reserved(
            connection,
            rank,
            moment=moment,
            until=moment + _AHEAD + reach,
            profile_ids=profile_ids,
        )
        for one in ahead:
            day = local_day(one.send_at, zone_or(zones.get(one.profile_id), fallback))
            found.setdefault(one.profile_id, []).append(
                Contact(
                    one.channel,
                    one.send_at,
                    day,
                    category=one.category,
                    reserved=True,
                    worth=one.worth,
                )
            )
    return found


def _categories(connection: sa.Connection, plan_ids: Sequence[str]) -> dict[str, str | None]:
    """Plan → the category of its campaign."""
    query = sa.select(_plans.c.plan_id, _plans.c.document).where(among(_plans.c.plan_id, GIVEN))
    rows = connection.execute(query, {"ids": list(plan_ids)})
    return {plan_id: document["campaign"].get("category") for plan_id, document in rows}


@cache
def _past_query(some: bool, but_one_plan: bool, trial: bool) -> sa.Select[Any]:
    """Person, channel, time, state and plan of messages between `since` and `until`."""
    at = sa.func.coalesce(_messages.c.sent_at, _messages.c.due_at)
    # What somebody got counts for the person that they are now.
    person = sa.func.coalesce(_overrides.c.profile_id, _messages.c.profile_id)
    # For given people their messages are looked up first, however many others there are in those states.
    state = aside(_messages.c.state) if some else _messages.c.state
    since, until = (sa.bindparam(name, type_=UtcDateTime) for name in ("since", "until"))
    query = (
        sa.select(person, _messages.c.channel, at, _messages.c.state, _messages.c.plan_id)
        .select_from(
            _messages.outerjoin(_overrides, _overrides.c.origin_id == _messages.c.profile_id)
        )
        .where(
            state.in_(_COUNTED if but_one_plan else ("queued", *_COUNTED)), at >= since, at <= until
        )
    )
    if not trial:
        # Trials reached nobody, so they use up nobody's cap.
        trials = sa.select(_plans.c.plan_id).where(_plans.c.trial.is_(True))
        query = query.where(_messages.c.plan_id.not_in(trials))
    if some:
        merged = sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, GIVEN))
        query = query.where(_messages.c.profile_id.in_(sa.union_all(listed(GIVEN), merged)))
    if but_one_plan:
        query = query.where(_messages.c.plan_id != sa.bindparam("plan", type_=sa.Text))
    return query
