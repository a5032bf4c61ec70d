"""Replay campaigns or plans on history: reach, overlap, fatigue, cost and power, by what was known at each earlier moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.audience import audience_of
from aimwell.decide.campaign_parts import CampaignParts, candidates, parts_of_plan, read_parts
from aimwell.decide.channel_choice import channel_choice
from aimwell.decide.gates import gates, graver
from aimwell.decide.people import CONTROL, EXCLUDED, PASSED, TREATMENT, PlanPeople
from aimwell.decide.plan_choice import drafted
from aimwell.decide.replaying import Contacted, Replay, Round, moments_before, overlaps
from aimwell.decide.stored import load_plan
from aimwell.decide.times_then import times_then
from aimwell.decide.what_followed import what_followed
from aimwell.errors import DecideError, UnknownDefinitionError
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["MOST_ROUNDS", "replay"]

MOST_ROUNDS = 60
_NOTES = (
    "Consent, addresses and messages that were really sent are left out: what is known of them today was not known then.",
    "Actions are drawn at random, by weight, within the budget and the other limits; a policy that is learnt is not replayed.",
)
_PREDICTED = (
    "Times and channels are those that would have been told then, learnt anew from what was known; whether what was measured later gave "
    "them up is not replayed."
)


def replay(
    stores: Stores,
    names: Sequence[str],
    *,
    now: datetime,
    as_of: datetime | None = None,
    times: int = 6,
    every: timedelta = timedelta(days=30),
) -> Replay:
    """What campaigns would have done, had they run at earlier moments as they are defined now. Nothing is stored or sent.

    At each moment nothing later is looked at but what people did in the window that followed, which tells how much a
    lift would have had to be to be found. Campaigns that stand together take their slots by priority, and the contact
    policy counts what the replay itself would have sent.

    Args:
        names: Campaigns, or plans by their id or `latest:CAMPAIGN`; a plan is replayed with the documents it was made with.
        as_of: The last moment; default: that of the newest plan that is named, else now.
        times: How many moments.
        every: Between one and the next.

    Raises:
        UnknownDefinitionError, DecideError: There is no such campaign or plan; two of them are the same campaign; a floor
            cannot be met.
        PredictError: A campaign asks for people's times or channels and there is no model of that.
    """
    if not 1 <= times <= MOST_ROUNDS:
        raise DecideError(f"{times} rounds were asked for; allowed are 1 to {MOST_ROUNDS}.")
    if every <= timedelta(0):
        raise DecideError(f"Rounds lie {every} apart; it must be more than nothing.")
    found, planned = _named(stores, names)
    last = as_of or max(planned, default=now)
    if last > now:
        raise DecideError(
            f"{last:%Y-%m-%d %H:%M %Z} is in the future; history cannot be replayed there."
        )
    snapshot = stores.lake.pin()
    contacted = Contacted()
    before: dict[str, set[str]] = {}
    rounds: list[Round] = []
    pairs = []
    for moment in moments_before(last, times=times, every=every):
        audiences = {
            parts.campaign.name: audience_of(stores, parts, moment, snapshot)[0] for parts in found
        }
        for parts in found:
            name = parts.campaign.name
            audience = audiences[name]
            rounds.append(
                _round(stores, parts, audience, before.get(name), contacted, moment, last, snapshot)
            )
            before[name] = set(audience)
        pairs += overlaps(audiences, moment)
    return Replay(
        currency=stores.settings.currency,
        every_days=every / timedelta(days=1),
        rounds=tuple(rounds),
        overlaps=tuple(pairs),
        fatigue=contacted.fatigue(),
        notes=_notes(found, rounds),
    )


def _notes(found: Sequence[CampaignParts], rounds: Sequence[Round]) -> tuple[str, ...]:
    words = list(_NOTES)
    if any(map(_predicts, found)):
        words.append(_PREDICTED)
    for parts in found:
        name = parts.campaign.name
        blank = [one for one in rounds if one.campaign == name and one.timing is None]
        if parts.campaign.schedule.best_time is not None and blank:
            days = ", ".join(f"{one.moment:%Y-%m-%d}" for one in blank)
            words.append(
                f"As of {days} too little was known of when people act, so all of '{name}' were due at the stated time."
            )
    return tuple(words)


def _named(stores: Stores, names: Sequence[str]) -> tuple[list[CampaignParts], list[datetime]]:
    """The campaigns in the order in which they go first, and the moments of those that are plans."""
    found: list[CampaignParts] = []
    planned = []
    for name in names:
        try:
            parts = read_parts(stores.control, name)
        except UnknownDefinitionError as unknown:
            try:
                plan = load_plan(stores.control, name)
            except DecideError:
                raise unknown from None
            parts = parts_of_plan(plan.document)
            planned.append(plan.as_of)
        found.append(_at_random(parts))
    campaigns = [parts.campaign.name for parts in found]
    twice = sorted({name for name in campaigns if campaigns.count(name) > 1})
    if twice:
        raise DecideError(
            f"'{twice[0]}' is named twice. Name each campaign once, itself or a plan of it."
        )
    return sorted(found, key=lambda parts: -parts.campaign.priority), planned


def _predicts(parts: CampaignParts) -> bool:
    campaign = parts.campaign
    return campaign.schedule.best_time is not None or campaign.policy.predicted_channel is not None


def _at_random(parts: CampaignParts) -> CampaignParts:
    campaign = parts.campaign
    policy = campaign.policy.model_copy(update={"choose": "random"})
    return CampaignParts(
        campaign=campaign.model_copy(update={"policy": policy}),
        revision=parts.revision,
        offers=parts.offers,
        channels=parts.channels,
        templates=parts.templates,
        contact_policy=parts.contact_policy,
    )


def _round(
    stores: Stores,
    parts: CampaignParts,
    audience: list[str],
    before: set[str] | None,
    contacted: Contacted,
    moment: datetime,
    last: datetime,
    snapshot: Snapshot,
) -> Round:
    offered = candidates(parts, starts_at=None)
    who = contacted.numbers(audience)
    times = times_then(stores, parts, audience, moment)
    barred = gates(stores, parts, audience, moment=moment, snapshot=snapshot)

    def spare(some: NDArray[np.intp], at: NDArray[np.datetime64]) -> None:
        barred[some] = graver(
            contacted.refusals(
                parts.contact_policy,
                who[some],
                [one.channel for one in offered],
                at=at,
                category=parts.campaign.category,
            ),
            barred[some],
        )

    spare(np.arange(len(audience)), times.at)
    for some, elsewhen in times.elsewhen():
        spare(some, elsewhen)
    channels = channel_choice(stores, parts, audience, moment=moment, snapshot=snapshot, then=True)
    made = drafted(
        stores,
        parts,
        offered,
        audience,
        refuse=lambda _profit: barred,
        send_at=times.at,
        kept={},
        moment=moment,
        snapshot=snapshot,
        trial=True,
        channels=channels,
    )
    people = made.people
    treated = np.flatnonzero(people.is_in(TREATMENT))
    through = np.array([one.channel for one in offered], dtype=np.str_)
    contacted.add(
        who[treated],
        through[people.action[treated]],
        at=times.at[treated],
        category=parts.campaign.category,
    )
    told = _told(stores, parts, people, audience, before, moment, last, snapshot)
    return replace(told, timing=times.summary(people), channels=made.channel_summary)


def _told(
    stores: Stores,
    parts: CampaignParts,
    people: PlanPeople,
    audience: Sequence[str],
    before: set[str] | None,
    moment: datetime,
    last: datetime,
    snapshot: Snapshot,
) -> Round:
    treated, held_out = people.count(TREATMENT), people.count(CONTROL)
    eligible = [audience[place] for place in np.flatnonzero(people.arm != EXCLUDED).tolist()]
    over = moment + parts.campaign.goal.window <= last
    followed = (
        what_followed(stores, parts, eligible, moment, snapshot) if over and eligible else None
    )
    reason = (
        None
        if followed is not None
        else "nobody could have been contacted"
        if not eligible
        else "the window is not over"
    )
    return Round(
        campaign=parts.campaign.name,
        moment=moment,
        audience=len(audience),
        new=None if before is None else sum(one not in before for one in audience),
        refused=people.reasons(),
        treated=treated,
        held_out=held_out,
        passed=people.count(PASSED),
        actions={
            one.key: int(np.count_nonzero(people.action == place))
            for place, one in enumerate(people.candidates)
        },
        cost=float(people.cost.sum()),
        bought_share=None if followed is None else float(followed.bought.mean()),
        value=None if followed is None else float(followed.values.mean()),
        detectable=()
        if followed is None
        else followed.detectable(treated=treated, control=held_out),
        reason=reason,
    )
