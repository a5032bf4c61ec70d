"""The stage *deliver*: execute a plan, watch it, pause and resume it, preview and test its messages."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from aimwell.decide.campaign_parts import CampaignParts, parts_of_plan, read_parts
from aimwell.decide.model import Place, Plan
from aimwell.decide.public_address import unreachable_links
from aimwell.decide.recommended import recommended
from aimwell.decide.service import cancel as cancel_plan
from aimwell.decide.stops import lift_stops, refuse_stopped, standing
from aimwell.decide.stored import load_plan, move, pinned_products, place_of
from aimwell.deliver import ledger
from aimwell.deliver.addresses import is_made_up
from aimwell.deliver.answers import TEST_PREFIX
from aimwell.deliver.compose import Preview
from aimwell.deliver.execution import is_written, refuse_broken_templates, write_ledger
from aimwell.deliver.fields import people_fields
from aimwell.deliver.guarding import guard
from aimwell.deliver.model import Recipient, Stopped
from aimwell.deliver.outfit import outfit, refuse_unsendable, transport
from aimwell.deliver.products import shown
from aimwell.deliver.sending import Batch, SendRun, send_plan
from aimwell.deliver.sink import SinkTransport
from aimwell.deliver.switches import sending_is_on, set_sending
from aimwell.deliver.touches import flush_touches
from aimwell.errors import DecideError, DeliverError
from aimwell.privacy.contact_points import normal_email
from aimwell.privacy.vault import Person
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = [
    "DeliveryStatus",
    "cancel",
    "execute",
    "flush_touches",
    "pause",
    "preview",
    "resume",
    "run_sending",
    "send_test",
    "set_sending",
    "status",
]

_messages = metadata.tables["messages"]
_TEST = "[Test] "
_ARM_WORDS = {"control": "held out", "excluded": "left out", "passed": "passed over"}


@dataclass(frozen=True)
class DeliveryStatus:
    """Where a plan stands. `messages`: state → reason ("" for none) → number; `stopped`: what a guardrail of its campaign saw."""

    plan_id: str
    state: str
    trial: bool
    messages: Mapping[str, Mapping[str, int]]
    next_due_at: datetime | None
    sending_on: bool
    ended: str = ""
    trouble: str | None = None
    stopped: str | None = None

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
        DeliverError: A channel cannot be sent through, recipients could not unsubscribe, or a template needs what
            nobody has; nothing was written.
        DecideError: The plan is not approved, or was cancelled.
    """
    plan = load_plan(stores.control, plan_id)
    _refuse_state(plan)
    parts = parts_of_plan(plan.document)
    refuse_unsendable(parts, trial=plan.trial)
    unreachable = unreachable_links(parts, stores.settings, trial=plan.trial)
    if unreachable is not None:
        raise DeliverError(f"{unreachable} Nothing was sent.")
    gear = outfit(stores, parts)
    if plan.state == "approved":
        refuse_broken_templates(stores, plan, parts, gear, now=now)
    # Not from 'paused': executing again must not undo what somebody has just stopped.
    plan = move(
        stores.control,
        plan.plan_id,
        "sending",
        now=now,
        since=("approved", "sending"),
        also=lambda connection: refuse_stopped(connection, plan),
    )
    write_ledger(stores, plan, gear, now=now)
    stores.audit("execute", actor=by, subject=plan.plan_id)
    return plan


