"""The sending of a plan: claim a handful, ask again, render, hand over, record; until nothing is due.

Any number of processes may send the same plan at once. A handful is small where messages really leave, because that is
what a crash can leave in doubt.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.deliver import ledger
from aimwell.deliver.addresses import is_made_up, trial_address
from aimwell.deliver.fields import people_fields
from aimwell.deliver.ledger import Claimed, Result
from aimwell.deliver.model import Outcome, Outgoing, Recipient, Stopped
from aimwell.deliver.outfit import Outfit
from aimwell.deliver.stopping import converted_since, stop_rules
from aimwell.deliver.switches import sending_is_on
from aimwell.deliver.transport import Transport
from aimwell.errors import AimwellError
from aimwell.privacy.suppression import address_hash
from aimwell.privacy.suppression import suppress as suppress_address
from aimwell.privacy.vault import Person
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Batch", "SendRun", "handful", "send_plan"]

_plans = metadata.tables["plans"]
_UNREACHED_REASON = "the server could not be reached"


@dataclass
class SendRun:
    """What one run of sending did: messages by their new state, and why it ended."""

    done: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    ended: str = "nothing is due"
    trouble: AimwellError | None = None


@dataclass(frozen=True)
class Batch:
    """What a run needs, made once."""

    stores: Stores
    plan: Plan
    parts: CampaignParts
    outfit: Outfit
    transports: Mapping[str, Transport]
    clock: Callable[[], datetime]
    made_up_only: bool = False

    def size(self) -> int:
        """Messages claimed at a time."""
        return min(
            handful(self.parts, trial=self.plan.trial), self.stores.settings.messages_per_job
        )


def handful(parts: CampaignParts, *, trial: bool) -> int:
    """How many messages to claim at a time: few where they really leave, more where a folder takes them."""
    connections = [c.smtp.connections for c in parts.channels.values() if c.smtp is not None]
    return 200 if trial or not connections else 8 * max(connections)


async def send_plan(batch: Batch, *, progress: Callable[[int], None] | None = None) -> SendRun:
    """Send what is due of a plan; returns when nothing is, or sending was stopped.

    A mail server that cannot be reached ends the run with `trouble`; what was not handed over waits.
    """
    run = SendRun()
    stores, plan = batch.stores, batch.plan
    converted = converted_since(stores, plan, batch.parts, now=batch.clock())
    claimed: list[Claimed] = []
    results: list[Result] = []
    try:
        while True:
            now = batch.clock()
            with stores.control.begin() as connection:
                ledger.record(connection, claimed, results, now=now)
                _count(run, results)
                claimed, results = [], []
                halt = _halted(connection, plan)
                if halt is None and run.trouble is None:
                    claimed = ledger.claim(
                        connection,
                        plan.plan_id,
                        now=now,
                        limit=batch.size(),
                        lease_seconds=stores.settings.lease_seconds,
                    )
            if progress is not None:
                progress(sum(run.done.values()))
            if not claimed:
                run.ended = halt or ("trouble" if run.trouble is not None else run.ended)
                return run
            results = await _handful(batch, claimed, converted, run)
    finally:
        for transport in batch.transports.values():
            await transport.close()


def _halted(connection: sa.Connection, plan: Plan) -> str | None:
    if not sending_is_on(connection):
        return "all sending is switched off"
    state = connection.execute(
        sa.select(_plans.c.state).where(_plans.c.plan_id == plan.plan_id)
    ).scalar_one()
    return None if state == "sending" else f"the plan is {state}"


def _count(run: SendRun, results: Sequence[Result]) -> None:
    for result in results:
        run.done[result.state] += 1
        if result.reason is not None:
            run.reasons[result.reason] += 1


async def _handful(
    batch: Batch, claimed: Sequence[Claimed], converted: frozenset[str], run: SendRun
) -> list[Result]:
    """One result for each claimed message."""
    now = batch.clock()
    found = stop_rules(batch.stores, batch.plan, batch.parts, claimed, now=now, converted=converted)
    ready = [message for message in claimed if message.message_id not in found]
    outgoing: dict[str, list[Outgoing]] = {}
    addresses: dict[str, str] = {}
    with batch.stores.read_control() as connection:
        fields, people = people_fields(connection, [message.profile_id for message in ready])
    for action in dict.fromkeys(message.action for message in ready):
        mine = [message for message in ready if message.action == action]
        recipients = []
        for message in mine:
            recipient = _recipient(
                batch, message, fields[message.profile_id], people.get(message.profile_id)
            )
            if recipient is None:
                found[message.message_id] = Result(
                    message.message_id, "stopped", reason="no_address", left=False
                )
                continue
            addresses[message.message_id] = recipient.address
            recipients.append(recipient)
        for made in batch.outfit.composers[action].compose(recipients, now=now):
            if isinstance(made, Stopped):
                found[made.message_id] = Result(
                    made.message_id, "stopped", reason=f"{made.code}: {made.reason}", left=False
                )
            else:
                outgoing.setdefault(batch.outfit.channels[action].name, []).append(made)
    async with _renewing(batch, claimed):
        for channel, messages in outgoing.items():
            outcomes = await _hand_over(batch.transports[channel], messages, run)
            found.update(_results(outcomes, claimed, now=batch.clock()))
            _suppress_bounced(batch, outcomes, addresses, now=batch.clock())
    # What no outcome came for was not handed over: it waits.
    for message in claimed:
        if message.message_id not in found:
            found[message.message_id] = Result(
                message.message_id,
                "queued",
                reason=_UNREACHED_REASON,
                due_at=ledger.hold_until(1, batch.clock()),
                left=False,
            )
    return [found[message.message_id] for message in claimed]


def _recipient(
    batch: Batch, message: Claimed, fields: Mapping[str, object], person: Person | None
) -> Recipient | None:
    address = person.email if person is not None else None
    if batch.plan.trial and (address is None or (batch.made_up_only and not is_made_up(address))):
        address = trial_address(message.profile_id, salt=batch.stores.workspace_id)
    if address is None:
        return None
    names = person.fields if person is not None else {}
    name = names.get("full_name") or " ".join(
        names[part] for part in ("first_name", "last_name") if part in names
    )
    return Recipient(message.message_id, address, fields, name=name, variant=message.variant)


async def _hand_over(
    transport: Transport, messages: Iterable[Outgoing], run: SendRun
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        async for outcome in transport.send(messages):
            outcomes.append(outcome)
    except (
        AimwellError
    ) as error:  # no connection, server refuses us, disk full: a later run goes on
        run.trouble = error
    return outcomes


def _results(
    outcomes: Sequence[Outcome], claimed: Sequence[Claimed], *, now: datetime
) -> dict[str, Result]:
    attempts = {message.message_id: message.attempts for message in claimed}
    return {o.message_id: _result(o, attempts[o.message_id], now) for o in outcomes}


def _result(outcome: Outcome, attempts: int, now: datetime) -> Result:
    reply = " ".join(str(part) for part in (outcome.code, outcome.enhanced, outcome.text) if part)[
        :500
    ]
    if outcome.status == "accepted":
        return Result(outcome.message_id, "sent", reply=reply, event="Email Sent")
    if outcome.status == "refused":
        reason = "bad_recipient" if outcome.about_recipient else "refused"
        event = "Email Bounced" if outcome.about_recipient else None
        return Result(outcome.message_id, "failed", reason=reason, reply=reply, event=event)
    if outcome.status == "unknown":
        return Result(outcome.message_id, "unknown", reason="no answer came", reply=reply)
    later = ledger.hold_until(attempts, now)
    if later is None:
        return Result(outcome.message_id, "failed", reason="put off too often", reply=reply)
    return Result(
        outcome.message_id, "queued", reason="put off by the server", reply=reply, due_at=later
    )


def _suppress_bounced(
    batch: Batch, outcomes: Sequence[Outcome], addresses: Mapping[str, str], *, now: datetime
) -> None:
    """An address that the server says does not exist is not written to again."""
    bad = [o for o in outcomes if o.about_recipient]
    if not bad or batch.plan.trial:
        return
    with batch.stores.control.begin() as connection:
        for outcome in bad:
            suppress_address(
                connection,
                channel="email",
                hashed=address_hash(
                    batch.stores.identity_key, "email", addresses[outcome.message_id]
                ),
                reason="bounced",
                source="smtp",
                occurred_at=now,
            )


class _renewing:  # noqa: N801 - a context manager, used like a function
    """Keeps the lease of claimed messages alive while they are handed over."""

    def __init__(self, batch: Batch, claimed: Sequence[Claimed]) -> None:
        self._batch, self._claimed = batch, claimed
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._renew())

    async def __aexit__(self, *_error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _renew(self) -> None:
        seconds = self._batch.stores.settings.lease_seconds
        while True:
            await asyncio.sleep(seconds / 3)
            with self._batch.stores.control.begin() as connection:
                ledger.renew(
                    connection, self._claimed, now=self._batch.clock(), lease_seconds=seconds
                )
