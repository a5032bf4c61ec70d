"""Plan, explain, approve, undo, cancel: the audience that is shown is the audience that is sent."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from aimwell.decide.audience import audience_of
from aimwell.decide.campaign_parts import (
    CampaignParts,
    candidates,
    parts_of_plan,
    read_parts,
    sendable,
)
from aimwell.decide.contacts import Contacts, read_contacts
from aimwell.decide.drafted import Drafted
from aimwell.decide.due_times import DueTimes, due_times
from aimwell.decide.gates import gates, graver
from aimwell.decide.learning import Lesson
from aimwell.decide.model import (
    BY_CONSENT_OR_ADDRESS,
    EXCLUSIONS,
    ActionSummary,
    Candidate,
    Detectable,
    Plan,
    PlanSummary,
)
from aimwell.decide.offers.codes import give_back
from aimwell.decide.offers.promised import give_codes
from aimwell.decide.people import (
    ALLOWED,
    CONTROL,
    EXCLUDED,
    PASSED,
    TREATMENT,
    PlanPeople,
    reason_code,
)
from aimwell.decide.plan_choice import drafted
from aimwell.decide.public_address import address_warning
from aimwell.decide.recommended import Recommended, recommended
from aimwell.decide.reservations import Rank, ask_anew
from aimwell.decide.stops import refuse_stopped
from aimwell.decide.stored import load_plan, move, store_plan
from aimwell.decide.timing import due_at
from aimwell.decide.what_followed import what_followed
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.errors import DecideError
from aimwell.history.freshness import order_days, stale_orders
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.service import parametrised, unknown
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

if TYPE_CHECKING:
    from aimwell.predict.timing.own_times import OwnTimes

__all__ = ["approve", "cancel", "plan", "undo"]

_SMALL_ARM = 100


def plan(
    stores: Stores,
    campaign: str,
    *,
    now: datetime,
    by: str,
    as_of: datetime | None = None,
    trial: bool | None = None,
) -> Plan:
    """Work out who gets what and store it; nothing is sent.

    Args:
        campaign: Name of the campaign definition.
        now: The present moment.
        by: Who plans.
        as_of: Moment of the plan: nothing later is looked at, and outcomes count from it on. Default: now. A
            past moment gives a back-test, which can only be a trial.
        trial: Overrides the campaign's own setting.

    Raises:
        UnknownDefinitionError: The campaign or what it refers to is absent.
        DecideError: It cannot be planned: nobody to contact, an offer that has ended, everybody held out, a
            budget under the price of one message. Says what to change.
        PredictError: The campaign recommends products, or writes at people's times or through their channels, and there is no
            model for that, or it has seen later data.
    """
    parts = read_parts(stores.control, campaign)
    moment = as_of or now
    is_trial = parts.campaign.trial if trial is None else trial
    if moment > now:
        raise DecideError(
            f"A plan cannot be made as of {moment:%Y-%m-%d %H:%M %Z}: that is in the future."
        )
    if as_of is not None and as_of < now and not is_trial:
        raise DecideError(
            f"A plan as of the past ({_day(stores, as_of)}) would contact people by what was known then. Make it a "
            "trial (trial: true in the campaign, or --trial), which reaches nobody."
        )
    _refuse_hopeless(parts)
    snapshot = stores.lake.pin()
    offered = candidates(parts, starts_at=_earliest(parts, stores, moment))
    audience, words = audience_of(stores, parts, moment, snapshot)
    contacts = read_contacts(
        stores,
        offered,
        purpose=parts.campaign.purpose,
        policy=parts.contact_policy,
        moment=moment,
        trial=is_trial,
        rank=Rank(parts.campaign.name, parts.campaign.priority),
        category=parts.campaign.category,
    )
    barred = gates(stores, parts, audience, moment=moment, snapshot=snapshot)
    with open_moment(stores, as_of=moment, snapshot=snapshot) as past:
        kept = _earlier_origins(past, parts.campaign.name)
    lists = None
    if parts.campaign.recommendations is not None:
        lists = recommended(
            stores, parts.campaign.recommendations, audience, as_of=moment, snapshot=snapshot
        )
    times = due_times(
        parts.campaign,
        [kept.get(profile, profile) for profile in audience],
        audience,
        [contacts.zone(profile) for profile in audience],
        now=moment,
        quiet=None if parts.contact_policy is None else parts.contact_policy.quiet_hours,
        own=_own_times(stores, parts.campaign, moment, snapshot),
    )
    chosen = _choose(
        stores,
        audience,
        parts,
        offered,
        contacts,
        times,
        moment,
        kept,
        lists,
        barred,
        snapshot,
        trial=is_trial,
    )
    people = chosen.people
    hints = () if len(people) else _unknown(stores, parts, moment, snapshot)
    _refuse_empty(
        people, words, hints=hints, segment=parts.campaign.audience.segment, trial=is_trial
    )
    summary = _summary(
        stores,
        parts,
        offered,
        chosen,
        times,
        words,
        moment,
        snapshot,
        len(kept),
        lists,
        trial=is_trial,
    )
    made = Plan(
        plan_id=f"{campaign}-{_day(stores, moment):%Y%m%d}-{secrets.token_hex(4)}",
        campaign=campaign,
        revision=parts.revision,
        state="planned",
        trial=is_trial,
        as_of=moment,
        document={
            **parts.document(),
            "recommended": None if lists is None else lists.header(),
            "timing": times.header(),
            "predicted_channel": None if chosen.channels is None else chosen.channels.header(),
        },
        lake_versions=snapshot.versions,
        summary=summary.to_dict(),
        planned_at=now,
        planned_by=by,
    )
    if chosen.values is not None:
        log = chosen.decisions(made.plan_id, campaign, at=moment, now=now)
        stores.lake.append("decisions", log, transaction=(f"decide:{made.plan_id}", 1))
    store_plan(stores.control, made, people, products=None if lists is None else lists.products)
    stores.audit("plan", actor=by, subject=made.plan_id, people=len(people), trial=is_trial)
    return made


def _day(stores: Stores, moment: datetime) -> date:
    """The day that it is at that moment where the workspace is."""
    return moment.astimezone(ZoneInfo(stores.settings.timezone)).date()


def approve(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Say that the plan may be sent.

    Raises:
        DecideError: It is not waiting for that, or a guardrail stopped its campaign.
    """
    found = load_plan(stores.control, plan_id)
    parts = parts_of_plan(found.document)

    def hand_out(connection: sa.Connection) -> None:
        refuse_stopped(connection, found)
        if not found.trial:
            give_codes(connection, found.plan_id, parts, now=now)

    approved = move(stores.control, found.plan_id, "approved", now=now, by=by, also=hand_out)
    stores.audit("approve", actor=by, subject=approved.plan_id)
    return approved