def _refuse_state(plan: Plan) -> None:
    """Said before anything else: what else is wrong does not matter to somebody who may not send the plan."""
    if plan.state in {"approved", "sending"}:
        return
    hints = {
        "planned": f" It is not approved yet: aimwell decide approve {plan.plan_id}",
        "paused": f" Let it go on with: aimwell deliver resume {plan.plan_id}",
    }
    raise DecideError(
        f"The plan '{plan.plan_id}' is {plan.state} and cannot become sending; "
        f"that is possible while it is approved or sending.{hints.get(plan.state, '')}"
    )


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
    gear = outfit(stores, parts)
    ways = {
        channel.name: transport(stores, plan, channel, through_smtp=through_smtp)
        for channel in gear.channels.values()
    }
    # A folder knows by its name what it has, so handing a message over again cannot double it.
    folders = {name for name, way in ways.items() if isinstance(way, SinkTransport)}
    again = set(ways) if parts.campaign.after_crash == "resend" else folders
    with stores.control.begin() as connection:
        ledger.recover(connection, plan.plan_id, now=clock(), again=again)
        if plan.state == "cancelled":
            ledger.stop_all(connection, plan.plan_id, reason="plan_cancelled")
    plan = _guard(stores, plan, now=clock())
    run = SendRun(ended=f"the plan is {plan.state}")
    if plan.state == "sending":
        if not is_written(
            stores, plan
        ):  # whoever executed it was killed in the middle, or still works
            write_ledger(stores, plan, gear, now=clock())
        batch = Batch(
            stores,
            plan,
            parts,
            gear,
            ways,
            clock,
            again=again,
            made_up_only=plan.trial and through_smtp,
        )
        before = status(stores, plan.plan_id)
        already = before.all - before.total("queued")

        def step(done: int) -> None:
            if progress is not None:
                progress(min(already + done, before.all), before.all)

        run = asyncio.run(send_plan(batch, progress=step))
    _finish(stores, plan, now=clock())
    flush_touches(stores, now=clock())
    _guard(stores, plan, now=clock())
    after = status(stores, plan.plan_id)
    return replace(after, ended=run.ended, trouble=str(run.trouble) if run.trouble else None)


def _guard(stores: Stores, plan: Plan, *, now: datetime) -> Plan:
    """The plan as it stands after its guardrails were looked at."""
    if plan.trial or not plan.document["campaign"].get("guardrails"):
        return plan
    return load_plan(stores.control, plan.plan_id) if guard(stores, now=now, plans=[plan]) else plan


def _finish(stores: Stores, plan: Plan, *, now: datetime) -> None:
    """The plan is 'sent' when all its messages are in the ledger and none of them waits."""
    with stores.read_control() as connection:
        waiting = connection.execute(
            sa.select(sa.func.count()).where(
                _messages.c.plan_id == plan.plan_id, _messages.c.state.in_(["queued", "sending"])
            )
        ).scalar_one()
    if waiting or not is_written(stores, plan):
        return
    # Somebody else may have paused, cancelled or finished it meanwhile; that stands.
    with suppress(DecideError):
        move(stores.control, plan.plan_id, "sent", now=now, since=("sending",))


