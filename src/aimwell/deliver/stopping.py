"""The stop-rules that apply right before a message leaves, whatever the plan said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zlib import crc32

from aimwell.decide.campaign_parts import CampaignParts, candidates
from aimwell.decide.contacts import IN_FLIGHT, Contacts, read_contacts
from aimwell.decide.model import Plan
from aimwell.decide.reservations import Rank
from aimwell.decide.timing import out_of_quiet_hours
from aimwell.deliver.ledger import Claimed, Result
from aimwell.history.moment import open_moment
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["StopRules", "converted_since"]

_LOOK_AGAIN = timedelta(seconds=5)
_GIVE_WAY_SECONDS = 30
_AFTER_THE_BETTER = timedelta(minutes=15)
"""So long after a better campaign's message was due, whose slot we would take if it did not leave."""
_STREAM = ("events", "orders", "touches")


def converted_since(
    stores: Stores, plan: Plan, parts: CampaignParts, *, now: datetime
) -> frozenset[str]:
    """People who have reached the campaign's goal since it began: they need no message any more.

    A trial looks at nobody's later orders: it may stand in the past.
    """
    if plan.trial or now <= plan.starts_at:
        return frozenset()
    with open_moment(stores, as_of=plan.starts_at, horizon=now - plan.starts_at) as moment:
        rows = moment.session.rows(
            sql(
                "SELECT DISTINCT profile_id FROM activity_ahead WHERE event = :event AND NOT machine",
                event=parts.campaign.goal.event,
            )
        )
    return frozenset(row[0] for row in rows)


class StopRules:
    """The rules of one plan; asked for each handful, right before it leaves.

    Who has reached the goal is looked up again when the lake has changed, at most every few seconds; everything else
    is read for each handful.
    """

    def __init__(
        self, stores: Stores, plan: Plan, parts: CampaignParts, clock: Callable[[], datetime]
    ) -> None:
        self._stores, self._plan, self._parts, self._clock = stores, plan, parts, clock
        self._offered = {c.key: c for c in candidates(parts, starts_at=plan.starts_at)}
        self._offers = {action.key: action.offer for action in parts.campaign.actions}
        self._converted: frozenset[str] = frozenset()
        self._looked_at: datetime | None = None
        # While the lake is as it was when the plan was made, nobody can have done anything since.
        self._versions = {name: plan.lake_versions.get(name, -1) for name in _STREAM}

    def ask(self, claimed: Sequence[Claimed]) -> dict[str, Result]:
        """Message id → why it does not leave now: stopped for good, or put off until quiet hours end."""
        now = self._moment()
        converted = self._reached_goal(now)
        contacts = read_contacts(
            self._stores,
            list(self._offered.values()),
            purpose=self._parts.campaign.purpose,
            policy=self._parts.contact_policy,
            moment=now,
            trial=self._plan.trial,
            profile_ids=[message.profile_id for message in claimed],
            except_plan=self._plan.plan_id,
            rank=Rank(
                self._plan.campaign,
                self._parts.campaign.priority,
                self._plan.planned_at,
                self._plan.plan_id,
            ),
            category=self._parts.campaign.category,
        )
        found: dict[str, Result] = {}
        for message in claimed:
            reason = "converted" if message.profile_id in converted else None
            result = self._rule(message, contacts, now, reason)
            if result is not None:
                found[message.message_id] = result
        return found

    def _moment(self) -> datetime:
        """Now; of a trial that stands in the past its own time, so that it stops whom its plan left out and nobody else."""
        now = self._clock()
        past = self._plan.trial and self._plan.as_of < self._plan.planned_at
        return min(now, self._plan.starts_at) if past else now

    def _reached_goal(self, now: datetime) -> frozenset[str]:
        if self._plan.trial:
            return frozenset()
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < _LOOK_AGAIN:
            return self._converted
        versions = self._stores.lake.pin(*_STREAM).versions
        if versions != self._versions:
            self._converted = converted_since(self._stores, self._plan, self._parts, now=now)
        self._looked_at, self._versions = now, dict(versions)
        return self._converted

    def _rule(
        self, message: Claimed, contacts: Contacts, now: datetime, reason: str | None
    ) -> Result | None:
        reason = reason or self._ended_offer(message, now)
        reason = reason or contacts.refusal(message.profile_id, self._offered[message.action], now)
        if reason == IN_FLIGHT:
            # Two plans that meet at one person must not both give way for good. Each waits its own time.
            due_at = now + timedelta(
                seconds=1 + crc32(message.message_id.encode()) % _GIVE_WAY_SECONDS
            )
            words = "waits: another message to this person is on its way"
            return Result(message.message_id, "queued", reason=words, due_at=due_at, left=False)
        if reason == "reserved" and (free_at := self._free_at(message, contacts, now)) is not None:
            return Result(
                message.message_id, "queued", reason="reserved", due_at=free_at, left=False
            )
        if reason is not None:
            return Result(message.message_id, "stopped", reason=reason, left=False)
        policy = self._parts.contact_policy
        if policy is None or self._plan.trial:
            return None
        zone = contacts.zone(message.profile_id)
        free = out_of_quiet_hours(now, zone=zone, quiet=policy.quiet_hours)
        if free <= now:
            return None
        return Result(message.message_id, "queued", reason="quiet_hours", due_at=free, left=False)

    def _free_at(self, message: Claimed, contacts: Contacts, now: datetime) -> datetime | None:
        """When to ask again for a slot that a better campaign has; None: the campaign's window is over by then."""
        first = contacts.slot_free_from(message.profile_id)
        at = max(first or now, now) + _AFTER_THE_BETTER
        ends = self._plan.starts_at + timedelta(days=self._plan.summary["window_days"])
        return at if at < ends else None

    def _ended_offer(self, message: Claimed, now: datetime) -> str | None:
        """A message that waited so long that its offer is over would promise what the shop does not keep."""
        name = self._offers[message.action]
        if name is None or self._plan.trial:
            return None
        return "offer_ended" if self._parts.offers[name].valid.ended(now) else None
