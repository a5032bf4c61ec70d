"""Alarms of running campaigns: at a target, beside earlier campaigns, of money lost; told and resolved by the alerts that there are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from aimwell.deliver import service as deliver
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.service import open_jobs
from aimwell.measure.jobs import MEASURE, SUMS, WAVES, measure_handlers, schedule_measuring
from aimwell.measure.watch_service import tell_alerts, watch
from aimwell.measure.watching import ALPHA, Counts, Watched, watch_added, watch_rates
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, executed, planned, set_up
from command import Run, command_in
from shop import make_stores

_messages, _events = metadata.tables["messages"], metadata.tables["message_events"]


def counts(sent: int, ripe: int | None = None, **befell: int) -> Counts:
    return Counts({"sent": sent, **befell}, {"sent": sent if ripe is None else ripe, **befell})


def rate(key: str, mine: Counts, earlier: list[Counts] | None = None, **targets: float) -> Watched:
    found = watch_rates("p", "spring", mine, earlier or [], targets)
    return next(one for one in found if one.key == key)


def test_a_target_is_held_against_what_befell() -> None:
    bad = rate("unsubscribe_rate", counts(2_000, unsubscribed=60), unsubscribe_rate=1)
    assert bad.alarm
    assert bad.against == "target"
    assert bad.p_value is not None
    assert bad.p_value < ALPHA
    assert "3.0% of 2,000, more than the 1.0% of the target" in bad.words
    fine = rate("unsubscribe_rate", counts(2_000, unsubscribed=22), unsubscribe_rate=1)
    assert not fine.alarm
    assert "is not shown" in fine.words
    bounced = rate("bounce_rate", counts(1_000, bounced=200), delivery_rate=95)
    assert bounced.alarm
    assert bounced.limit == pytest.approx(5.0)
    few_opens = rate("open_rate", counts(1_000, opened=100), open_rate=20)
    assert few_opens.alarm
    assert "less than the 20.0%" in few_opens.words


def test_without_a_target_earlier_campaigns_are_what_it_is_held_against() -> None:
    before = [
        counts(4_000, opened=1_200, unsubscribed=20),
        counts(2_000, opened=600, unsubscribed=10),
    ]
    low = rate("open_rate", counts(3_000, opened=600), before)
    assert low.alarm
    assert low.against == "earlier campaigns"
    assert low.limit is not None
    assert low.limit < 30.0
    assert not rate("open_rate", counts(3_000, opened=900), before).alarm
    unknown = rate("open_rate", counts(3_000, opened=10), [counts(150, opened=40)])
    assert not unknown.alarm
    assert unknown.p_value is None
    assert "no target" in unknown.words


def test_the_young_do_not_look_bad() -> None:
    fresh = Counts({"sent": 5_000, "opened": 100}, {})
    found = rate("open_rate", fresh, open_rate=30)
    assert found.value is None
    assert not found.alarm
    assert "old enough" in found.words


def test_daily_looks_beside_earlier_campaigns_hardly_ever_cry_wolf() -> None:
    rng = np.random.default_rng(2)
    alarms = dict.fromkeys(("unsubscribe_rate", "open_rate"), 0)
    runs = 150
    for _ in range(runs):
        before = counts(
            3_000, unsubscribed=int(rng.binomial(3_000, 0.01)), opened=int(rng.binomial(3_000, 0.3))
        )
        gone = rng.binomial(200, 0.01, 12).cumsum()
        seen = rng.binomial(200, 0.3, 12).cumsum()
        told: set[str] = set()
        for day in range(12):
            mine = counts(200 * (day + 1), unsubscribed=int(gone[day]), opened=int(seen[day]))
            told |= {one.key for one in watch_rates("p", "c", mine, [before], {}) if one.alarm}
        for key in told:
            alarms[key] += 1
    assert max(alarms.values()) <= 0.03 * runs


def report(low: float, high: float) -> dict[str, Any]:
    middle = (low + high) / 2
    estimate = {"estimate": middle, "lower": low, "upper": high, "confidence": 0.95, "method": "m", "p_value": None, "reason": None}  # fmt: skip
    return {"headline": "profit", "headline_estimate": estimate, "currency": "GBP", "plan_id": "p", "campaign": "spring", "measured_at": NOW.isoformat()}  # fmt: skip


def test_a_campaign_that_loses_money_is_told() -> None:
    assert watch_added(report(-90, -10)).alarm
    assert "sending loses money" in watch_added(report(-90, -10)).words
    assert not watch_added(report(-90, 10)).alarm


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    opened = make_stores(tmp_path, margin_default=0.4)
    set_up(opened, 90, spring={"targets": {"unsubscribe_rate": 1}})
    made = executed(opened)
    deliver.run_sending(opened, made.plan_id, clock=lambda: NOW + timedelta(seconds=2))
    return opened


def leave(stores: Stores, many: int) -> None:
    with stores.control.begin() as connection:
        ids = (
            connection.execute(sa.select(_messages.c.message_id).order_by("message_id"))
            .scalars()
            .all()
        )
        rows = [
            {"message_id": one, "event": "Unsubscribed", "occurred_at": NOW + timedelta(hours=2), "machine": False, "signs": []}
            for one in ids[:many]
        ]  # fmt: skip
        connection.execute(sa.insert(_events), rows)


def test_alerts_come_by_the_job_and_go_when_the_window_is_over(stores: Stores) -> None:
    soon, over = NOW + timedelta(days=2), NOW + timedelta(days=20)
    assert tell_alerts(stores, watch(stores, now=soon), now=soon) == ()
    leave(stores, 12)
    found = measure_handlers(stores, clock=lambda: soon)[SUMS](None, {})  # type: ignore[arg-type]
    assert [one.split(":")[2] for one in found["alerts"]] == ["unsubscribe_rate"]
    (alert,) = Alerts(stores.control).all()
    assert alert.message.startswith("Campaign spring: Unsubscribed: ")
    measured = measure_handlers(stores, clock=lambda: soon)[MEASURE](None, {})  # type: ignore[arg-type]
    assert len(measured["measured"]) == 1
    assert any(one.against == "the held-out" for one in watch(stores, now=soon))
    assert tell_alerts(stores, watch(stores, now=over), now=over) == ()
    assert Alerts(stores.control).all() == ()
    jobs = open_jobs(stores)
    schedule_measuring(jobs, timezone="Europe/London")
    assert {one.name for one in jobs.schedules.all()} == {SUMS, MEASURE, WAVES}
    stores.close()


def test_days_and_alerts_as_they_are_typed(
    stores: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run: Run = command_in(tmp_path, monkeypatch, capsys)
    leave(stores, 12)
    stores.close()
    workspace = ["--workspace", str(stores.root)]
    days = run("measure", "days", "latest:spring", *workspace)
    assert days.code == 0, days.err
    assert "2026-03-02" in days.out
    assert "Unsubscribed = unsubscribed ÷ delivered × 100" in days.out
    trial = planned(stores, now=NOW + timedelta(days=40), trial=True).plan_id
    refused = run("measure", "days", trial, *workspace, code=1)
    assert "A trial reaches nobody" in refused.err
    # The clock of the command is the real one, and the window is long over or to come.
    told = run("measure", "alerts", *workspace)
    assert told.code == 0, told.err
    assert "No campaign is running" in told.out or "ALARM" in told.out
