"""The sending of a plan: claim a handful, ask again, render, hand over, record; until nothing is due.

Any number of processes may send the same plan at once. A handful is small where messages really leave, because that is
what a crash can leave in doubt. However a run ends (an error, an interruption), what it holds is put down first: what
was not tried goes back to the queue, and only what was handed over without an answer is `unknown`.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.deliver import ledger
from aimwell.deliver.handful import Handful
from aimwell.deliver.ledger import Claimed
from aimwell.deliver.outfit import Outfit
from aimwell.deliver.own_offers import OwnOffers
from aimwell.deliver.products import PinnedProducts
from aimwell.deliver.stopping import StopRules
from aimwell.deliver.switches import sending_is_on
from aimwell.deliver.transport import Transport
from aimwell.deliver.watch import watching
from aimwell.errors import AimwellError, ControlBusyError, StorageFullError
from aimwell.privacy.suppression import address_hash
from aimwell.privacy.suppression import suppress as suppress_address
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Batch", "SendRun", "handful_size", "send_plan"]

_plans = metadata.tables["plans"]
_STATE = sa.select(_plans.c.state).where(_plans.c.plan_id == sa.bindparam("plan"))
_FOLDER_HANDFUL = 1000
_INSIST_SECONDS = 0.5
_T = TypeVar("_T")


@dataclass
class SendRun:
    """What one run of sending did: messages by their new state, and why it ended."""

    done: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    ended: str = "nothing is due"
    trouble: AimwellError | None = None


@dataclass(frozen=True)
class Batch:
    """What a run needs, made once.

    `again` are the channels whose messages may be handed over a second time when it is not known whether they were.
    """

    stores: Stores
    plan: Plan
    parts: CampaignParts
    outfit: Outfit
    transports: Mapping[str, Transport]
    clock: Callable[[], datetime]
    again: Collection[str] = ()
    made_up_only: bool = False

    def size(self) -> int:
        """Messages claimed at a time."""
        most = self.stores.settings.messages_per_job
        return min(handful_size(self.parts, trial=self.plan.trial), most)


def handful_size(parts: CampaignParts, *, trial: bool) -> int:
    """How many messages to claim at a time: few where they really leave, more where a folder takes them."""
    connections = [c.smtp.connections for c in parts.channels.values() if c.smtp is not None]
    return _FOLDER_HANDFUL if trial or not connections else 8 * max(connections)


async def send_plan(batch: Batch, *, progress: Callable[[int], None] | None = None) -> SendRun:
    """Send what is due of a plan; returns when nothing is, or sending was stopped.

    A mail server that cannot be reached, or a full disk, ends the run with `trouble`; what was not handed over waits.
    What `progress` raises ends the run, and is raised again once everything is put down.
    """
    run = SendRun()
    rules = StopRules(batch.stores, batch.plan, batch.parts, batch.clock)
    products = PinnedProducts(batch.stores, batch.plan, batch.parts, batch.clock)
    offers = OwnOffers(batch.stores, batch.plan, batch.parts)
    held = Handful([])
    # What is there by now stays till the end, so the collector of cyclic garbage need not look through it again and
    # again; of what a message takes nothing is left for it. Whoever froze it before us keeps it frozen.
    freezes = gc.get_freeze_count() == 0
    if freezes:
        gc.freeze()
    try:
        while True:
            claimed = _record_and_claim(batch, run, held)
            held = Handful(claimed)
            if progress is not None:
                progress(sum(run.done.values()))
            if not claimed:
                return run
            async with watching(batch.stores, batch.plan.plan_id, claimed, batch.clock) as watch:
                run.trouble = await held.send(
                    batch.stores,
                    batch.plan,
                    outfit=batch.outfit,
                    transports=batch.transports,
                    rules=rules,
                    products=products,
                    offers=offers,
                    clock=batch.clock,
                    halted=lambda: watch.halted,
                    made_up_only=batch.made_up_only,
                )
    finally:
        if freezes:
            gc.unfreeze()
        if held.claimed:
            _insist(batch, lambda connection: _record(connection, batch, run, held))
        for transport in batch.transports.values():
            await transport.close()


def _record_and_claim(batch: Batch, run: SendRun, held: Handful) -> list[Claimed]:
    """Write what became of the last handful and take the next, in one transaction."""

    def both(connection: sa.Connection) -> list[Claimed]:
        halt = _record(connection, batch, run, held)
        if halt is not None or run.trouble is not None:
            run.ended = halt or "trouble"
            return []
        claimed = _claim(connection, batch)
        if not claimed:
            # What senders left that died meanwhile; those that are safe to send again are due at once.
            now, plan_id = batch.clock(), batch.plan.plan_id
            again, _ = ledger.recover(connection, plan_id, now=now, again=batch.again)
            claimed = _claim(connection, batch) if again else []
        return claimed

    claimed = _insist(batch, both)
    _count(run, held)
    held.claimed = ()
    return claimed


def _claim(connection: sa.Connection, batch: Batch) -> list[Claimed]:
    return ledger.claim(
        connection,
        batch.plan.plan_id,
        now=batch.clock(),
        limit=batch.size(),
        lease_seconds=batch.stores.settings.lease_seconds,
    )


def _record(connection: sa.Connection, batch: Batch, run: SendRun, held: Handful) -> str | None:
    """Write what became of a handful; says why sending has to stop, if it has to."""
    now = batch.clock()
    results = held.settled(batch.again, now=now, trouble=run.trouble)
    ledger.record(connection, held.claimed, results, now=now)
    if not batch.plan.trial:
        _suppress(connection, batch.stores.identity_key, held.bounced, now)
    if not sending_is_on(connection):
        return "all sending is switched off"
    state = connection.execute(_STATE, {"plan": batch.plan.plan_id}).scalar_one()
    if state == "cancelled":
        # What was claimed when the plan was given up, and came back to the queue since.
        ledger.stop_all(connection, batch.plan.plan_id, reason="plan_cancelled")
    return None if state == "sending" else f"the plan is {state}"


def _suppress(
    connection: sa.Connection, key: bytes, addresses: Sequence[str], now: datetime
) -> None:
    """Addresses that the server says do not exist are not written to again."""
    for address in addresses:
        suppress_address(
            connection,
            channel="email",
            hashed=address_hash(key, "email", address),
            reason="bounced",
            source="smtp",
            occurred_at=now,
        )


def _insist(batch: Batch, write: Callable[[sa.Connection], _T]) -> _T:
    """Write, again and again while the database is busy: messages have left, and that must be known.

    After the time of a lease it is given up; what was in flight is then taken for lost.
    """
    deadline = time.monotonic() + batch.stores.settings.lease_seconds
    while True:
        try:
            with batch.stores.control.begin() as connection:
                return write(connection)
        except (ControlBusyError, StorageFullError):
            if time.monotonic() >= deadline:
                raise
            time.sleep(_INSIST_SECONDS)


def _count(run: SendRun, held: Handful) -> None:
    for result in held.last_settled:
        run.done[result.state] += 1
        if result.reason is not None:
            run.reasons[result.reason] += 1
