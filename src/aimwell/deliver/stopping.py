"""The stop-rules that apply right before a message leaves, whatever the plan said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from aimwell.decide.campaign_parts import CampaignParts, candidates
from aimwell.decide.contacts import Contacts, read_contacts
from aimwell.decide.model import Candidate, Plan
from aimwell.decide.timing import out_of_quiet_hours
from aimwell.deliver.ledger import Claimed, Result
from aimwell.history.moment import open_moment
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["converted_since", "stop_rules"]

_SETTLED = timedelta(minutes=1)


def converted_since(
    stores: Stores, plan: Plan, parts: CampaignParts, *, now: datetime
) -> frozenset[str]:
    """People who have reached the campaign's goal since it began: they need no message any more.

    A trial looks at nobody's later orders: it may stand in the past.
    """
    if plan.trial or now - plan.starts_at < _SETTLED:
        return frozenset()
    with open_moment(stores, as_of=plan.starts_at, horizon=now - plan.starts_at) as moment:
        rows = moment.session.rows(
            sql(
                "SELECT DISTINCT profile_id FROM activity_ahead WHERE event = :event",
                event=parts.campaign.goal.event,
            )
        )
    return frozenset(row[0] for row in rows)


def stop_rules(
    stores: Stores,
    plan: Plan,
    parts: CampaignParts,
    claimed: Sequence[Claimed],
    *,
    now: datetime,
    converted: frozenset[str],
) -> dict[str, Result]:
    """Message id → why it does not leave now: stopped for good, or put off until quiet hours end."""
    offered = {c.key: c for c in candidates(parts, starts_at=plan.starts_at)}
    contacts = read_contacts(
        stores,
        list(offered.values()),
        purpose=parts.campaign.purpose,
        policy=parts.contact_policy,
        moment=now,
        trial=plan.trial,
        profile_ids=[message.profile_id for message in claimed],
        except_plan=plan.plan_id,
    )
    found: dict[str, Result] = {}
    for message in claimed:
        result = _rule(plan, parts, message, contacts, offered, now, converted)
        if result is not None:
            found[message.message_id] = result
    return found


def _rule(
    plan: Plan,
    parts: CampaignParts,
    message: Claimed,
    contacts: Contacts,
    offered: Mapping[str, Candidate],
    now: datetime,
    converted: frozenset[str],
) -> Result | None:
    if message.profile_id in converted:
        return Result(message.message_id, "stopped", reason="converted", left=False)
    refusal = contacts.refusal(message.profile_id, offered[message.action], now)
    if refusal is not None:
        return Result(message.message_id, "stopped", reason=refusal, left=False)
    if parts.contact_policy is not None and not plan.trial:
        free = out_of_quiet_hours(
            now, zone=contacts.zone(message.profile_id), quiet=parts.contact_policy.quiet_hours
        )
        if free > now:
            return Result(
                message.message_id, "queued", reason="quiet_hours", due_at=free, left=False
            )
    return None
