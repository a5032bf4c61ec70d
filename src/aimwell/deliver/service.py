"""The stage *deliver*: execute a plan, watch it, pause and resume it, preview and test its messages."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aimwell.decide.campaign_parts import CampaignParts, parts_of_plan, read_parts
from aimwell.decide.model import Place, Plan
from aimwell.decide.service import cancel as cancel_plan
from aimwell.decide.stored import load_plan, move, places
from aimwell.deliver import ledger
from aimwell.deliver.addresses import is_made_up
from aimwell.deliver.compose import Preview
from aimwell.deliver.fields import people_fields
from aimwell.deliver.model import Recipient, Stopped
from aimwell.deliver.outfit import Outfit, outfit, refuse_unsendable, transport
from aimwell.deliver.sending import Batch, SendRun, send_plan
from aimwell.deliver.switches import sending_is_on
from aimwell.deliver.touches import flush_touches
from aimwell.errors import DeliverError
from aimwell.privacy.contact_points import normal_email
from aimwell.privacy.vault import Person
from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = [
    "DeliveryStatus",
    "cancel",
    "execute",
    "pause",
    "preview",
    "resume",
    "run_sending",
    "send_test",
    "status",
]

STEP = "main"
"""The one step of a campaign; journeys have several."""

_links = metadata.tables["links"]
_messages = metadata.tables["messages"]
_BATCH = 5_000
_SAMPLES = 50


@dataclass(frozen=True)
class DeliveryStatus:
    """Where a plan stands. `messages`: state → reason ("" for none) → number."""

    plan_id: str
    state: str
    trial: bool
    messages: Mapping[str, Mapping[str, int]]
    next_due_at: datetime | None
    sending_on: bool
    ended: str = ""
    trouble: str | None = None

    def total(self, state: str) -> int:
        """Messages in one state."""
        return sum(self.messages.get(state, {}).values())

    @property
    def all(self) -> int:
        """All messages of the plan."""
        return sum(self.total(state) for state in self.messages)


def execute(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Turn an approved plan into assignments and ledger rows. Nothing is chosen anew; nothing leaves yet.

    Harmless to repeat: what is there stays.

    Raises:
        DeliverError: A channel cannot be sent through, or a template needs what nobody has; nothing was written.
        DecideError: The plan is not approved, or was cancelled.
    """
    plan = load_plan(stores.control, plan_id)
    parts = parts_of_plan(plan.document)
    refuse_unsendable(parts, trial=plan.trial)
    gear = outfit(stores, parts)
    if plan.state in {"approved", "sending", "paused"}:
        _refuse_broken_templates(stores, plan, parts, gear, now)
    plan = move(stores.control, plan.plan_id, "sending", now=now)
    _write_assignments(stores, plan, now)
    _write_links(stores, plan, gear)
    _write_messages(stores, plan, now)
    stores.audit("execute", actor=by, subject=plan.plan_id)
    return plan


def run_sending(
    stores: Stores,
    plan_id: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Callable[[int, int], None] | None = None,
    through_smtp: bool = False,
) -> DeliveryStatus:
    """Send what is due of a plan that is being sent; any number of processes may do so at once.

    Args:
        clock: Gives the present moment.
        progress: Called with (done, all) messages.
        through_smtp: Let a trial use its channels' mail servers, to made-up addresses only.

    Returns:
        Where the plan stands: it is 'sent' when no message waits. `trouble` says what is in the way.
    """
    plan = load_plan(stores.control, plan_id)
    parts = parts_of_plan(plan.document)
    with stores.control.begin() as connection:
        ledger.recover(
            connection,
            plan.plan_id,
            now=clock(),
            # A folder knows by its name what it has, so sending again cannot double anything.
            resend=parts.campaign.after_crash == "resend" or (plan.trial and not through_smtp),
        )
    run = SendRun()
    if plan.state == "sending":
        gear = outfit(stores, parts)
        batch = Batch(
            stores,
            plan,
            parts,
            gear,
            {
                c.name: transport(stores, plan, c, through_smtp=through_smtp)
                for c in gear.channels.values()
            },
            clock,
            made_up_only=plan.trial and through_smtp,
        )
        before = status(stores, plan.plan_id)
        waiting = before.total("queued")
        already = before.all - waiting

        def step(done: int) -> None:
            if progress is not None:
                progress(min(already + done, before.all), before.all)

        run = asyncio.run(send_plan(batch, progress=step))
    flush_touches(stores, now=clock())
    _finish(stores, plan.plan_id, now=clock())
    after = status(stores, plan.plan_id)
    return replace(after, ended=run.ended, trouble=str(run.trouble) if run.trouble else None)


