"""Plans left to workers: sent, waited for, taken up again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.decide.service import approve
from aimwell.deliver import service as deliver
from aimwell.deliver.jobs import FLUSH, SEND, deliver_handlers, schedule_flushes, send_in_background
from aimwell.errors import JobError
from aimwell.jobs.model import Job
from aimwell.jobs.service import open_jobs
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, planned, set_up
from child import eventually
from databases import shortly_on
from shop import make_stores

_messages = metadata.tables["messages"]
AIMWELL = str(Path(sys.executable).with_name("aimwell"))


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    stores = make_stores(tmp_path, control_url)
    set_up(stores, 20, spring={"holdout": 0.0})
    return stores


def _approved(stores: Stores) -> str:
    plan = planned(stores)
    approve(stores, plan.plan_id, now=NOW, by="ann")
    return plan.plan_id


def _work(stores: Stores) -> int:
    return open_jobs(stores).worker(deliver_handlers(stores)).run_until_idle()


def _waiting(stores: Stores) -> list[Job]:
    return open_jobs(stores).queue.find(states=["queued"], kinds=[SEND])


def test_a_worker_executes_and_sends_a_plan_that_was_left_to_it(stores: Stores) -> None:
    plan_id = _approved(stores)
    first = send_in_background(stores, plan_id, by="ann")
    assert send_in_background(stores, plan_id, by="bob") == first
    assert _work(stores) == 1
    found = deliver.status(stores, plan_id)
    assert (found.state, found.total("sent")) == ("sent", 20)
    job = open_jobs(stores).queue.get(first)
    assert job.state == "done"
    assert job.result is not None
    assert job.result["sent"] == 20
    assert job.result["again_at"] is None
    with pytest.raises(JobError, match="is sent, so there is nothing to send"):
        send_in_background(stores, plan_id, by="ann")


def test_a_plan_with_messages_for_later_is_looked_at_again_when_they_are_due(
    stores: Stores,
) -> None:
    plan_id = _approved(stores)
    deliver.execute(stores, plan_id, now=NOW, by="ann")
    later = datetime.now(UTC) + timedelta(hours=3)
    with stores.control.begin() as connection:
        some = sa.select(_messages.c.message_id).limit(5)
        connection.execute(
            sa.update(_messages).where(_messages.c.message_id.in_(some)).values(due_at=later)
        )
    send_in_background(stores, plan_id, by="ann")
    assert _work(stores) == 1
    waiting = _waiting(stores)
    assert [abs(job.run_at - later) < timedelta(seconds=1) for job in waiting] == [True]
    with stores.control.begin() as connection:
        connection.execute(sa.update(_messages).values(due_at=NOW))
        connection.execute(sa.update(metadata.tables["jobs"]).values(run_at=NOW))
    assert _work(stores) == 1
    assert deliver.status(stores, plan_id).state == "sent"


def test_a_paused_plan_is_waited_for_and_a_cancelled_one_is_not(stores: Stores) -> None:
    plan_id = _approved(stores)
    deliver.execute(stores, plan_id, now=NOW, by="ann")
    deliver.pause(stores, plan_id, now=NOW, by="ann")
    send_in_background(stores, plan_id, by="ann")
    for _ in range(3):
        assert _work(stores) == 1
        alive = _waiting(stores)
        assert len(alive) == 1
        with stores.control.begin() as connection:
            connection.execute(sa.update(metadata.tables["jobs"]).values(run_at=NOW))
    deliver.cancel(stores, plan_id, now=NOW, by="ann")
    assert _work(stores) == 1
    assert _waiting(stores) == []
    assert deliver.status(stores, plan_id).messages == {"stopped": {"plan_cancelled": 20}}


def test_flushing_is_scheduled_once_and_stays_as_somebody_set_it(stores: Stores) -> None:
    jobs = open_jobs(stores)
    schedule_flushes(jobs)
    jobs.schedules.enable(FLUSH, False)
    schedule_flushes(jobs)
    assert [(s.name, s.enabled) for s in jobs.schedules.all()] == [(FLUSH, False)]


@pytest.mark.slow
@shortly_on("postgresql")
def test_the_command_sends_plans_in_the_background_and_stops_when_told(stores: Stores) -> None:
    plan_id = _approved(stores)
    asked = subprocess.run(
        [AIMWELL, "deliver", "run", plan_id, "--background", "-w", str(stores.root)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "waits for a worker" in asked.stdout
    worker = subprocess.Popen(
        [AIMWELL, "run", "-w", str(stores.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        eventually(lambda: deliver.status(stores, plan_id).state == "sent")
        worker.send_signal(signal.SIGTERM)
        out, _ = worker.communicate(timeout=60)
    finally:
        worker.kill()
        worker.wait()
    assert worker.returncode == 0, out
    assert "Stopped." in out
    idle = subprocess.run(
        [AIMWELL, "run", "--until-idle", "-w", str(stores.root)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nothing more is due" in idle.stdout
