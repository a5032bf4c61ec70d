"""Guardrails: harm that is shown stops a campaign by itself; a person lets it go on, with a reason, or gives it up."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.decide.policies.guarding import watch_counts
from aimwell.decide.service import approve
from aimwell.decide.stops import standing, stops_of
from aimwell.decide.stored import load_plan
from aimwell.definitions.catalogue import check
from aimwell.deliver import service as deliver
from aimwell.deliver.guarding import guard, look
from aimwell.deliver.jobs import FLUSH, deliver_handlers
from aimwell.errors import DecideError, DefinitionError
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.service import open_jobs
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, executed, planned, set_up
from child import child
from command import command_in
from shop import make_stores

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]
_audit = metadata.tables["audit_log"]
LATER = NOW + timedelta(hours=2)

GUARD = """
import sys
from datetime import datetime
from pathlib import Path
from aimwell.deliver.guarding import guard
from aimwell.store.stores import open_stores

stores = open_stores(Path(sys.argv[1]))
print("ready", flush=True)
guard(stores, now=datetime.fromisoformat(sys.argv[2]))
print("ended", flush=True)
stores.close()
"""


def _half_sent(stores: Stores, *, unsubscribed: int, sent: int = 40) -> str:
    """A plan being sent, of which some messages left and some people unsubscribed; the others are due later."""
    plan = executed(stores)
    with stores.control.begin() as connection:
        ids = connection.execute(
            sa.select(_messages.c.message_id).order_by(_messages.c.message_id)
        ).scalars()
        some = list(ids)[:sent]
        connection.execute(
            sa.update(_messages)
            .where(_messages.c.message_id.in_(some))
            .values(state="sent", sent_at=NOW + timedelta(minutes=5))
        )
        _unsubscribe(connection, some[:unsubscribed])
    return plan.plan_id


def _unsubscribe(connection: sa.Connection, ids: list[str]) -> None:
    for one in ids:
        connection.execute(
            sa.insert(_events).values(
                message_id=one, event="Unsubscribed", occurred_at=LATER, machine=False
            )
        )


def _shop(tmp_path: Path, control_url: str | None = None, people: int = 60) -> Stores:
    stores = make_stores(tmp_path, control_url)
    rails = {"unsubscribe_rate": 2, "complaint_rate": 0.5}
    set_up(stores, people, spring={"holdout": 0.0, "guardrails": rails})
    return stores


def _seen(stores: Stores) -> tuple[str, int, int, int]:
    """The plan's state, standing stops, open alerts of guardrails, lines of the audit log."""
    with stores.read_control() as connection:
        stops = standing(connection, "spring")
        lines = connection.execute(
            sa.select(sa.func.count()).where(_audit.c.action == "guardrail stop")
        ).scalar_one()
    alerts = [one for one in Alerts(stores.control).all() if one.key == "guardrail:spring"]
    return load_plan(stores.control, "latest:spring").state, len(stops), len(alerts), lines


def test_harm_pauses_the_campaign_and_what_is_queued_waits(
    tmp_path: Path, control_url: str
) -> None:
    stores = _shop(tmp_path, control_url)
    another = planned(stores, now=NOW - timedelta(hours=1))
    plan_id = _half_sent(stores, unsubscribed=8)
    assert guard(stores, now=LATER) == (plan_id,)
    assert _seen(stores) == ("paused", 1, 1, 1)
    assert guard(stores, now=LATER) == ()
    found = deliver.run_sending(stores, plan_id, clock=lambda: LATER)
    assert (found.state, found.total("queued")) == ("paused", 20)
    assert "unsubscribes at 20.00% of the contacted" in (found.stopped or "")
    with pytest.raises(DecideError, match=r"was stopped on .* --reason"):
        deliver.resume(stores, plan_id, now=LATER, by="bob")
    with pytest.raises(DecideError, match="--reason"):
        deliver.resume(stores, plan_id, now=LATER, by="bob", reason=" ")
    with pytest.raises(DecideError, match="was stopped"):
        approve(stores, another.plan_id, now=LATER, by="bob")
    deliver.resume(stores, plan_id, now=LATER, by="bob", reason="a test list, not customers")
    assert load_plan(stores.control, plan_id).state == "sending"
    assert Alerts(stores.control).all() == ()
    with stores.read_control() as connection:
        (stop,) = stops_of(connection, "spring")
        # What was overruled does not count again; messages sent since then do.
        assert [one.harm.people for one in look(connection, load_plan(stores.control, plan_id))] == [0, 40]  # fmt: skip
    assert (stop.resumed_by, stop.reason) == ("bob", "a test list, not customers")
    found = deliver.run_sending(stores, plan_id, clock=lambda: LATER)
    assert found.state == "sent"
    stores.close()


