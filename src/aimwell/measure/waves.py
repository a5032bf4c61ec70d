"""Campaigns with `schedule.every`: when a wave's window is over it is measured, and the next wave is planned from it.

Every step looks at where the newest wave stands and takes the one that follows, so it may run twice, and a worker that was killed is
followed by one that goes on from there. The first wave is a person's: nothing begins by itself. A wave that a person cancelled, or a
stop by a guardrail, ends the series until a person plans or resumes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aimwell.decide.model import Plan
from aimwell.decide.service import approve, plan
from aimwell.decide.stops import standing
from aimwell.decide.stored import list_plans
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.deliver.jobs import send_in_background
from aimwell.errors import DecideError, PredictError
from aimwell.jobs.alerts import Alerts
from aimwell.measure.service import measure, store_report
from aimwell.measure.stored import latest_documents
from aimwell.store.stores import Stores

__all__ = ["PLANNER", "next_waves"]

PLANNER = "waves"
"""Who planned a wave that no person did."""


def next_waves(stores: Stores, *, now: datetime) -> dict[str, str]:
    """Take the next step of each campaign that repeats; campaign → what was done, where anything was."""
    done = {}
    for name in sorted(definitions.documents(stores.control, "campaign")):
        campaign = definitions.find(stores.control, Campaign, name)
        if campaign.schedule.every is None or campaign.trial:
            continue
        alerts = Alerts(stores.control, clock=lambda: now)
        try:
            words = _step(stores, campaign, alerts, now)
        except (DecideError, PredictError) as fault:
            alerts.alert(_key(name), f"The next wave of {name} was not planned. {fault}")
            words = f"not planned: {fault}"
        if words is not None:
            done[name] = words
    return done


def _step(stores: Stores, campaign: Campaign, alerts: Alerts, now: datetime) -> str | None:
    waves = [one for one in list_plans(stores.control, campaign.name) if not one.trial]
    with stores.read_control() as connection:
        stopped = bool(standing(connection, campaign.name))
    if not waves or stopped:
        return None
    last = waves[0]
    if last.state == "sent" and _due(last, campaign) <= now:
        _measure(stores, last, now)
        last = plan(stores, campaign.name, now=now, by=PLANNER)
    if last.state not in ("planned", "approved") or last.planned_by != PLANNER:
        return None
    if campaign.schedule.approval == "wait":
        if last.state != "planned" or last.planned_at != now:
            return None
        alerts.alert(
            _key(campaign.name),
            f"The next wave of {campaign.name} is planned and waits: aimwell decide explain {last.plan_id}, then aimwell decide "
            f"approve {last.plan_id}",
            severity="info",
        )
        return f"planned {last.plan_id}, which waits to be approved"
    if last.state == "planned":
        approve(stores, last.plan_id, now=now, by=PLANNER)
    send_in_background(stores, last.plan_id, by=PLANNER)
    alerts.resolve(_key(campaign.name))
    return f"approved {last.plan_id} and left it to be sent"


def _due(last: Plan, campaign: Campaign) -> datetime:
    """When the wave after this one may be planned: not before what the last one did is known."""
    every = campaign.schedule.every or timedelta(0)
    return last.starts_at + max(every, timedelta(days=last.summary["window_days"]))


def _measure(stores: Stores, last: Plan, now: datetime) -> None:
    """The report of a wave whose window is over, where there is none yet."""
    finished = {one["plan_id"] for one in latest_documents(stores) if one["span"]["finished"]}
    if last.plan_id not in finished:
        store_report(stores, measure(stores, last.plan_id, now=now))


def _key(campaign: str) -> str:
    return f"wave:{campaign}"
