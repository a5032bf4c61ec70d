"""Reads a plan and those before it, and tells where it falls short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from aimwell.decide.campaign_parts import CampaignParts, parts_of_plan
from aimwell.decide.model import Plan
from aimwell.decide.stored import list_plans, load_plan
from aimwell.errors import MeasureError, nearest
from aimwell.measure.diagnosis.effects import effects_of, of_offer
from aimwell.measure.diagnosis.journeys import Journeys, Reached, journeys
from aimwell.measure.diagnosis.model import Diagnosis
from aimwell.measure.diagnosis.passing import PassedOver, contacted, passed_over
from aimwell.measure.diagnosis.places import CART, given_places, grouping_of
from aimwell.measure.diagnosis.searching import (
    Effects,
    effect_findings,
    search,
    steps_of,
    target_findings,
)
from aimwell.measure.diagnosis.words import TARGET_NAMES, in_words, onwards, sentence
from aimwell.measure.ledger import read_contacts, read_ledger, recorded_channels
from aimwell.measure.members import Grouping, micro_groups, of_segments
from aimwell.measure.people import BoolArray
from aimwell.measure.plan_reading import read_plan
from aimwell.measure.reading import Reading
from aimwell.measure.spans import assigned, span_of
from aimwell.segment.membership.defined import defined
from aimwell.store.stores import Stores

__all__ = ["diagnose"]

_STARTED = ("sending", "paused", "sent", "cancelled")
_EARLIER_MOST = 6

_Recorded = tuple[frozenset[str], frozenset[str]]
"""Channels by which opens, and clicks, are recorded; those of the earlier plans too, so that none at all is noticed."""


@dataclass(frozen=True, eq=False)
class _Read:
    """One plan. `waiting`: messages that are not through. `converted`: people not held out with the goal, and their number."""

    journeys: Journeys
    effects: Effects
    uneven: str | None
    passed: PassedOver | None
    waiting: int
    converted: tuple[int, int]
    failures: tuple[str, ...]


def diagnose(
    stores: Stores,
    name: str,
    *,
    now: datetime,
    segments: Sequence[str] | None = None,
    model: str | None = None,
) -> Diagnosis:
    """Where a plan falls short of its targets, of earlier plans, and of itself elsewhere.

    Args:
        stores: The workspace.
        name: A plan, `latest:CAMPAIGN`, a campaign (its newest plan) or an offer (the newest plan with it, its actions alone).
        now: The present moment. Earlier plans are counted up to the same age.
        segments: Names; default: all.
        model: A kept model of micro-segments in place of segments.

    Raises:
        MeasureError: There is no such plan, campaign or offer, it has not begun, or it is a trial.
        UnknownDefinitionError: There is no such segment.
        SegmentError: There is no such model.
    """
    plan, offer = _found(stores, name, now)
    if plan.trial:
        raise MeasureError("A trial reaches nobody, so there is nothing to diagnose.")
    span = span_of(plan, now, timezone=stores.settings.timezone)
    age = span.measured_until - span.starts_at
    before = [
        one
        for one in list_plans(stores.control)
        if one.state in _STARTED
        and not one.trial
        and one.starts_at < plan.starts_at
        and (_uses(one, offer) if offer else one.campaign == plan.campaign)
    ][:_EARLIER_MOST]
    grouping = (
        grouping_of(micro_groups(stores, model), "micro-segment")
        if model is not None
        else grouping_of(of_segments(defined(stores, segments)), "segment")
    )

    with stores.read_control() as connection:
        recorded = recorded_channels(connection, [one.plan_id for one in (plan, *before)])

    def read(one: Plan, until: datetime) -> _Read:
        return _read(stores, one, until, grouping, offer, recorded)

    mine = read(plan, span.measured_until)
    earlier = [read(one, min(one.starts_at + age, now)) for one in before]
    past = [one.journeys for one in earlier]
    extra = [
        *target_findings(_targets(plan, mine)),
        *effect_findings(mine.effects, [one.effects for one in earlier]),
    ]
    found, searched = search(mine.journeys, past, extra)
    steps = steps_of(mine.journeys, past)
    ways = onwards(steps)
    return Diagnosis(
        plan_id=plan.plan_id,
        campaign=plan.campaign,
        offer=offer,
        currency=stores.settings.currency,
        earlier=tuple(one.plan_id for one in before),
        measured_until=span.measured_until.isoformat(),
        steps=steps,
        findings=tuple(in_words(one, stores.settings.currency, ways) for one in found),
        searched=searched,
        passed=mine.passed,
        sentence=sentence(found, searched, len(before)),
        notes=_notes(mine, len(before), finished=span.finished),
    )


def _found(stores: Stores, name: str, now: datetime) -> tuple[Plan, str | None]:
    """The plan that is meant, and the offer where one is."""
    plans = [
        one for one in list_plans(stores.control) if one.state in _STARTED and one.starts_at < now
    ]
    campaigns = {one.campaign for one in plans}
    if name in campaigns:
        return next(one for one in plans if one.campaign == name), None
    of_offer = [one for one in plans if _uses(one, name) and not one.trial]
    if of_offer:
        return of_offer[0], name
    known = {one.plan_id for one in plans}
    if name in known or name.startswith("latest:"):
        return load_plan(stores.control, name), None
    offers = {one["offer"] for plan in plans for one in plan.document["campaign"]["actions"]}
    raise MeasureError(
        f"No plan that was started, campaign or offer of one is named '{name}'. "
        f"{nearest(name, sorted(campaigns | known | (offers - {None})))}"
    )


def _uses(plan: Plan, offer: str) -> bool:
    return any(one.get("offer") == offer for one in plan.document["campaign"]["actions"])


def _read(
    stores: Stores,
    plan: Plan,
    until: datetime,
    grouping: Grouping,
    offer: str | None,
    recorded: _Recorded,
) -> _Read:
    parts = parts_of_plan(plan.document)
    span = span_of(plan, until, timezone=stores.settings.timezone)
    with stores.read_control() as connection:
        contacts = read_contacts(connection, plan.plan_id, until=until)
        waiting = read_ledger(connection, plan.plan_id).delivery.waiting
    reading = read_plan(
        stores,
        plan,
        parts,
        assigned(stores, plan.plan_id),
        span=span,
        grouping=grouping,
        contacts=contacts,
        valued=False,
    )
    assert reading.in_segments is not None  # noqa: S101 - it was asked for
    failures = reading.in_segments.failures
    groups = dict(reading.in_segments.members)
    carted = groups.pop(CART, None)
    effects, uneven = effects_of(
        reading.people,
        groups,
        plan=plan,
        parts=parts,
        span=span,
        currency=stores.settings.currency,
        offer=offer,
    )
    passed = passed_over(reading.people, groups)
    keep = of_offer(reading.people, parts, offer)
    reading = replace(
        reading,
        people=reading.people.take(keep),
        contacts={name: column[keep] for name, column in reading.contacts.items()},
    )
    groups = {name: members[keep] for name, members in groups.items()}
    carts = None if carted is None else carted[keep]
    return _Read(
        journeys=_journeys(reading, parts, groups, carts, recorded, waiting=waiting),
        effects=effects,
        uneven=uneven,
        passed=passed,
        waiting=waiting,
        converted=(
            int((reading.people.converted & reading.people.treated).sum()),
            int(reading.people.treated.sum()),
        ),
        failures=tuple(f"{n}: {why}" for n, why in sorted(failures.items())),
    )


def _journeys(
    reading: Reading,
    parts: CampaignParts,
    groups: dict[str, BoolArray],
    carted: BoolArray | None,
    recorded: _Recorded,
    *,
    waiting: int,
) -> Journeys:
    people, treated = reading.people, contacted(reading.people)
    given = given_places(people, parts)

    def befell(name: str) -> BoolArray:
        return np.asarray(reading.contacts[name] > 0, dtype=np.bool_)

    def known(channels: frozenset[str]) -> BoolArray:
        found = np.zeros(len(people), dtype=np.bool_)
        for channel in channels:
            found |= given.get(f"channel {channel}", False)
        return found[treated]

    reached = Reached(
        sent=befell("sent")[treated],
        bounced=befell("bounced")[treated],
        engaged=befell("engaged")[treated],
        clicked=befell("clicked")[treated],
        carted=None if carted is None else carted[treated],
        converted=people.converted[treated],
        sends_known=not waiting,
        opens_known=known(recorded[0]),
        clicks_known=known(recorded[1]),
    )
    return journeys(
        reached, {name: members[treated] for name, members in {**given, **groups}.items()}
    )


def _targets(plan: Plan, mine: _Read) -> dict[str, tuple[int, int, float]]:
    """Targets of shares, with how many did it of how many."""
    targets = plan.document["campaign"].get("targets", {})
    everybody = np.ones(len(mine.journeys), dtype=np.bool_)
    counted = {
        step: mine.journeys.count(step, everybody) for step in ("delivered", "opened", "clicked")
    }
    delivered = counted["delivered"][0]
    rows = {
        "delivery_rate": counted["delivered"],
        "open_rate": counted["opened"],
        "click_rate": (counted["clicked"][0], delivered),
        "conversion_rate": mine.converted,
    }
    return {
        name: (*rows[name], float(targets[name]) / 100.0)
        for name in TARGET_NAMES
        if name in targets
    }


def _notes(mine: _Read, plans: int, *, finished: bool) -> tuple[str, ...]:
    found = [
        "Of what is told at most 5 % is expected to be false (one-sided, Benjamini and Hochberg over all comparisons)."
    ]
    if not plans:
        found.append(
            "There is no earlier plan: places are held against all others of this one, and a step of everyone against targets alone."
        )
    elif plans < 3:
        found.append(
            f"How much plans differ by themselves is not known from {plans} earlier plan{'s' if plans > 1 else ''}, three are needed: "
            "a change of everyone may be the season."
        )
    if not finished:
        found.append(
            "The window is open: earlier plans were counted up to the same age. Asked daily, chance will show something in the end; "
            "aimwell measure alerts may be asked daily."
        )
    if mine.waiting:
        found.append("Messages are still waiting, so who was not sent one is not judged.")
    if "cart" not in mine.journeys.base:
        found.append("No cart is recorded, so the step from click to goal is one.")
    found.append(
        "Steps after sending describe; only the effect is against people who were held out."
    )
    found += [one for one in (mine.uneven, mine.passed and mine.passed.sentence) if one]
    found += [f"Missing: {one}" for one in mine.failures]
    return tuple(found)