def test_what_is_within_the_limit_or_not_yet_shown_goes_on(tmp_path: Path) -> None:
    stores = _shop(tmp_path)
    plan_id = _half_sent(stores, unsubscribed=2)
    assert guard(stores, now=LATER) == ()
    assert _seen(stores) == ("sending", 0, 0, 0)
    assert deliver.run_sending(stores, plan_id, clock=lambda: LATER).state == "sent"
    # Harm that shows after all has left still stops the next wave.
    with stores.control.begin() as connection:
        ids = connection.execute(sa.select(_messages.c.message_id)).scalars().all()
        _unsubscribe(connection, list(ids)[:15])
    job = open_jobs(stores)
    job.queue.enqueue(FLUSH, {})
    job.worker(deliver_handlers(stores, clock=lambda: LATER)).run_until_idle()
    assert _seen(stores) == ("sent", 1, 1, 1)
    deliver.resume(stores, plan_id, now=LATER, by="bob", reason="known")
    assert _seen(stores)[1:3] == (0, 0)
    stores.close()


def test_status_shows_waves_guardrails_and_what_stopped_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = _shop(tmp_path)
    plan_id = _half_sent(stores, unsubscribed=8)
    guard(stores, now=LATER)
    run = command_in(stores.root, monkeypatch, capsys)
    said = run("decide", "status", "spring")
    assert "Campaign spring: stopped" in said.out
    assert "unsubscribes at 20.00% of the contacted, more than the 2.00% allowed" in said.out
    assert "complaints: 0.00% of 40 contacted" in said.out.lower()
    found = run("decide", "status", "spring", "--json").json
    assert found["stopped"]
    assert found["stops"][0]["evidence"]["people"] == 40
    assert [one["guardrail"] for one in found["guardrails"]] == [
        "unsubscribe_rate",
        "complaint_rate",
    ]
    assert "A guardrail stopped it" in ((told := run("deliver", "status", plan_id)).out + told.err)
    run("deliver", "resume", plan_id, code=1)
    run("deliver", "resume", plan_id, "--reason", "looked at it")
    again = run("decide", "status", "spring").out
    assert "ann let it go on: looked at it" in again
    run("decide", "status", "autumn", code=1)
    stores.close()


@pytest.mark.slow
def test_whoever_is_killed_in_the_middle_leaves_all_of_a_stop_or_none(
    tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - moments to kill at
    stores = _shop(tmp_path, people=50)
    _half_sent(stores, unsubscribed=8)
    for _ in range(3):
        with child(GUARD, stores.root, LATER.isoformat()) as other:
            assert other.line() == "ready"
            time.sleep(draw.random() * 0.15)
            other.kill()
        assert _seen(stores) in (("sending", 0, 0, 0), ("paused", 1, 1, 1))
    guard(stores, now=LATER)
    assert _seen(stores) == ("paused", 1, 1, 1)
    stores.close()


def test_false_alarms_of_daily_looks_are_rare() -> None:
    rng = random.Random(4)  # noqa: S311 - a simulation
    alarms = 0
    for _ in range(300):
        yes = people = 0
        for _day in range(20):
            people += 50
            yes += sum(rng.random() < 0.02 for _ in range(50))
            if watch_counts(yes, people, limit=0.02, alpha=0.05).stop:
                alarms += 1
                break
    assert alarms <= 22  # 5 % of 300, and chance


def test_guardrails_that_say_nothing_are_refused() -> None:
    body = {"kind": "campaign", "name": "a", "audience": {"everyone": True}}
    actions = [{"channel": "email", "template": "hello"}]
    for rails, words in (({}, "say what must not happen"), ({"unsubscribe_rate": 0}, "greater")):
        with pytest.raises(DefinitionError, match=words):
            check({**body, "actions": actions, "guardrails": rails})
