"""`aimwell jobs`: what waits, runs and failed, and what to look at."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.errors import JobError
from aimwell.jobs.service import Jobs, open_jobs
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, open_stores
from child import child
from command import Run

COMMAND = """
import sys
from aimwell.cli.app import main
sys.argv = ["aimwell", *sys.argv[1:]]
main()
"""


@pytest.fixture
def stores(run: Run, tmp_path: Path) -> Stores:
    run("init", "shop")
    return open_stores(tmp_path / "shop")


@pytest.fixture
def jobs(stores: Stores) -> Jobs:
    return open_jobs(stores)


def failed(jobs: Jobs) -> int:
    """A job that failed for good, with its alert."""

    def fail(_context: object, _payload: object) -> None:
        raise JobError("The shelf is empty. Fill it.")

    number = jobs.queue.enqueue("shelve", {"shelf": 3}, key="shelf-3")
    assert jobs.worker({"shelve": fail}).run_until_idle() == 1
    return number


def test_jobs_are_listed_with_what_came_of_them(run: Run, jobs: Jobs) -> None:
    assert run("jobs", "list", "-w", "shop").out == "There are no jobs.\n"
    number = failed(jobs)
    later = jobs.queue.enqueue("greet", run_at=datetime(2030, 1, 2, 3, 4, tzinfo=UTC))
    told = run("jobs", "list", "-w", "shop").out
    assert "2030-01-02 03:04 UTC" in told
    assert "1 queued, 0 running, 0 done, 1 failed" in told
    found = run("jobs", "list", "-w", "shop", "--json").json
    assert [job["id"] for job in found["jobs"]] == [later, number]
    assert found["counts"]["failed"] == 1
    assert [
        job["id"]
        for job in run("jobs", "list", "--state", "failed", "-w", "shop", "--json").json["jobs"]
    ] == [number]
    assert run("jobs", "list", "--kind", "none", "-w", "shop").out == "There are no such jobs.\n"


def test_a_job_is_shown_with_its_error_and_without_its_token(run: Run, jobs: Jobs) -> None:
    number = failed(jobs)
    shown = run("jobs", "show", number, "-w", "shop", "--json").json
    assert (shown["state"], shown["attempts"], shown["payload"]) == ("failed", 1, {"shelf": 3})
    assert "token" not in shown
    told = run("jobs", "show", number, "-w", "shop").out
    assert "The shelf is empty" in told
    assert f"aimwell jobs retry {number}" in told


def test_a_failed_job_is_tried_again_and_its_alert_goes_once_it_is_done(
    run: Run, jobs: Jobs
) -> None:
    number = failed(jobs)
    assert "The shelf is empty" in run("jobs", "alerts", "-w", "shop").out
    assert run("jobs", "retry", number, "-w", "shop", "--json").json["state"] == "queued"
    assert "Only failed" in run("jobs", "retry", number, "-w", "shop", code=1).err
    assert jobs.worker({"shelve": lambda _context, _payload: None}).run_until_idle() == 1
    assert run("jobs", "alerts", "-w", "shop", "--json").json == []


def test_a_job_that_waits_is_cancelled_once(run: Run, jobs: Jobs) -> None:
    number = jobs.queue.enqueue("greet")
    assert run("jobs", "cancel", number, "-w", "shop", "--json").json["state"] == "cancelled"
    assert "is cancelled already" in run("jobs", "cancel", number, "-w", "shop", code=1).err


def test_a_job_that_runs_is_asked_to_stop(run: Run, jobs: Jobs) -> None:
    number = jobs.queue.enqueue("greet")
    [job] = jobs.claims.claim(["greet"])
    assert "stops it as soon as" in run("jobs", "cancel", number, "-w", "shop").out
    assert "running, to be cancelled" in run("jobs", "list", "-w", "shop").out
    assert jobs.claims.renew(job) == "cancelled"


def test_an_alert_that_was_acknowledged_comes_back_with_the_trouble(run: Run, jobs: Jobs) -> None:
    failed(jobs)
    [alert] = run("jobs", "alerts", "-w", "shop", "--json").json
    assert (alert["key"], alert["severity"]) == ("job:shelve:shelf-3", "error")
    done = run("jobs", "alerts", "acknowledge", alert["key"], "-w", "shop", "--json").json
    assert done == {"acknowledged": ["job:shelve:shelf-3"]}
    assert run("jobs", "alerts", "-w", "shop").out == "Nothing needs looking at.\n"
    failed(jobs)
    assert "1 alert acknowledged" in run("jobs", "alerts", "acknowledge", "--all", "-w", "shop").out


def test_work_that_nobody_takes_is_on_the_list(run: Run, stores: Stores, jobs: Jobs) -> None:
    jobs.schedules.put("nightly", kind="greet", cron="@daily", timezone="UTC")
    jobs.queue.enqueue("greet", run_at=datetime.now(UTC) - timedelta(hours=2))
    late = {"next_at": datetime.now(UTC) - timedelta(hours=1)}
    with stores.control.begin() as connection:
        connection.execute(sa.update(metadata.tables["schedules"]).values(late))
    found = run("jobs", "alerts", "-w", "shop", "--json").json
    assert [one["key"] for one in found] == ["schedule:nightly", "jobs:waiting"]
    assert all("aimwell run" in one["message"] for one in found)
    told = run("jobs", "alerts", "acknowledge", "schedule:nightly", "-w", "shop", code=1).err
    assert "because it goes on" in " ".join(told.split())


def test_schedules_are_listed(run: Run, jobs: Jobs) -> None:
    assert "There are no schedules" in run("jobs", "schedules", "-w", "shop").out
    jobs.schedules.put("nightly", kind="greet", cron="30 2 * * *", timezone="Europe/London")
    assert "30 2 * * *" in run("jobs", "schedules", "-w", "shop").out
    assert run("jobs", "schedules", "-w", "shop", "--json").json[0]["timezone"] == "Europe/London"


def test_a_worker_tells_its_start_and_its_end_in_lines_of_json(run: Run, jobs: Jobs) -> None:
    told = run("run", "--until-idle", "-w", "shop", "--json").out.splitlines()
    events = [json.loads(line) for line in told]
    assert [event["event"] for event in events] == ["working", "stopped"]
    assert events[0]["pid"] > 0
    assert {"jobs", "at"} <= events[1].keys()


def test_a_server_tells_its_address_once_it_answers(run: Run, stores: Stores) -> None:
    with child(COMMAND, "serve", "--port", 0, "-w", stores.root, "--json") as server:
        started = json.loads(server.line())
        assert (started["event"], started["pid"]) == ("serving", server.pid)
        assert started["address"].startswith("http://127.0.0.1:")
        port = started["address"].rpartition(":")[2]
        refused = run("serve", "--port", port, "-w", "shop", "--json", code=1)
        assert f"port {port}" in refused.json["error"]["message"]
        server.send(signal.SIGTERM)
        assert json.loads(server.line())["event"] == "stopped"
        assert server.end() == 0


def test_lines_of_json_that_nobody_reads_any_more_end_a_command_without_complaint(
    stores: Stores,
) -> None:
    command = [str(Path(sys.executable).with_name("aimwell")), "run", "--until-idle", "--json"]
    with subprocess.Popen(
        [*command, "-w", stores.root], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        assert worker.stderr is not None
        worker.stdout.close()
        assert worker.stderr.read() == b""
    assert worker.returncode == 1
