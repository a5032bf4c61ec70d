"""Watches all running campaigns, and tells alerts by the way that all troubles go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aimwell.decide.model import Plan
from aimwell.decide.stops import stop, stops_of
from aimwell.decide.stored import list_plans
from aimwell.deliver.guarding import running
from aimwell.jobs.alerts import Alerts
from aimwell.measure.day_sums.messages import local_days, message_days
from aimwell.measure.stored import latest_documents
from aimwell.measure.watching import RIPE, Counts, Watched, watch_added, watch_rates
from aimwell.stats.estimate import Estimate
from aimwell.store.stores import Stores

__all__ = ["ALERTS", "guard_losses", "tell_alerts", "watch"]

ALERTS = "kpi:"
"""Keys of alerts about key figures begin so."""

_STARTED = ("sending", "paused", "sent", "cancelled")


def watch(stores: Stores, *, now: datetime) -> tuple[Watched, ...]:
    """Every figure of each campaign whose window is open; trials reach nobody and are left out."""
    plans = [
        plan
        for plan in list_plans(stores.control)
        if plan.state in _STARTED and not plan.trial and plan.starts_at <= now
    ]
    running = [plan for plan in plans if now < _ends(plan)]
    if not running:
        return ()
    reports = {one["plan_id"]: one for one in latest_documents(stores)}
    counted: dict[str, Counts] = {}
    found: list[Watched] = []
    for plan in sorted(running, key=lambda one: (one.starts_at, one.plan_id)):
        before = [one for one in plans if _ends(one) <= plan.starts_at]
        # The same campaign is the best to hold it against; else all others.
        same = [one for one in before if one.campaign == plan.campaign] or before
        for one in (plan, *same):
            if one.plan_id not in counted:
                counted[one.plan_id] = _counts(stores, one.plan_id, now)
        found += watch_rates(
            plan.plan_id,
            plan.campaign,
            counted[plan.plan_id],
            [counted[one.plan_id] for one in same],
            plan.document["campaign"].get("targets", {}),
        )
        if plan.plan_id in reports:
            found.append(watch_added(reports[plan.plan_id]))
    return tuple(found)


def tell_alerts(stores: Stores, found: Iterable[Watched], *, now: datetime) -> tuple[str, ...]:
    """Raise an alert for each figure that is worse, and resolve those that are over; the keys that stand."""
    alarms = {one.alert_key: f"Campaign {one.campaign}: {one.words}" for one in found if one.alarm}
    return Alerts(stores.control, clock=lambda: now).keep(ALERTS, alarms)


def guard_losses(stores: Stores, *, now: datetime) -> tuple[str, ...]:
    """Stop campaigns whose newest report shows a loss beyond their guardrail; ids of the plans that showed it.

    Only while the window is open, for then the report's interval holds at all looks together; its one side leaves as many false alarms
    as the rates of messages do. A loss that a person has overruled is not looked at again.
    """
    reports = {one["plan_id"]: one for one in latest_documents(stores)}
    stopped = []
    for plan in running(stores, now=now):
        loss = plan.document["campaign"]["guardrails"].get("loss")
        report = reports.get(plan.plan_id)
        if loss is None or report is None or report["span"]["finished"]:
            continue
        with stores.read_control() as connection:
            if any(
                one.resumed_at is None or (one.plan_id, one.guardrail) == (plan.plan_id, "loss")
                for one in stops_of(connection, plan.campaign)
            ):
                continue
        one = Estimate(**report["headline_estimate"])
        if one.upper is None or one.upper >= -loss:
            continue
        evidence = {
            "effect": one.estimate,
            "lower": one.lower,
            "upper": one.upper,
            "allowed": -loss,
            "words": f"Stop: {watch_added(report).words}",
        }
        since = plan.started_at or plan.starts_at
        if stop(stores, plan, "loss", evidence, since=since, now=now):
            stopped.append(plan.plan_id)
    return tuple(stopped)


def _ends(plan: Plan) -> datetime:
    return plan.starts_at.astimezone(UTC) + timedelta(days=plan.summary["window_days"])


def _counts(stores: Stores, plan_id: str, now: datetime) -> Counts:
    zone = stores.settings.timezone
    with stores.read_control() as connection:
        rows = message_days(connection, plan_id, zone=zone)
        within = message_days(connection, plan_id, zone=zone, within=RIPE)
    return Counts(_added(rows), _added([one for one in within if _ripe(one["day"], zone, now)]))


def _ripe(day: str, zone: str, now: datetime) -> bool:
    noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    ends = dict(local_days(noon - timedelta(days=1), noon + timedelta(days=1), zone))
    return ends[day] + RIPE <= now


def _added(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, int):
                found[name] = found.get(name, 0) + value
    return found
