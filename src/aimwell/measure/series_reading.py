"""Reads the waves of a campaign that are over, for what they say together."""

from __future__ import annotations

from datetime import datetime

from aimwell.decide.campaign_parts import parts_of_plan
from aimwell.decide.model import Plan
from aimwell.decide.stored import list_plans
from aimwell.measure.ledger import read_ledger
from aimwell.measure.lifts import action_ratio, arm_ratio
from aimwell.measure.plan_reading import read_plan
from aimwell.measure.reading import Reading
from aimwell.measure.series import Wave, series_of
from aimwell.measure.series_model import Series
from aimwell.measure.spans import assigned, holdout_of, span_of
from aimwell.store.stores import Stores

__all__ = ["MOST_WAVES", "read_series"]

MOST_WAVES = 12
"""The newest so many waves are put together."""
_STARTED = ("sending", "paused", "sent", "cancelled")


def read_series(
    stores: Stores, plan: Plan, reading: Reading | None, *, now: datetime
) -> Series | None:
    """The wave of a plan with those before it; None where under two of them are over, or where it is a trial.

    Args:
        plan: The newest wave to look at.
        reading: Its people, where they have been read up to the end of the window.
        now: The present moment.
    """
    if plan.trial:
        return None
    plans = [
        one
        for one in list_plans(stores.control, plan.campaign)
        if one.state in _STARTED and not one.trial and one.starts_at <= plan.starts_at
    ]
    plans = sorted(plans, key=lambda one: (one.starts_at, one.plan_id))[-MOST_WAVES:]
    if len(plans) < 2:
        return None
    waves, left_out = [], []
    for one in plans:
        found = _wave(stores, one, plan, reading if one.plan_id == plan.plan_id else None, now)
        if isinstance(found, Wave):
            waves.append(found)
        else:
            left_out.append(f"{one.plan_id} ({found})")
    return series_of(waves, left_out, currency=stores.settings.currency)


def _wave(
    stores: Stores, one: Plan, newest: Plan, reading: Reading | None, now: datetime
) -> Wave | str:
    if one.starts_at >= now:
        return "it has not begun"
    span = span_of(one, now, timezone=stores.settings.timezone)
    days, wanted = one.summary["window_days"], newest.summary["window_days"]
    if not span.finished:
        return "its window is not over"
    if one.state == "cancelled":
        return "it was cancelled"
    if days != wanted:
        return f"it was counted over {days:g} days, not {wanted:g}"
    with stores.read_control() as connection:
        delivery = read_ledger(connection, one.plan_id).delivery
    if not delivery.sent and not delivery.unknown:
        return "nothing was sent"
    if reading is None:
        parts = parts_of_plan(one.document)
        placed = assigned(stores, one.plan_id)
        reading = read_plan(stores, one, parts, placed, span=span, valued=False)
    people, holdout = reading.people, holdout_of(one)
    if people.treated.all():
        return "nobody was held out"
    checks = arm_ratio(people, holdout=holdout), action_ratio(people, holdout=holdout)
    if any(check is not None and check.mismatch for check in checks):
        return "its arms are not as planned"
    return Wave(
        plan_id=one.plan_id,
        starts_at=one.starts_at,
        people=people,
        profiles=reading.profiles,
        holdout=holdout,
        contact=delivery.cost,
    )