def _finish(stores: Stores, plan_id: str, *, now: datetime) -> None:
    with stores.control.begin() as connection:
        waiting = connection.execute(
            sa.select(sa.func.count()).where(
                _messages.c.plan_id == plan_id, _messages.c.state.in_(["queued", "sending"])
            )
        ).scalar_one()
    if not waiting and load_plan(stores.control, plan_id).state == "sending":
        move(stores.control, plan_id, "sent", now=now)


def _write_assignments(stores: Stores, plan: Plan, now: datetime) -> None:
    """The arms, as facts of the lake: written once, before anybody is contacted."""
    people = places(stores.control, plan.plan_id, arms=("treatment", "control"))
    schema = LAKE_TABLES["assignments"].schema
    rows = [
        {
            "experiment": plan.campaign,
            "plan_id": plan.plan_id,
            "origin_id": place.origin_id,
            "arm": place.action or "control",
            "action": place.action,
            "variant": place.variant,
            "bucket": place.bucket,
            "probability": place.probability,
            "assigned_at": plan.as_of,
            "source": "aimwell",
            "load_id": None,
            "received_at": now,
        }
        for place in people
    ]
    table = pa.Table.from_pylist(rows, schema=schema)
    stores.lake.append("assignments", table, transaction=(f"assign:{plan.plan_id}", 1))


def _write_links(stores: Stores, plan: Plan, gear: Outfit) -> None:
    rows = [
        {
            "plan_id": plan.plan_id,
            "content": f"{compiled.content.template}/{compiled.content.variant}",
            "number": link.number,
            "url": link.url,
            "personal": link.personal,
        }
        for contents in gear.contents.values()
        for compiled in contents
        for link in compiled.links
    ]
    with stores.control.begin() as connection:
        insert_missing(connection, _links, rows)


def _write_messages(stores: Stores, plan: Plan, now: datetime) -> None:
    for batch in _batches(places(stores.control, plan.plan_id, arms=("treatment",))):
        rows = [_message(plan, place, now) for place in batch]
        with stores.control.begin() as connection:
            ledger.write_rows(connection, rows)


def _batches(found: Sequence[Place]) -> Iterator[Sequence[Place]]:
    for start in range(0, len(found), _BATCH):
        yield found[start : start + _BATCH]


def _message(plan: Plan, place: Place, now: datetime) -> dict[str, Any]:
    channels = {a["action"]: a["channel"] for a in plan.summary["actions"]}
    key = f"{plan.plan_id}:{STEP}:{place.profile_id}"
    return {
        # Says nothing of the person to who does not know the ids, and is the same when this is repeated.
        "message_id": hashlib.sha256(key.encode()).hexdigest()[:32],
        "campaign": plan.campaign,
        "plan_id": plan.plan_id,
        "step": STEP,
        "profile_id": place.profile_id,
        "occurrence": plan.plan_id,
        "channel": channels[place.action],
        "action": place.action,
        "variant": place.variant,
        "state": "queued",
        # A trial reaches nobody, so it need not wait for anybody's morning.
        "due_at": now if plan.trial else place.send_at or now,
        "cost": place.cost,
    }


def _refuse_broken_templates(
    stores: Stores, plan: Plan, parts: CampaignParts, gear: Outfit, now: datetime
) -> None:
    """Refuse a template that cannot be sent to anybody of a sample of the plan's own people."""
    sample = [
        p.profile_id for p in places(stores.control, plan.plan_id, arms=("treatment",))[:_SAMPLES]
    ]
    if not sample:
        return
    with stores.read_control() as connection:
        fields, _people = people_fields(connection, sample)
    for action in parts.campaign.actions:
        for compiled in gear.contents[action.key]:
            composed = gear.composers[action.key].compose(
                [
                    Recipient(
                        f"sample-{n}",
                        "sample@example.com",
                        fields[p],
                        variant=compiled.content.variant,
                    )
                    for n, p in enumerate(sample)
                ],
                now=now,
            )
            stopped = [made for made in composed if isinstance(made, Stopped)]
            if len(stopped) == len(composed):
                raise DeliverError(
                    f"The template '{compiled.content.template}' (variant {compiled.content.variant}) cannot be sent "
                    f"to any of {len(sample)} people of the plan: {stopped[0].reason} Nothing was sent. Fix the "
                    "template (or give it a default), plan again and approve."
                )