def pause(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Stop sending a plan for now; senders under way stop before their next handful."""
    plan = move(stores.control, load_plan(stores.control, plan_id).plan_id, "paused", now=now)
    stores.audit("pause", actor=by, subject=plan.plan_id)
    return plan


def resume(
    stores: Stores, plan_id: str, *, now: datetime, by: str, reason: str | None = None
) -> Plan:
    """Let a paused plan go on; send it with `run_sending`.

    Args:
        reason: Why it may, though a guardrail stopped its campaign; it is written down, and the guardrail counts anew.

    Raises:
        DecideError: A guardrail stopped the campaign and no reason is given.
        DeliverError: It is not paused.
    """
    plan = load_plan(stores.control, plan_id)
    with stores.read_control() as connection:
        stopped = bool(standing(connection, plan.campaign))
        if stopped and not (reason or "").strip():
            refuse_stopped(connection, plan)

    def overrule(connection: sa.Connection) -> None:
        if stopped and reason is not None:
            lift_stops(
                stores,
                connection,
                plan.campaign,
                now=now,
                by=by,
                reason=reason,
                subject=plan.plan_id,
            )

    if plan.state != "paused":
        # All of it may have left before the harm was seen; then there is only the stop to lift.
        if not stopped:
            raise DeliverError(f"The plan '{plan.plan_id}' is {plan.state}, not paused.")
        with stores.control.begin() as connection:
            overrule(connection)
        return plan
    plan = move(stores.control, plan.plan_id, "sending", now=now, since=("paused",), also=overrule)
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
        stops = [] if plan.trial else standing(connection, plan.campaign)
        return DeliveryStatus(
            plan_id=plan.plan_id,
            state=plan.state,
            trial=plan.trial,
            messages=ledger.counts(connection, plan.plan_id),
            next_due_at=ledger.next_due(connection, plan.plan_id),
            sending_on=sending_is_on(connection),
            stopped=str(stops[0].evidence["words"]) if stops else None,
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
    plan_id: str | None = None,
) -> Preview | Stopped:
    """The message of a campaign as one person would get it, unsigned, so that no secret is needed. Looking is written
    to the audit log.

    Args:
        plan_id: The message of this plan: its texts, its action and variant, and the products pinned in it. Default: the
            campaign as it is now; products are those that would be recommended now.

    Raises:
        DeliverError: There is no such action or variant, or the plan does not contact this person.
    """
    if plan_id is None:
        parts = read_parts(stores.control, campaign)
        products = _products_now(stores, parts, profile_id, now)
    else:
        parts, place, products = _planned(stores, campaign, plan_id, profile_id)
        action, variant = action or place.action, variant or place.variant
    refuse_unsendable(parts, trial=True)
    key = _chosen(action, [a.key for a in parts.campaign.actions], "action")
    gear = outfit(stores, parts, signed=False)
    content = _chosen(variant, [c.content.variant for c in gear.contents[key]], "variant")
    recipient = _as_person(stores, profile_id, content, products)
    stores.audit("preview", actor=by, subject=profile_id, campaign=campaign)
    return gear.composers[key].preview(recipient, now=now)


def _planned(
    stores: Stores, campaign: str, plan_id: str, profile_id: str
) -> tuple[CampaignParts, Place, dict[str, object]]:
    """What a plan holds for one person."""
    plan = load_plan(stores.control, plan_id)
    if plan.campaign != campaign:
        raise DeliverError(f"The plan '{plan.plan_id}' is of the campaign '{plan.campaign}'.")
    place = place_of(stores.control, plan.plan_id, profile_id)
    if place is None or place.arm != "treatment":
        told = "does not stand in it" if place is None else f"is {_ARM_WORDS[place.arm]}"
        raise DeliverError(
            f"The plan '{plan.plan_id}' sends this person nothing: the person {told}. Leave the plan out to see the message "
            "that they would get by the campaign as it is now."
        )
    parts = parts_of_plan(plan.document)
    if parts.campaign.recommendations is None:
        return parts, place, {}
    with stores.read_control() as connection:
        pinned = pinned_products(connection, plan.plan_id, [profile_id])
    return parts, place, shown(pinned.get(profile_id, []))


def _products_now(
    stores: Stores, parts: CampaignParts, profile_id: str, now: datetime
) -> dict[str, object]:
    """The products that a campaign would recommend to one person if it were planned now; nothing where it recommends none."""
    wanted = parts.campaign.recommendations
    if wanted is None:
        return {}
    return shown(recommended(stores, wanted, [profile_id], as_of=now).products(profile_id))


def _as_person(
    stores: Stores,
    profile_id: str,
    variant: str,
    products: Mapping[str, object],
    to: str | None = None,
) -> Recipient:
    with stores.read_control() as connection:
        fields, people = people_fields(connection, [profile_id])
    person = people.get(profile_id) or Person(profile_id)
    address = to or person.email or "nobody@example.invalid"
    # By chance, so that a second test is another message, and nothing of the person stands in its links.
    name = f"{TEST_PREFIX}{secrets.token_hex(12)}"
    return Recipient(name, address, {**fields[profile_id], **products}, variant=variant)


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
    gear = outfit(stores, parts, subject_prefix=_TEST)
    content = _chosen(variant, [c.content.variant for c in gear.contents[key]], "variant")
    products = _products_now(stores, parts, as_profile, now)
    recipient = _as_person(stores, as_profile, content, products, address)
    (made,) = gear.composers[key].compose([recipient], now=now)
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
