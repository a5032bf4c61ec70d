"""Campaigns that repeat: a worker measures a wave whose window is over, plans the next one from it, and sends it where it may."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.decide.service import approve
from aimwell.decide.stored import list_plans, load_plan, places
from aimwell.deliver.jobs import SEND, deliver_handlers
from aimwell.deliver.service import cancel, run_sending
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.service import open_jobs
from aimwell.measure.jobs import WAVES, measure_handlers
from aimwell.measure.report import report_html
from aimwell.measure.service import measure
from aimwell.measure.stored import latest_documents
from aimwell.measure.waves import PLANNER, next_waves
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from shop import add_orders, make_stores, origin

WINDOW = timedelta(days=14)


def _shop(tmp_path: Path, approval: str, people: int = 200) -> tuple[Stores, list[str]]:
    stores = make_stores(tmp_path, margin_default=0.5)
    actions = [
        {"offer": "ten", "channel": "email", "template": "hello", "name": name}
        for name in ("mail", "news")
    ]
    spring = {
        "actions": actions,
        "holdout": 0.2,
        "goal": {"value": "margin", "window": "14d"},
        "policy": {"explore": {"method": "thompson", "share": 0.1}},
        "schedule": {"every": "14d", "approval": approval},
    }
    return stores, set_up(stores, people, spring=spring)


def _sell(stores: Stores, plan_id: str, names: list[str], seed: int) -> None:
    whose = {origin(stores, name): name for name in names}
    rng = np.random.default_rng(seed)
    adds = {"mail": 60.0, "news": 5.0, None: 0.0}
    began = load_plan(stores.control, plan_id).starts_at
    add_orders(
        stores,
        [
            {
                "customer": whose[place.profile_id],
                "order_id": f"{plan_id}-{whose[place.profile_id]}",
                "ordered_at": began + timedelta(days=3),
                "revenue": round(100 + adds[place.action] + 20 * float(rng.standard_normal()), 2),
            }
            for place in places(stores.control, plan_id)
        ],
    )


def _work(stores: Stores, now: datetime) -> None:
    """A real worker at a moment: the job of waves, then what it left to be sent."""
    jobs = open_jobs(stores)
    jobs.queue.enqueue(WAVES, {})
    handlers = {
        **deliver_handlers(stores, clock=lambda: now),
        **measure_handlers(stores, clock=lambda: now),
    }
    jobs.worker(handlers).run_until_idle()


def test_a_worker_runs_the_loop_over_several_waves(tmp_path: Path) -> None:
    stores, names = _shop(tmp_path, "automatic")
    first = executed(stores)
    run_sending(stores, first.plan_id, clock=lambda: NOW + timedelta(minutes=1))
    _sell(stores, first.plan_id, names, 1)
    _work(stores, NOW + WINDOW - timedelta(hours=1))
    assert len(list_plans(stores.control, "spring")) == 1
    now = NOW
    for number in (2, 3):
        now += WINDOW + timedelta(hours=1)
        _work(stores, now)
        waves = list_plans(stores.control, "spring")
        assert len(waves) == number
        assert (waves[0].state, waves[0].planned_by) == ("sent", PLANNER)
        assert waves[1].plan_id in {one["plan_id"] for one in latest_documents(stores)}
        told = waves[0].summary["chosen"]["exploring"]
        assert waves[1].plan_id in told["sources"]
        people = {one["action"]: one["people"] for one in waves[0].summary["actions"]}
        assert people["mail"] > 1.5 * people["news"]
        _work(stores, now + timedelta(hours=1))
        assert len(list_plans(stores.control, "spring")) == number
        _sell(stores, waves[0].plan_id, names, number)
    _waves_are_told_together(stores, now + WINDOW + timedelta(hours=1))
    stores.close()


def _waves_are_told_together(stores: Stores, now: datetime) -> None:
    """Mail adds 30 of margin and news 2.50, in each wave alike; chances of them moved from wave to wave."""
    found = measure(stores, "latest:spring", now=now, permutations=199)
    series = found.series
    assert series is not None
    every, mail, news = series.rows
    assert [len(row.waves) for row in series.rows] == [3, 3, 3]
    assert [wave.plan_id for wave in every.waves][-1] == found.plan_id
    assert mail.pooled.mean.covers(30.0)
    assert news.pooled.mean.covers(2.5)
    assert series.total.lower > 0.0
    page = report_html(found)
    assert "Over the waves" in page
    assert "A next wave" in page
    body = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert body["series"]["rows"][1]["action"] == "mail"
    # While the last window is open only the two before it are told together.
    early = measure(stores, "latest:spring", now=now - timedelta(days=3), permutations=199)
    assert early.series is not None
    assert len(early.series.rows[0].waves) == 2
    assert any("its window is not over" in note for note in early.series.notes)
    assert measure(stores, every.waves[0].plan_id, now=now, permutations=199).series is None


def test_where_a_person_approves_the_next_wave_waits_and_is_told_once(tmp_path: Path) -> None:
    stores, names = _shop(tmp_path, "wait", people=120)
    first = executed(stores)
    run_sending(stores, first.plan_id, clock=lambda: NOW + timedelta(minutes=1))
    _sell(stores, first.plan_id, names, 1)
    now = NOW + WINDOW + timedelta(hours=1)
    assert "waits to be approved" in next_waves(stores, now=now)["spring"]
    assert next_waves(stores, now=now + timedelta(hours=1)) == {}
    waves = list_plans(stores.control, "spring")
    assert [one.state for one in waves] == ["planned", "sent"]
    (alert,) = Alerts(stores.control).all()
    assert (alert.key, alert.severity, alert.count) == ("wave:spring", "info", 1)
    approve(stores, waves[0].plan_id, now=now, by="ann")
    cancel(stores, waves[0].plan_id, now=now, by="ann")
    assert next_waves(stores, now=now + 2 * WINDOW) == {}
    stores.close()


def test_a_worker_that_died_after_planning_is_followed_by_one_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores, names = _shop(tmp_path, "automatic", people=120)
    first = executed(stores)
    run_sending(stores, first.plan_id, clock=lambda: NOW + timedelta(minutes=1))
    _sell(stores, first.plan_id, names, 1)
    now = NOW + WINDOW + timedelta(hours=1)

    def dies(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("aimwell.measure.waves.approve", dies)
        with pytest.raises(KeyboardInterrupt):
            next_waves(stores, now=now)
    assert "approved" in next_waves(stores, now=now + timedelta(hours=1))["spring"]
    assert [one.state for one in list_plans(stores.control, "spring")] == ["approved", "sent"]
    assert len(open_jobs(stores).queue.find(states=["queued"], kinds=[SEND])) == 1
    stores.close()
