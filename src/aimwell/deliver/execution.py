"""From an approved plan to rows: assignments in the lake, links, the message ledger. All of it harmless to repeat."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Place, Plan
from aimwell.decide.stored import place_batches
from aimwell.decide.timing_log import timing_assignment, timing_experiment
from aimwell.definitions.kinds.campaign import Action
from aimwell.deliver import ledger
from aimwell.deliver.content import CompiledContent
from aimwell.deliver.fields import people_fields
from aimwell.deliver.model import Recipient, Stopped
from aimwell.deliver.outfit import Outfit
from aimwell.deliver.own_offers import OwnOffers
from aimwell.deliver.products import PinnedProducts
from aimwell.errors import DeliverError
from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = ["STEP", "is_written", "refuse_broken_templates", "write_ledger"]

STEP = "main"
"""The one step of a campaign; journeys have several."""

_links = metadata.tables["links"]
_messages = metadata.tables["messages"]
_plans = metadata.tables["plans"]
_people = metadata.tables["plan_people"]
_BATCH = 10_000
_SAMPLE = 200


def write_ledger(stores: Stores, plan: Plan, gear: Outfit, *, now: datetime) -> None:
    """Write assignments, links and messages of a plan that is being sent, in this order; what is there stays."""
    _write_assignments(stores, plan, now)
    _write_timing(stores, plan, now)
    _write_links(stores, plan, gear)
    _write_messages(stores, plan, now)


def is_written(stores: Stores, plan: Plan) -> bool:
    """Whether everybody who is to be contacted stands in the ledger."""
    treated = sa.select(sa.func.count()).where(
        _people.c.plan_id == plan.plan_id, _people.c.arm == "treatment"
    )
    written = sa.select(sa.func.count()).where(_messages.c.plan_id == plan.plan_id)
    with stores.read_control() as connection:
        return bool(
            connection.execute(treated).scalar_one() <= connection.execute(written).scalar_one()
        )


def _write_assignments(stores: Stores, plan: Plan, now: datetime) -> None:
    """The arms, as facts of the lake: written once, before anybody is contacted."""
    transaction = (f"assign:{plan.plan_id}", 1)
    if stores.lake.has_transaction("assignments", transaction):
        return
    schema = LAKE_TABLES["assignments"].schema

    def batches() -> Iterator[pa.RecordBatch]:
        arms = ("treatment", "control", "passed")
        for people in place_batches(stores.control, plan.plan_id, arms=arms, size=_BATCH):
            rows = [_assignment(plan, place, now) for place in people]
            yield pa.RecordBatch.from_pylist(rows, schema=schema)

    stores.lake.append("assignments", batches(), transaction=transaction)


def _write_timing(stores: Stores, plan: Plan, now: datetime) -> None:
    """Who was written to at which time, an experiment of its own beside that of the actions."""
    transaction = (f"assign:{timing_experiment(plan.plan_id)}", 1)
    # A trial's messages wait for no hour.
    if plan.trial or plan.document.get("timing") is None:
        return
    if stores.lake.has_transaction("assignments", transaction):
        return
    schema = LAKE_TABLES["assignments"].schema

    def batches() -> Iterator[pa.RecordBatch]:
        for people in place_batches(stores.control, plan.plan_id, arms=("treatment",), size=_BATCH):
            rows = [timing_assignment(plan, place, now) for place in people]
            dealt = [row for row in rows if row is not None]
            yield pa.RecordBatch.from_pylist(dealt, schema=schema)

    stores.lake.append("assignments", batches(), transaction=transaction)


def _assignment(plan: Plan, place: Place, now: datetime) -> dict[str, Any]:
    return {
        "experiment": plan.campaign,
        "plan_id": plan.plan_id,
        "origin_id": place.origin_id,
        "arm": place.action or ("nothing" if place.arm == "passed" else "control"),
        "action": place.action,
        "variant": place.variant,
        "bucket": place.bucket,
        "probability": place.probability,
        "choice": place.choice,
        "assigned_at": plan.as_of,
        "source": "aimwell",
        "load_id": None,
        "received_at": now,
    }


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
    channels = {a["action"]: a["channel"] for a in plan.summary["actions"]}
    for batch in place_batches(stores.control, plan.plan_id, arms=("treatment",), size=_BATCH):
        rows = [_message(plan, place, channels, now) for place in batch]
        with stores.control.begin() as connection:
            # The lock keeps a cancellation waiting, which then stops these rows too.
            state = connection.execute(
                sa.select(_plans.c.state)
                .where(_plans.c.plan_id == plan.plan_id)
                .with_for_update(read=True)
            ).scalar_one()
            if state not in {"sending", "paused"}:
                return
            ledger.write_rows(connection, rows)


def _message(
    plan: Plan, place: Place, channels: Mapping[str | None, str], now: datetime
) -> dict[str, Any]:
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


def refuse_broken_templates(
    stores: Stores, plan: Plan, parts: CampaignParts, gear: Outfit, *, now: datetime
) -> None:
    """Raise DeliverError for a template that cannot be sent to anybody of the plan.

    A few people are enough where one of them can get it; else everybody is asked, because a field may be rare.
    """
    products = PinnedProducts(stores, plan, parts, lambda: now)
    offers = OwnOffers(stores, plan, parts)
    open_contents = {
        (action.key, compiled.content.variant): (action, compiled)
        for action in parts.campaign.actions
        for compiled in gear.contents[action.key]
    }
    faults: dict[tuple[str, str], Stopped] = {}
    for batch in place_batches(stores.control, plan.plan_id, arms=("treatment",), size=_SAMPLE):
        if not open_contents:
            return
        ids = [place.profile_id for place in batch]
        with stores.read_control() as connection:
            fields, _people = people_fields(connection, ids)
        lists = products.fields(ids)
        fields = {one: {**fields[one], **lists[one]} for one in ids if one in lists}
        for key, (action, compiled) in list(open_contents.items()):
            own = offers.fields([(action.key, one) for one in fields], now=now)
            theirs = {one: {**fields[one], **offer} for (_key, one), offer in own.items()}
            if not theirs:
                continue
            fault = _first_fault(gear, action, compiled, theirs, now)
            if fault is None:
                del open_contents[key]
                faults.pop(key, None)
            else:
                faults.setdefault(key, fault)
    for key, fault in faults.items():
        template = open_contents[key][1].content.template
        raise DeliverError(
            f"The template '{template}' (variant {key[1]}) cannot be sent to any of the {plan.summary['treated']:,} people of "
            f"the plan: {fault.reason} Nothing was sent. Fix the template (or give it a default), plan again and "
            "approve."
        )


def _first_fault(
    gear: Outfit,
    action: Action,
    compiled: CompiledContent,
    fields: Mapping[str, Mapping[str, object]],
    now: datetime,
) -> Stopped | None:
    """None where one of these people can get the content; else why the first of them cannot."""
    first: Stopped | None = None
    for number, values in enumerate(fields.values()):
        recipient = Recipient(
            f"sample-{number}", "sample@example.com", values, variant=compiled.content.variant
        )
        (made,) = gear.composers[action.key].compose([recipient], now=now)
        if not isinstance(made, Stopped):
            return None
        first = first or made
    return first
