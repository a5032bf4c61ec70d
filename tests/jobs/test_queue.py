"""The queue, as those see it who give work."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.errors import JobError
from aimwell.jobs.claims import Claims
from aimwell.jobs.model import NewJob, checked_json
from aimwell.jobs.queue import JobQueue
from aimwell.store.control import Control, upsert
from aimwell.store.schema import metadata
from job_clock import SetClock

META = metadata.tables["workspace_meta"]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def queue(control: Control, clock: SetClock) -> JobQueue:
    return JobQueue(control, clock=clock)


@pytest.fixture
def claims(control: Control, clock: SetClock) -> Claims:
    return Claims(control, clock=clock)


def test_a_job_waits_with_what_it_was_given(queue: JobQueue, clock: SetClock) -> None:
    job = queue.get(queue.enqueue("send", {"plan": "p1", "people": [1, 2.5, None, True]}))
    assert (job.kind, job.state, job.attempts, job.attempts_max) == ("send", "queued", 0, 5)
    assert job.payload == {"plan": "p1", "people": [1, 2.5, None, True]}
    assert job.run_at == job.created_at == clock.now
    assert (job.token, job.owner, job.result, job.error, job.started_at) == (None,) * 5


def test_the_same_key_is_queued_once_while_the_job_lives(queue: JobQueue, claims: Claims) -> None:
    first = queue.enqueue("send", {"n": 1}, key="plan 1")
    assert queue.enqueue("send", {"n": 2}, key="plan 1") == first
    [running] = claims.claim(["send"])
    assert queue.enqueue("send", key="plan 1") == first
    claims.finish(running)
    second = queue.enqueue("send", {"n": 3}, key="plan 1")
    assert second != first
    assert queue.get(first).payload == {"n": 1}
    assert queue.enqueue("send", key=None) != queue.enqueue("send", key=None)


def test_many_are_queued_at_once_and_known_keys_left_out(queue: JobQueue) -> None:
    queue.enqueue("send", key="k3")
    jobs = [NewJob("send", {"n": n}, key=f"k{n}") for n in range(5)]
    assert queue.enqueue_many([*jobs, replace(jobs[0])]) == 4
    assert queue.enqueue_many(jobs) == 0
    assert queue.enqueue_many([]) == 0
    assert queue.counts()["queued"] == 5


def test_a_job_comes_about_with_the_caller_s_transaction_or_not_at_all(
    queue: JobQueue, control: Control
) -> None:
    def approve(*, fail: bool) -> None:
        with control.begin() as connection:
            upsert(connection, META, [{"key": "plan", "value": "approved"}], update=("value",))
            queue.enqueue("send", {"fail": fail}, connection=connection)
            queue.enqueue_many([NewJob("send"), NewJob("send")], connection=connection)
            if fail:
                raise KeyError

    with pytest.raises(KeyError):
        approve(fail=True)
    assert queue.counts()["queued"] == 0
    approve(fail=False)
    assert queue.counts()["queued"] == 3


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({"kind": ""}, "needs a kind"),
        ({"kind": "a", "attempts_max": 0}, "allowed: 1 or more"),
        ({"kind": "a", "run_at": datetime(2026, 1, 1)}, "no zone"),  # noqa: DTZ001
        ({"kind": "a", "payload": {"x": object()}}, "cannot be kept as JSON"),
        ({"kind": "a", "payload": {"x": float("nan")}}, "cannot be kept as JSON"),
        ({"kind": "a", "payload": {"x": datetime.now(UTC)}}, "Allowed: text"),
        ({"kind": "a", "payload": {"x": "a\0b"}}, "null character"),
        ({"kind": "a", "payload": {"x\0": 1}}, "null character"),
        ({"kind": "a", "payload": {"x": [{"y": "\ud83d"}]}}, "half a character"),
    ],
)
def test_a_wrong_job_is_refused_and_nothing_queued(
    queue: JobQueue, job: dict[str, Any], words: str
) -> None:
    with pytest.raises(JobError, match=words):
        queue.enqueue(**job)
    with pytest.raises(JobError, match=words):
        queue.enqueue_many([NewJob("fine"), NewJob(**job)])
    assert queue.counts()["queued"] == 0


def test_json_with_escapes_that_only_look_like_a_null_is_kept() -> None:
    value = {"a": "\\u0000 \\ud83d", "b": "💌"}
    assert checked_json(value, "It") == value


def test_a_waiting_job_is_cancelled_at_once(queue: JobQueue, claims: Claims) -> None:
    job = queue.enqueue("send")
    assert queue.cancel(job) == "cancelled"
    assert queue.get(job).finished_at is not None
    assert claims.claim(["send"]) == []
    assert queue.cancel(job) == "cancelled"


def test_a_running_job_is_asked_to_stop(queue: JobQueue, claims: Claims) -> None:
    job = queue.enqueue("send")
    [running] = claims.claim(["send"])
    assert queue.cancel(job) == "running"
    assert queue.get(job).cancel_requested
    assert claims.renew(running) == "cancelled"
    claims.cancelled(running)
    assert queue.get(job).state == "cancelled"


def test_an_ended_job_stays_as_it_is(queue: JobQueue, claims: Claims) -> None:
    job = queue.enqueue("send")
    claims.finish(claims.claim(["send"])[0])
    assert queue.cancel(job) == "done"
    with pytest.raises(JobError, match="Only failed and cancelled"):
        queue.retry(job)


def test_a_failed_job_can_be_tried_once_more_with_all_its_attempts(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    job = queue.enqueue("send", key="k", attempts_max=1)
    claims.fail(claims.claim(["send"])[0], ValueError())
    assert queue.get(job).state == "failed"
    clock.on(60)
    queue.retry(job)
    again = queue.get(job)
    assert (again.state, again.attempts, again.error, again.finished_at) == (
        "queued",
        0,
        None,
        None,
    )
    assert again.run_at == clock.now
    assert [taken.id for taken in claims.claim(["send"])] == [job]


def test_a_failed_job_is_not_tried_again_beside_its_twin(queue: JobQueue, claims: Claims) -> None:
    old = queue.enqueue("send", key="k", attempts_max=1)
    claims.fail(claims.claim(["send"])[0], ValueError())
    new = queue.enqueue("send", key="k")
    with pytest.raises(JobError, match=f"job {new} does the same work"):
        queue.retry(old)


def test_an_unknown_job_is_told(queue: JobQueue) -> None:
    for action in (queue.get, queue.cancel, queue.retry):
        with pytest.raises(JobError, match="no job 99"):
            action(99)


def test_jobs_are_found_by_state_and_kind_the_newest_first(queue: JobQueue, claims: Claims) -> None:
    ids = [queue.enqueue(kind) for kind in ("a", "b", "a")]
    claims.finish(claims.claim(["a"])[0])
    assert [job.id for job in queue.find()] == ids[::-1]
    assert [job.id for job in queue.find(states=["queued"])] == [ids[2], ids[1]]
    assert [job.id for job in queue.find(kinds=["a"], limit=1)] == [ids[2]]
    assert queue.counts() == {"queued": 2, "running": 0, "done": 1, "failed": 0, "cancelled": 0}


def test_old_ended_jobs_are_forgotten_and_live_ones_never(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    for _ in range(3):
        queue.enqueue("a")
    claims.finish(claims.claim(["a"])[0])
    claims.claim(["a"])
    clock.on(86_400)
    queue.cancel(queue.enqueue("a"))
    assert queue.forget(before=clock.now - timedelta(hours=1)) == 1
    assert queue.counts() == {"queued": 1, "running": 1, "done": 0, "failed": 0, "cancelled": 1}


def test_threads_that_queue_the_same_key_queue_it_once(queue: JobQueue) -> None:
    ids: list[int] = []

    def work() -> None:
        ids.extend(queue.enqueue("a", {"n": n}, key=f"k{n}") for n in range(10))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 60
    assert len(set(ids)) == queue.counts()["queued"] == 10


def test_the_error_column_of_a_job_is_text_that_any_database_keeps(
    queue: JobQueue, claims: Claims, control: Control
) -> None:
    job = queue.enqueue("a", attempts_max=1)
    claims.fail(claims.claim(["a"])[0], JobError("null \0 and half \ud83d"))
    with control.read() as connection:
        table = metadata.tables["jobs"]
        told = connection.execute(sa.select(table.c.error).where(table.c.id == job)).scalar()
    assert told == "JobError: null  and half ?"