def pause(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Stop sending a plan for now; senders under way stop before their next handful."""
    plan = move(stores.control, load_plan(stores.control, plan_id).plan_id, "paused", now=now)
    stores.audit("pause", actor=by, subject=plan.plan_id)
    return plan


def resume(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Let a paused plan go on; send it with `run_sending`."""
    plan = load_plan(stores.control, plan_id)
    if plan.state != "paused":
        raise DeliverError(f"The plan '{plan.plan_id}' is {plan.state}, not paused.")
    plan = move(stores.control, plan.plan_id, "sending", now=now)
    stores.audit("resume", actor=by, subject=plan.plan_id)
    return plan


def cancel(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Give a plan up; messages that have not left are stopped with that reason."""
    plan = cancel_plan(stores, plan_id, now=now, by=by)
    with stores.control.begin() as connection:
        ledger.stop_all(connection, plan.plan_id, reason="plan_cancelled")
    return plan


def status(stores: Stores, plan_id: str) -> DeliveryStatus:
    """Where a plan stands."""
    plan = load_plan(stores.control, plan_id)
    with stores.read_control() as connection:
        return DeliveryStatus(
            plan_id=plan.plan_id,
            state=plan.state,
            trial=plan.trial,
            messages=ledger.counts(connection, plan.plan_id),
            next_due_at=ledger.next_due(connection, plan.plan_id),
            sending_on=sending_is_on(connection),
        )


def preview(
    stores: Stores,
    campaign: str,
    profile_id: str,
    *,
    now: datetime,
    by: str,
    action: str | None = None,
    variant: str | None = None,
) -> Preview | Stopped:
    """The message of a campaign as one person would get it. Looking is written to the audit log.

    Raises:
        DeliverError: There is no such action or variant.
    """
    parts = read_parts(stores.control, campaign)
    refuse_unsendable(parts, trial=True)
    key = _chosen(action, [a.key for a in parts.campaign.actions], "action")
    gear = outfit(stores, parts)
    content = _chosen(variant, [c.content.variant for c in gear.contents[key]], "variant")
    recipient = _as_person(stores, profile_id, content)
    stores.audit("preview", actor=by, subject=profile_id, campaign=campaign)
    return gear.composers[key].preview(recipient, now=now)


def _as_person(stores: Stores, profile_id: str, variant: str, to: str | None = None) -> Recipient:
    with stores.read_control() as connection:
        fields, people = people_fields(connection, [profile_id])
    person = people.get(profile_id) or Person(profile_id)
    address = to or person.email or "nobody@example.invalid"
    return Recipient(f"test-{profile_id[:24]}", address, fields[profile_id], variant=variant)


def _chosen(given: str | None, known: Sequence[str], what: str) -> str:
    if given is None:
        return known[0]
    if given not in known:
        raise DeliverError(f"The campaign has no {what} '{given}'. Known: {', '.join(known)}.")
    return given


def send_test(
    stores: Stores,
    campaign: str,
    *,
    to: str,
    as_profile: str,
    now: datetime,
    by: str,
    action: str | None = None,
    variant: str | None = None,
) -> str:
    """Send one message of a campaign to an address of your own, as a person of the audience would get it.

    It is marked as a test, stands in no ledger and counts nowhere.

    Returns:
        What the channel answered.

    Raises:
        DeliverError: The address is none, the message cannot be made, or the channel did not take it.
    """
    address = normal_email(to) or (to if is_made_up(to) else None)
    if address is None:
        raise DeliverError(f"'{to}' is no e-mail address. Give one as you@yourfirm.com.")
    parts = read_parts(stores.control, campaign)
    refuse_unsendable(parts, trial=False)
    key = _chosen(action, [a.key for a in parts.campaign.actions], "action")
    gear = outfit(stores, parts)
    content = _chosen(variant, [c.content.variant for c in gear.contents[key]], "variant")
    made = gear.composers[key].compose([_as_person(stores, as_profile, content, address)], now=now)[
        0
    ]
    if isinstance(made, Stopped):
        raise DeliverError(f"The test message was not made: {made.reason}")
    stores.audit("test send", actor=by, subject=as_profile, campaign=campaign)
    fake = Plan("test", campaign, 0, "sending", False, now, {}, {}, {}, now, by)
    way = transport(stores, fake, gear.channels[key])

    async def send() -> list[Any]:
        try:
            return [outcome async for outcome in way.send([made])]
        finally:
            await way.close()

    (outcome,) = asyncio.run(send())
    if outcome.status != "accepted":
        raise DeliverError(
            f"The channel did not take the test message: {outcome.code or ''} {outcome.text}"
        )
    return f"{outcome.code or ''} {outcome.text or 'accepted'}".strip()