def cancel(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Give the plan up; what has not been sent will not be."""
    found = load_plan(stores.control, plan_id)

    def give_up(connection: sa.Connection) -> None:
        # Once it has begun to send, a code may be in somebody's hands.
        if found.started_at is None:
            give_back(connection, found.plan_id)
        ask_anew(connection, now=now)

    cancelled = move(stores.control, found.plan_id, "cancelled", now=now, also=give_up)
    stores.audit("cancel", actor=by, subject=cancelled.plan_id)
    return cancelled


def undo(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Take an approval back: the plan waits again to be approved. Possible until it is being sent.

    Raises:
        DecideError: It is not approved, or sending has begun; then it can be paused or cancelled.
    """
    found = load_plan(stores.control, plan_id)

    def give_up(connection: sa.Connection) -> None:
        give_back(connection, found.plan_id)
        ask_anew(connection, now=now)

    undone = move(stores.control, found.plan_id, "planned", now=now, also=give_up)
    stores.audit("undo", actor=by, subject=undone.plan_id)
    return undone


def _refuse_hopeless(parts: CampaignParts) -> None:
    campaign = parts.campaign
    if round(campaign.holdout * 10_000) >= 10_000:
        raise DecideError(
            f"The campaign '{campaign.name}' holds out everybody (holdout: {campaign.holdout:g}), so nobody "
            "would be contacted. Choose a holdout below 1, as 0.1."
        )
    budget = campaign.policy.budget
    cheapest = min(parts.channels[action.channel].cost for action in campaign.actions)
    if budget is not None and (budget < cheapest or budget == 0 < cheapest):
        raise DecideError(
            f"The budget of {budget:g} does not pay for one message (the cheapest costs {cheapest:g}). "
            "Raise policy.budget or leave it out."
        )


def _earliest(parts: CampaignParts, stores: Stores, moment: datetime) -> datetime:
    """When the first message may go: the start that offers must be valid at."""
    return due_at(parts.campaign.schedule, zone=stores.settings.timezone, now=moment)


def _earlier_origins(past: Moment, campaign: str) -> dict[str, str]:
    """Profile → origin of its earliest assignment in this campaign."""
    rows = past.session.rows(
        sql(
            """
            SELECT profile_id, arg_min(origin_id, (assigned_at, origin_id))
            FROM assignments WHERE experiment = :campaign GROUP BY profile_id
            """,
            campaign=campaign,
        )
    )
    return {row[0]: row[1] for row in rows}


def _choose(
    stores: Stores,
    audience: Sequence[str],
    parts: CampaignParts,
    offered: Sequence[Candidate],
    contacts: Contacts,
    times: DueTimes,
    moment: datetime,
    kept: dict[str, str],
    lists: Recommended | None,
    barred: NDArray[np.int8],
    snapshot: Snapshot,
    *,
    trial: bool,
) -> Drafted:
    due = times.moments
    # Who may be written to at one time and not at the other would make the two groups differ before anything is sent.
    dealt, others = times.at_both()

    def refuse(worth: NDArray[np.float64] | None) -> NDArray[np.int8]:
        refusals = graver(contacts.refusals(audience, offered, due, worth), barred)
        if contacts.contacts and dealt.size:
            some = [audience[place] for place in dealt.tolist()]
            earns = None if worth is None else worth[dealt]
            refusals[dealt] = graver(
                refusals[dealt], contacts.refusals(some, offered, others, earns)
            )
        if lists is not None:
            short = np.array([lists.is_short(profile) for profile in audience], dtype=np.bool_)
            refusals[(refusals == ALLOWED) & short[:, None]] = reason_code("few_products")
        return refusals

    made = drafted(
        stores,
        parts,
        offered,
        audience,
        refuse=refuse,
        send_at=times.at,
        kept=kept,
        moment=moment,
        snapshot=snapshot,
        trial=trial,
    )
    return replace(made, people=replace(made.people, timing=times.of(made.people)))


def _own_times(
    stores: Stores, campaign: Campaign, moment: datetime, snapshot: Snapshot
) -> OwnTimes | None:
    """People's own times, where the campaign asks for them."""
    wanted = campaign.schedule.best_time
    if wanted is None:
        return None
    # Most plans ask for no prediction, and it takes time to import.
    from aimwell.predict.timing.own_times import own_times

    return own_times(stores, wanted.model, as_of=moment, snapshot=snapshot)


def _unknown(
    stores: Stores, parts: CampaignParts, moment: datetime, snapshot: Snapshot
) -> tuple[str, ...]:
    """What the audience's rule names that was never collected."""
    wanted = parts.campaign.audience
    if wanted.segment is None:
        return ()
    segment = parametrised(stores, wanted.segment, wanted.parameters or {})
    return unknown(stores, segment, as_of=moment, values=True, snapshot=snapshot)


def _refuse_empty(
    people: PlanPeople, words: str, *, hints: Sequence[str], segment: str | None, trial: bool
) -> None:
    if not len(people):
        look = "" if segment is None else f"Look at it with: aimwell segment explain {segment}"
        told = [f"The audience ({words}) is empty, so there is nobody to contact.", *hints]
        raise DecideError(" ".join([*told, look or "Collect data first, or take a later moment."]))
    if people.count(TREATMENT):
        return
    held = people.count(CONTROL)
    excluded = sorted(people.reasons().items(), key=lambda found: -found[1])
    reasons = [f"{count:,} × {EXCLUSIONS[reason]}" for reason, count in excluded]
    if held:
        reasons.append(f"{held:,} × held out")
    if passed := people.count(PASSED):
        reasons.append(
            f"{passed:,} × passed over, since no action is expected to earn more than it costs"
        )
    barred = any(reason in BY_CONSENT_OR_ADDRESS for reason, _count in excluded)
    hint = (
        " People can be contacted when their source declares a consent basis (see docs/collect.md); "
        "a trial (--trial) tries the campaign without reaching anybody."
        if barred and not trial
        else ""
    )
    raise DecideError(
        f"None of the {len(people):,} people of the audience ({words}) can be contacted: "
        f"{'; '.join(reasons)}.{hint}"
    )


def _summary(
    stores: Stores,
    parts: CampaignParts,
    offered: Sequence[Candidate],
    chosen: Drafted,
    times: DueTimes,
    words: str,
    moment: datetime,
    snapshot: Snapshot,
    kept: int,
    lists: Recommended | None,
    *,
    trial: bool,
) -> PlanSummary:
    campaign, people = parts.campaign, chosen.people
    treated, control = people.count(TREATMENT), people.count(CONTROL)
    eligible = [people.profile_id[i] for i in np.flatnonzero(people.arm != EXCLUDED).tolist()]
    figures, margin_known = _baseline(
        stores, parts, eligible, moment, snapshot, len(eligible) - control, control
    )
    stale = _stale(stores, moment, snapshot)
    fault = address_warning(parts, stores.settings, trial=trial)
    unreached = () if fault is None else (fault,)
    return PlanSummary(
        audience=words,
        audience_size=len(people),
        excluded=people.reasons(),
        eligible=len(eligible),
        treated=treated,
        control=control,
        passed=people.count(PASSED),
        holdout=campaign.holdout,
        actions=tuple(
            _action(people, number, sendable(parts.channels[candidate.channel]))
            for number, candidate in enumerate(offered)
        ),
        cost=float(people.cost.sum()),
        budget=campaign.policy.budget,
        currency=stores.settings.currency,
        starts_at=_starts_at(people, moment),
        window_days=campaign.goal.window.total_seconds() / 86_400,
        goal=f"{campaign.goal.value} of '{campaign.goal.event}'",
        choice=_choice(offered, chosen),
        chosen=chosen.summary,
        timing=times.summary(people),
        channels=chosen.channel_summary,
        detectable=figures,
        kept_arms=kept,
        notes=(*(() if lists is None else (lists.words(),)), *_dealt(campaign)),
        warnings=(
            *unreached,
            *stale,
            *_warnings(parts, offered, treated, control, margin_known),
            *chosen.warnings,
            *times.warnings(people),
            *_unmet_floors(chosen),
        ),
    )


def _dealt(campaign: Campaign) -> tuple[str, ...]:
    if not campaign.stratify:
        return ()
    named = ", ".join(f"'{name}'" for name in campaign.stratify)
    return (f"Arms are dealt out evenly within the segments {named} and their combinations.",)


def _starts_at(people: PlanPeople, moment: datetime) -> datetime:
    """When the first message is due."""
    due = people.send_at[~np.isnat(people.send_at)]
    if not due.size:
        return moment.astimezone(UTC)
    first: datetime = due.min().astype(datetime)
    return first.replace(tzinfo=UTC)


def _action(people: PlanPeople, number: int, can_send: bool) -> ActionSummary:
    candidate = people.candidates[number]
    chosen = int(np.count_nonzero(people.action == number))
    return ActionSummary(
        action=candidate.key,
        channel=candidate.channel,
        medium=candidate.medium,
        people=chosen,
        cost=chosen * candidate.cost,
        variants=people.variants(number),
        sendable=can_send,
    )


def _choice(offered: Sequence[Candidate], chosen: Drafted) -> str:
    lesson, channels = chosen.lesson, chosen.channel_summary
    if isinstance(lesson, Lesson):
        return f"{lesson.choice.sentence} Learnt from {lesson.people:,} people of {lesson.source}."
    if len(offered) == 1 and len(offered[0].variants) == 1:
        return f"{lesson.words} There is one action, so each person who is not held out gets it."
    if channels is not None:
        return (
            f"{lesson.words} So each person who is not held out gets an offer at random, by weight, through the channel in which "
            f"they answer where that is known, and a share of {channels['explore']:.0%} one of the allowed actions whatever the "
            "channel. What is measured will tell what that pays."
        )
    return (
        f"{lesson.words} So each person who is not held out gets one of the allowed actions at random, by weight. "
        "What is measured will tell which one pays."
    )


def _unmet_floors(chosen: Drafted) -> list[str]:
    """Floors that the plan misses: chance does not aim, and who was drawn to explore or held out does not count."""
    summary = chosen.summary or {"limits": []}
    return [
        f"The limit '{limit['name']}' wants at least {limit['at_least']:,g}; the plan reaches {limit['used']:,g}."
        for limit in summary["limits"]
        if limit["at_least"] is not None and limit["used"] < limit["at_least"]
    ]


def _baseline(
    stores: Stores,
    parts: CampaignParts,
    eligible: Sequence[str],
    moment: datetime,
    snapshot: Snapshot,
    treated: int,
    control: int,
) -> tuple[tuple[Detectable, ...], bool]:
    """Detectable lifts, and whether every margin that they rest on is known.

    They rest on the audience as it was a window earlier, and what it did since. What *today's* audience did before
    would mislead: a rule on recency has chosen people by it.
    """
    earlier = moment - parts.campaign.goal.window
    same, _words = audience_of(stores, parts, earlier, snapshot)
    done = what_followed(stores, parts, same or eligible, earlier, snapshot)
    return done.detectable(treated=treated, control=control), done.margin_known


def _stale(stores: Stores, moment: datetime, snapshot: Snapshot) -> list[str]:
    """A warning where no order is as new as the moment of the plan lets one expect."""
    engine = stores.history_engine
    with open_moment(stores, as_of=moment, snapshot=snapshot, engine=engine) as past:
        days = order_days(past)
    words = stale_orders(days, moment=_day(stores, moment))
    return [] if words is None else [words]


def _warnings(
    parts: CampaignParts,
    offered: Sequence[Candidate],
    treated: int,
    control: int,
    margin_known: bool,
) -> list[str]:
    found = []
    if not control:
        found.append(
            "Nobody is held out, so it will not be possible to say what the campaign earned."
        )
    elif min(treated, control) < _SMALL_ARM:
        found.append(
            f"The smaller arm has {min(treated, control)} people; only a very large effect will show."
        )
    if not margin_known:
        found.append(
            "The margin of some sales is unknown (no unit cost, no category margin, no margin_default), so profit "
            "will be unknown; revenue is shown instead."
        )
    for candidate in offered:
        if not sendable(parts.channels[candidate.channel]):
            found.append(
                f"The channel '{candidate.channel}' ({candidate.medium}) can be planned, but Aimwell cannot send "
                "through it as it stands; the plan will be refused at sending."
            )
    return found
