"""Plan, explain, approve, undo, cancel: the audience that is shown is the audience that is sent."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from aimwell.decide.audience import audience_of
from aimwell.decide.campaign_parts import CampaignParts, candidates, parts_of_plan, read_parts
from aimwell.decide.channel_choice import channel_choice
from aimwell.decide.contacts import Contacts, read_contacts
from aimwell.decide.decision_log import log_decisions, log_due
from aimwell.decide.drafted import Drafted
from aimwell.decide.due_times import DueTimes, as_datetimes, due_times
from aimwell.decide.gates import gates, graver
from aimwell.decide.hopeless import refuse_empty, refuse_hopeless, unknown_names
from aimwell.decide.model import Candidate, Plan
from aimwell.decide.offers.codes import give_back
from aimwell.decide.offers.promised import give_codes
from aimwell.decide.open_twice import give_up_beside, refuse_open_beside
from aimwell.decide.people import ALLOWED, reason_code
from aimwell.decide.plan_choice import drafted
from aimwell.decide.plan_summary import local_day, summed_up
from aimwell.decide.recommended import Recommended, recommended
from aimwell.decide.reservations import Rank, ask_anew
from aimwell.decide.stops import refuse_stopped
from aimwell.decide.stored import has_begun, load_plan, move, store_plan
from aimwell.decide.time_choice import time_choice
from aimwell.decide.timing import due_at
from aimwell.errors import DecideError
from aimwell.history.moment import Moment, open_moment
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["approve", "cancel", "plan", "undo"]


def plan(
    stores: Stores,
    campaign: str,
    *,
    now: datetime,
    by: str,
    as_of: datetime | None = None,
    trial: bool | None = None,
    replace_open: bool = False,
) -> Plan:
    """Work out who gets what and store it; nothing is sent.

    Args:
        campaign: Name of the campaign definition.
        now: The present moment.
        by: Who plans.
        as_of: Moment of the plan: nothing later is looked at, and outcomes count from it on. Default: now. A
            past moment gives a back-test, which can only be a trial.
        trial: Overrides the campaign's own setting.
        replace_open: Give up a plan of the campaign that is approved and has not begun, with the new one's storing.

    Raises:
        UnknownDefinitionError: The campaign or what it refers to is absent.
        OpenPlanError: Another plan of the campaign is approved or being sent, and is not replaced.
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
            f"A plan as of the past ({local_day(stores, as_of)}) would contact people by what was known then. Make it a "
            "trial (trial: true in the campaign, or --trial), which reaches nobody."
        )
    refuse_hopeless(parts)
    if not is_trial:
        with stores.read_control() as connection:
            refuse_open_beside(
                connection, parts.campaign.name, moment=moment, replacing=replace_open
            )
    log_due(stores)
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
        [kept.get(profile, profile) for profile in audience] if kept else audience,
        audience,
        contacts.zones_of(audience),
        now=moment,
        quiet=None if parts.contact_policy is None else parts.contact_policy.quiet_hours,
        choice=time_choice(stores, parts.campaign, moment=moment, snapshot=snapshot),
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
    hints = () if len(people) else unknown_names(stores, parts, moment, snapshot)
    refuse_empty(
        people, words, hints=hints, segment=parts.campaign.audience.segment, trial=is_trial
    )
    summary = summed_up(
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
        plan_id=f"{campaign}-{local_day(stores, moment):%Y%m%d}-{secrets.token_hex(4)}",
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
        decisions_due=chosen.values is not None,
    )

    def note(connection: sa.Connection) -> None:
        if not is_trial:
            others = refuse_open_beside(
                connection, parts.campaign.name, moment=moment, replacing=replace_open, alone=True
            )
            for other in others:
                give_up_beside(connection, other, now=now)
                _clear(stores, connection, other.plan_id, "cancel", begun=False, now=now, by=by)
        stores.audit_within(
            connection,
            "plan",
            actor=by,
            subject=made.plan_id,
            people=len(people),
            trial=is_trial,
        )

    products = None if lists is None else lists.products
    store_plan(stores.control, made, people, products=products, also=note)
    return log_decisions(stores, made, people)


def approve(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Say that the plan may be sent.

    Raises:
        DecideError: It is not waiting for that, or a guardrail stopped its campaign.
        OpenPlanError: Another plan of the campaign is approved or being sent.
    """
    found = log_decisions(stores, load_plan(stores.control, plan_id))
    parts = parts_of_plan(found.document)

    def hand_out(connection: sa.Connection) -> None:
        refuse_stopped(connection, found)
        if not found.trial:
            refuse_open_beside(
                connection, parts.campaign.name, moment=found.as_of, but=found.plan_id, alone=True
            )
            give_codes(connection, found.plan_id, parts, now=now)
        stores.audit_within(connection, "approve", actor=by, subject=found.plan_id)

    return move(stores.control, found.plan_id, "approved", now=now, by=by, also=hand_out)


def cancel(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Give the plan up; what has not been sent will not be."""
    found = load_plan(stores.control, plan_id)

    def give_up(connection: sa.Connection) -> None:
        # What was loaded may be old: it may have begun since, and its codes be in people's hands.
        begun = has_begun(connection, found.plan_id)
        _clear(stores, connection, found.plan_id, "cancel", begun=begun, now=now, by=by)

    return move(stores.control, found.plan_id, "cancelled", now=now, also=give_up)


def undo(stores: Stores, plan_id: str, *, now: datetime, by: str) -> Plan:
    """Take an approval back: the plan waits again to be approved. Possible until it is being sent.

    Raises:
        DecideError: It is not approved, or sending has begun; then it can be paused or cancelled.
    """
    found = load_plan(stores.control, plan_id)

    def give_up(connection: sa.Connection) -> None:
        _clear(stores, connection, found.plan_id, "undo", begun=False, now=now, by=by)

    return move(stores.control, found.plan_id, "planned", now=now, also=give_up)


def _clear(
    stores: Stores,
    connection: sa.Connection,
    plan_id: str,
    action: str,
    *,
    begun: bool,
    now: datetime,
    by: str,
) -> None:
    """Give back what a plan held: its codes, unless somebody may have one in their hands, and its people's slots."""
    if not begun:
        give_back(connection, plan_id)
    ask_anew(connection, now=now)
    stores.audit_within(connection, action, actor=by, subject=plan_id)


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
    elsewhen = [(dealt, as_datetimes(others)) for dealt, others in times.elsewhen()]

    def refuse(worth: NDArray[np.float64] | None) -> NDArray[np.int8]:
        refusals = graver(contacts.refusals(audience, offered, due, worth), barred)
        for dealt, others in elsewhen if contacts.contacts else ():
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
        channels=channel_choice(stores, parts, audience, moment=moment, snapshot=snapshot),
    )
    return replace(made, people=replace(made.people, timing=times.of(made.people)))
