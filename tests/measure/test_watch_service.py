"""A loss beyond its guardrail stops a campaign: by the report of the job that measures, only while the window is open, and once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.decide.stops import standing
from aimwell.decide.stored import load_plan, places
from aimwell.deliver import service as deliver
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.service import open_jobs
from aimwell.measure.jobs import MEASURE, measure_handlers
from aimwell.measure.watch_service import guard_losses
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from shop import add_orders, make_stores, origin

_plans = metadata.tables["plans"]
SOON = NOW + timedelta(days=5)
OVER = NOW + timedelta(days=20)


@pytest.fixture
def losing(tmp_path: Path, control_url: str) -> Iterator[tuple[Stores, str]]:
    """A campaign, half held out, whose contacted people buy for 20 and the others for 60; the margin is half of it."""
    stores = make_stores(tmp_path, control_url, margin_default=0.5)
    names = set_up(
        stores,
        120,
        spring={"holdout": 0.5, "guardrails": {"loss": 100}, "goal": {"value": "margin"}},
    )
    plan_id = executed(stores).plan_id
    by_profile = {origin(stores, name): name for name in names}
    rows = [
        {
            "customer": (name := by_profile[place.profile_id]),
            "order_id": f"after-{name}",
            "ordered_at": NOW + timedelta(days=2, minutes=number),
            "revenue": (20 if place.arm == "treatment" else 60) + number % 7,
        }
        for number, place in enumerate(places(stores.control, plan_id))
    ]
    add_orders(stores, rows)
    yield stores, plan_id
    stores.close()


def measured(stores: Stores, at: datetime) -> list[str]:
    """What the job stops at that moment."""
    jobs = open_jobs(stores)
    number = jobs.queue.enqueue(MEASURE, {})
    jobs.worker(measure_handlers(stores, clock=lambda: at)).run_until_idle()
    result: Any = jobs.queue.get(number).result
    return list(result["stopped"])


def allow(stores: Stores, plan_id: str, loss: float) -> None:
    document = dict(load_plan(stores.control, plan_id).document)
    document["campaign"] = {**document["campaign"], "guardrails": {"loss": loss}}
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(_plans).where(_plans.c.plan_id == plan_id).values(document=document)
        )


def test_a_loss_beyond_the_guardrail_stops_the_campaign_once(losing: tuple[Stores, str]) -> None:
    stores, plan_id = losing
    assert guard_losses(stores, now=SOON) == (), "nothing is known before it was measured"
    allow(stores, plan_id, 1_000_000)
    assert measured(stores, SOON) == [], "it loses less than is allowed"
    allow(stores, plan_id, 100)
    assert guard_losses(stores, now=OVER) == (), "its window is over"
    assert guard_losses(stores, now=SOON) == (plan_id,)
    with stores.read_control() as connection:
        (one,) = standing(connection, "spring")
    evidence = one.evidence
    assert one.guardrail == "loss"
    assert evidence["effect"] < evidence["upper"] < evidence["allowed"] == -100
    assert evidence["words"].startswith("Stop: ")
    assert load_plan(stores.control, plan_id).state == "paused"
    assert [alert.key for alert in Alerts(stores.control).all() if "guard" in alert.key] == [
        "guardrail:spring"
    ]
    assert guard_losses(stores, now=SOON) == ()
    # Who has overruled it is not asked again about the same wave.
    deliver.resume(stores, plan_id, now=SOON, by="bob", reason="it was a holiday")
    assert guard_losses(stores, now=SOON + timedelta(days=1)) == ()
    assert load_plan(stores.control, plan_id).state == "sending"
