"""The worker: runs what is due, tells how it ended, stops in good order."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.errors import ControlBusyError, JobError, StorageFullError
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.backoff import Backoff
from aimwell.jobs.claims import Claims
from aimwell.jobs.context import JobContext
from aimwell.jobs.model import NewJob
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.schedules import Schedules
from aimwell.jobs.worker import Handler, Worker, stopped_by_signals
from aimwell.store.control import Control
from aimwell.store.migrate import upgrade
from aimwell.store.schema import metadata
from child import eventually
from postgres import PostgresServer

JOBS = metadata.tables["jobs"]
Payload = Mapping[str, Any]


@pytest.fixture
def queue(control: Control) -> JobQueue:
    return JobQueue(control)


@pytest.fixture
def claims(control: Control) -> Claims:
    return Claims(control, lease_seconds=30, backoff=Backoff(first_seconds=0.01, spread=0))


@pytest.fixture
def alerts(control: Control) -> Alerts:
    return Alerts(control)


def worker(claims: Claims, handler: Handler, **rest: Any) -> Worker:
    return Worker(claims, {"a": handler}, poll_seconds=0.02, **rest)


@pytest.fixture
def in_thread() -> Iterator[Callable[[Worker], threading.Thread]]:
    """Runs workers in threads, and stops them at the end."""
    started: list[tuple[Worker, threading.Thread]] = []

    def start(one: Worker) -> threading.Thread:
        thread = threading.Thread(target=one.run)
        thread.start()
        started.append((one, thread))
        return thread

    yield start
    for one, thread in started:
        one.stop()
        thread.join(30)
        assert not thread.is_alive()


def double(context: JobContext, payload: Payload) -> Payload:
    return {"twice": payload["n"] * 2}


def test_due_jobs_are_run_until_none_is_left(queue: JobQueue, claims: Claims) -> None:
    ids = [queue.enqueue("a", {"n": n}) for n in range(5)]
    queue.enqueue("b")
    queue.enqueue("a", {"n": 9}, run_at=datetime.now(UTC) + timedelta(hours=1))
    assert worker(claims, double).run_until_idle() == 5
    assert [queue.get(id_).result for id_ in ids] == [{"twice": n * 2} for n in range(5)]
    assert queue.counts() == {"queued": 2, "running": 0, "done": 5, "failed": 0, "cancelled": 0}


def test_a_handler_may_give_no_result_and_queue_further_jobs(
    queue: JobQueue, claims: Claims
) -> None:
    def count_down(context: JobContext, payload: Payload) -> None:
        if payload["n"]:
            with context.transaction() as connection:
                queue.enqueue("a", {"n": payload["n"] - 1}, connection=connection)

    queue.enqueue("a", {"n": 3})
    assert worker(claims, count_down).run_until_idle() == 4


def test_idle_may_mean_nothing_due_for_a_while(queue: JobQueue, claims: Claims) -> None:
    queue.enqueue("a", {"n": 1}, run_at=datetime.now(UTC) + timedelta(seconds=0.2))
    assert worker(claims, double).run_until_idle() == 0
    assert worker(claims, double).run_until_idle(wait_seconds=5) == 1


def test_a_passing_failure_is_tried_again_and_a_lasting_one_is_not(
    queue: JobQueue, claims: Claims
) -> None:
    tries: list[int] = []

    def flaky(context: JobContext, payload: Payload) -> None:
        tries.append(context.job.attempts)
        if context.job.attempts < 3:
            raise TimeoutError
        raise KeyError("ann@example.com")

    id_ = queue.enqueue("a")
    assert worker(claims, flaky).run_until_idle(wait_seconds=5) == 3
    job = queue.get(id_)
    assert (tries, job.state) == ([1, 2, 3], "failed")
    assert "KeyError at test_worker.py:" in (job.error or "")
    assert "ann@" not in (job.error or "")


def test_a_result_that_cannot_be_kept_fails_the_job(queue: JobQueue, claims: Claims) -> None:
    id_ = queue.enqueue("a")
    worker(claims, lambda _c, _p: {"x": object()}).run_until_idle()
    assert (queue.get(id_).state, queue.get(id_).attempts) == ("failed", 1)
    assert "JobError: The result of job" in (queue.get(id_).error or "")


def test_nothing_of_an_error_s_words_reaches_the_log(
    queue: JobQueue, claims: Claims, caplog: pytest.LogCaptureFixture
) -> None:
    def choke(_context: JobContext, _payload: Payload) -> None:
        raise ValueError("ann@example.com")

    queue.enqueue("a", {"who": "payload@example.com"})
    with caplog.at_level(logging.DEBUG):
        worker(claims, choke).run_until_idle()
    assert "ValueError at" in caplog.text
    assert "@example.com" not in caplog.text


def test_a_cancelled_job_stops_where_its_handler_asks(queue: JobQueue, claims: Claims) -> None:
    def handler(context: JobContext, _payload: Payload) -> None:
        queue.cancel(context.job.id)
        context.progress(1, 2)
        raise AssertionError("it went on")

    id_ = queue.enqueue("a")
    worker(claims, handler).run_until_idle()
    assert queue.get(id_).state == "cancelled"


def test_the_heartbeat_cancels_a_handler_that_only_asks(queue: JobQueue, control: Control) -> None:
    def handler(context: JobContext, _payload: Payload) -> None:
        queue.cancel(context.job.id)
        eventually(lambda: context.check() is not None)

    id_ = queue.enqueue("a")
    worker(Claims(control, lease_seconds=0.3), handler).run_until_idle()
    assert queue.get(id_).state == "cancelled"


def test_a_job_that_was_lost_is_left_to_its_new_worker(
    queue: JobQueue, claims: Claims, control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(_context: JobContext, _payload: Payload) -> Payload:
        with control.begin() as connection:
            connection.execute(sa.update(JOBS).values(lease_token="another"))
        return {"by": "the loser"}

    id_ = queue.enqueue("a")
    with caplog.at_level(logging.WARNING):
        assert worker(claims, handler).run_until_idle() == 1
    assert (queue.get(id_).state, queue.get(id_).result) == ("running", None)
    assert "has gone to another worker" in caplog.text


def test_a_long_job_keeps_its_lease(queue: JobQueue, control: Control) -> None:
    claims = Claims(control, lease_seconds=0.5)
    others: list[object] = []

    def handler(context: JobContext, _payload: Payload) -> None:
        started = context.job.started_at or datetime.now(UTC)
        while datetime.now(UTC) - started < timedelta(seconds=1.5):
            others.extend(Claims(control, lease_seconds=0.5).reap())

    id_ = queue.enqueue("a")
    worker(claims, handler).run_until_idle()
    assert (others, queue.get(id_).state, queue.get(id_).attempts) == ([], "done", 1)


# --- stopping ---------------------------------------------------------------------------------------------


def test_a_stopped_worker_ends_after_the_running_job(
    queue: JobQueue, claims: Claims, in_thread: Callable[[Worker], threading.Thread]
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def handler(_context: JobContext, _payload: Payload) -> None:
        inside.set()
        assert go_on.wait(30)

    ids = [queue.enqueue("a") for _ in range(2)]
    one = worker(claims, handler)
    thread = in_thread(one)
    assert inside.wait(30)
    one.stop()
    assert thread.is_alive()
    go_on.set()
    thread.join(30)
    assert [queue.get(id_).state for id_ in ids] == ["done", "queued"]


def test_a_handler_that_asks_stops_at_once_and_its_job_goes_back(
    queue: JobQueue, claims: Claims, in_thread: Callable[[Worker], threading.Thread]
) -> None:
    inside = threading.Event()

    def handler(context: JobContext, _payload: Payload) -> None:
        inside.set()
        eventually(lambda: context.check() is not None)

    id_ = queue.enqueue("a")
    one = worker(claims, handler)
    thread = in_thread(one)
    assert inside.wait(30)
    one.stop()
    thread.join(30)
    job = queue.get(id_)
    assert (job.state, job.attempts, job.error) == ("queued", 0, None)


def test_what_ends_the_process_gives_the_job_back_first(queue: JobQueue, claims: Claims) -> None:
    def handler(_context: JobContext, _payload: Payload) -> None:
        raise KeyboardInterrupt

    id_ = queue.enqueue("a")
    with pytest.raises(KeyboardInterrupt):
        worker(claims, handler).run_until_idle()
    assert (queue.get(id_).state, queue.get(id_).attempts) == ("queued", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_worker_in_good_order_and_a_second_one_at_once(
    queue: JobQueue, claims: Claims, number: int
) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    def handler(_context: JobContext, _payload: Payload) -> None:
        os.kill(os.getpid(), number)

    for _ in range(2):
        queue.enqueue("a")
    one = worker(claims, handler)
    with stopped_by_signals(one):
        one.run()
        expected = signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler
        assert signal.getsignal(number) == expected
    assert queue.counts()["done"] == queue.counts()["queued"] == 1
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


# --- troubles ---------------------------------------------------------------------------------------------


def failing(times: int, real: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    left = [times]

    def call(*args: Any, **rest: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise error
        return real(*args, **rest)

    return call


def test_a_worker_waits_out_a_database_that_is_away(
    queue: JobQueue,
    claims: Claims,
    in_thread: Callable[[Worker], threading.Thread],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id_ = queue.enqueue("a", {"n": 1})
    busy = ControlBusyError("away")
    monkeypatch.setattr(claims, "claim", failing(3, claims.claim, busy))
    monkeypatch.setattr(claims, "finish", failing(3, claims.finish, busy))
    in_thread(worker(claims, double))
    eventually(lambda: queue.get(id_).state == "done")
    assert queue.get(id_).attempts == 1, "the work was not done twice"


def test_workers_outlive_a_crash_of_the_database_server(
    crash_postgres: PostgresServer, in_thread: Callable[[Worker], threading.Thread]
) -> None:
    control = Control(crash_postgres.fresh_database())
    upgrade(control)
    queue, inside, go_on = JobQueue(control), threading.Event(), threading.Event()

    def handler(_context: JobContext, _payload: Payload) -> Payload:
        inside.set()
        assert go_on.wait(60)
        return {"done": True}

    ids = [queue.enqueue("a") for _ in range(3)]
    for _ in range(2):
        in_thread(worker(Claims(control, lease_seconds=3600), handler))
    assert inside.wait(30)
    crash_postgres.kill_hard()
    go_on.set()
    crash_postgres.start()
    eventually(lambda: queue.counts()["done"] == 3)
    assert [(queue.get(id_).result, queue.get(id_).attempts) for id_ in ids] == [
        ({"done": True}, 1)
    ] * 3


def test_a_command_line_is_told_of_a_database_that_is_away(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "claim", failing(1, claims.claim, StorageFullError("full")))
    with pytest.raises(StorageFullError):
        worker(claims, double).run_until_idle()


def test_a_worker_without_handlers_is_refused(claims: Claims) -> None:
    with pytest.raises(JobError, match="at least one handler"):
        Worker(claims, {})


# --- schedules and alerts ---------------------------------------------------------------------------------


def test_a_worker_fires_schedules(queue: JobQueue, claims: Claims, control: Control) -> None:
    now = datetime.now(UTC)
    schedules = Schedules(control, queue, clock=lambda: now)
    schedules.put("s", kind="a", cron="* * * * *", timezone="UTC")
    one = worker(claims, lambda _c, p: {"for": p["scheduled_for"]}, schedules=schedules)
    assert one.run_until_idle() == 0
    now += timedelta(minutes=1)
    assert one.run_until_idle() == 1
    [job] = queue.find(states=["done"])
    assert job.result == {"for": job.payload["scheduled_for"]}


def test_a_job_that_failed_for_good_is_told_until_the_same_work_is_done(
    queue: JobQueue, claims: Claims, alerts: Alerts
) -> None:
    good: list[bool] = []

    def handler(_context: JobContext, _payload: Payload) -> None:
        if not good:
            raise JobError("There is no plan 7.")

    queue.enqueue("a", key="plan 7")
    one = worker(claims, handler, alerts=alerts)
    one.run_until_idle()
    [alert] = alerts.all()
    assert (alert.key, alert.severity) == ("job:a:plan 7", "error")
    assert "There is no plan 7." in alert.message
    good.append(True)
    queue.enqueue("a", key="other")
    one.run_until_idle()
    assert len(alerts.all()) == 1
    queue.enqueue("a", key="plan 7")
    one.run_until_idle()
    assert alerts.all() == ()


def test_a_failure_that_will_be_tried_again_is_not_told(
    queue: JobQueue, alerts: Alerts, control: Control
) -> None:
    def handler(_context: JobContext, _payload: Payload) -> None:
        raise TimeoutError

    claims = Claims(control, backoff=Backoff(first_seconds=3600, spread=0))
    queue.enqueue("a", attempts_max=2)
    one = worker(claims, handler, alerts=alerts)
    assert one.run_until_idle() == 1
    assert alerts.all() == ()
    with control.begin() as connection:
        connection.execute(sa.update(JOBS).values(run_at=datetime.now(UTC)))
    assert one.run_until_idle() == 1
    assert len(alerts.all()) == 1


def test_a_job_whose_workers_died_too_often_is_told(
    queue: JobQueue, claims: Claims, alerts: Alerts, control: Control
) -> None:
    queue.enqueue("a", attempts_max=1)
    claims.claim(["a"])
    with control.begin() as connection:
        connection.execute(sa.update(JOBS).values(lease_until=datetime.now(UTC)))
    assert worker(claims, double, alerts=alerts).run_until_idle() == 0
    [alert] = alerts.all()
    assert "ended in the middle" in alert.message


def test_a_worker_forgets_jobs_that_ended_long_ago(
    queue: JobQueue, claims: Claims, control: Control
) -> None:
    old = queue.enqueue("a", {"n": 1})
    assert worker(claims, double).run_until_idle() == 1
    with control.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=8)
        connection.execute(sa.update(JOBS).values(finished_at=long_ago))
    worker(claims, double).run_until_idle()
    assert queue.get(old).state == "done"
    worker(claims, double, keep=timedelta(days=7)).run_until_idle()
    with pytest.raises(JobError, match="ended long ago are forgotten"):
        queue.get(old)


def test_many_workers_do_each_job_once(
    queue: JobQueue, control: Control, in_thread: Callable[[Worker], threading.Thread]
) -> None:
    queue.enqueue_many([NewJob("a", {"n": n}) for n in range(150)])
    runs: list[int] = []
    at_work: set[int] = set()
    lock = threading.Lock()

    def handler(context: JobContext, _payload: Payload) -> None:
        with lock:
            assert context.job.id not in at_work
            at_work.add(context.job.id)
            runs.append(context.job.id)
        with lock:
            at_work.remove(context.job.id)

    for _ in range(8):
        in_thread(worker(Claims(control), handler))
    eventually(lambda: queue.counts()["done"] == 150)
    assert len(runs) == len(set(runs)) == 150
