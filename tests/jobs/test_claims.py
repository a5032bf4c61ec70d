"""The queue, as workers see it: what is taken is theirs until they end, say nothing, or die."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.errors import JobError, JobLostError, StorageFullError
from aimwell.jobs import claims as claims_module
from aimwell.jobs.backoff import Backoff
from aimwell.jobs.claims import Claims
from aimwell.jobs.model import Job, NewJob
from aimwell.jobs.queue import JobQueue
from aimwell.store.control import Control, upsert
from aimwell.store.schema import metadata
from job_clock import SetClock

META = metadata.tables["workspace_meta"]
JOBS = metadata.tables["jobs"]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def queue(control: Control, clock: SetClock) -> JobQueue:
    return JobQueue(control, clock=clock)


@pytest.fixture
def claims(control: Control, clock: SetClock) -> Claims:
    return Claims(control, lease_seconds=30, draw=lambda: 1.0, clock=clock)


def take(claims: Claims, *kinds: str) -> Job:
    [job] = claims.claim(kinds or ["a"])
    return job


def test_a_claimed_job_is_marked_as_one_s_own(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    id_ = queue.enqueue("a", {"n": 1})
    clock.on(5)
    job = take(claims)
    assert job == queue.get(id_)
    assert (job.state, job.attempts, job.started_at) == ("running", 1, clock.now)
    assert job.lease_until == clock.now + timedelta(seconds=30)
    assert len(job.token or "") == 32
    assert job.token not in repr(job)
    assert claims.claim(["a"]) == []


def test_jobs_are_taken_by_priority_then_by_the_time_since_they_are_due(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    now = clock.now
    low = queue.enqueue("a", priority=-1)
    late = queue.enqueue("a", run_at=now - timedelta(minutes=1))
    later = queue.enqueue("a", run_at=now - timedelta(minutes=2))
    urgent = queue.enqueue("a", priority=5)
    queue.enqueue("a", priority=9, run_at=now + timedelta(seconds=1))
    queue.enqueue("other", priority=9)
    assert [job.id for job in claims.claim(["a"], limit=10)] == [urgent, later, late, low]
    assert [job.kind for job in claims.claim(["a", "other"], limit=10)] == ["other"]
    clock.on(1)
    assert take(claims).priority == 9


def test_no_more_than_the_limit_are_taken(queue: JobQueue, claims: Claims) -> None:
    for n in range(6):
        queue.enqueue("a", priority=n // 2)
    assert [job.priority for job in claims.claim(["a"], limit=3)] == [2, 2, 1]
    assert claims.claim([], limit=3) == []


def test_the_next_due_time_is_that_of_the_first_waiting_job(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    assert claims.next_due(["a"]) is None
    queue.enqueue("a", run_at=clock.now + timedelta(hours=2))
    queue.enqueue("b", run_at=clock.now + timedelta(hours=1))
    assert claims.next_due(["a"]) == clock.now + timedelta(hours=2)
    assert claims.next_due(["a", "b"]) == clock.now + timedelta(hours=1)


def test_a_finished_job_keeps_its_result(queue: JobQueue, claims: Claims, clock: SetClock) -> None:
    id_ = queue.enqueue("a")
    job = take(claims)
    clock.on(3)
    claims.finish(job, {"rows": 7})
    done = queue.get(id_)
    assert (done.state, done.result, done.finished_at) == ("done", {"rows": 7}, clock.now)
    assert (done.token, done.owner, done.lease_until) == (None, None, None)


def test_many_are_finished_in_one_go(queue: JobQueue, claims: Claims) -> None:
    queue.enqueue_many([NewJob("a") for _ in range(5)])
    jobs = claims.claim(["a"], limit=5)
    claims.finish_many([(job, {"n": job.id} if job.id % 2 else None) for job in jobs])
    assert queue.counts()["done"] == 5
    assert all(queue.get(job.id).result == ({"n": job.id} if job.id % 2 else None) for job in jobs)
    claims.finish_many([])


def test_if_one_of_many_is_lost_none_is_finished(
    queue: JobQueue, claims: Claims, control: Control
) -> None:
    queue.enqueue_many([NewJob("a") for _ in range(3)])
    jobs = claims.claim(["a"], limit=3)
    with control.begin() as connection:
        lost = sa.update(JOBS).where(JOBS.c.id == jobs[1].id).values(lease_token="another")
        connection.execute(lost)
    with pytest.raises(JobLostError):
        claims.finish_many([(job, None) for job in jobs])
    assert queue.counts()["running"] == 3


@pytest.mark.parametrize("result", [{"x": object()}, {"x": float("inf")}, {"x": "\0"}])
def test_a_result_that_cannot_be_kept_is_refused(
    queue: JobQueue, claims: Claims, result: dict[str, Any]
) -> None:
    id_ = queue.enqueue("a")
    with pytest.raises(JobError, match="The result of job"):
        claims.finish(take(claims), result)
    assert queue.get(id_).state == "running"


# --- failing ----------------------------------------------------------------------------------------------


def test_what_may_pass_comes_again_after_growing_waits_and_then_fails(
    queue: JobQueue, control: Control, clock: SetClock
) -> None:
    backoff = Backoff(first_seconds=10, factor=3, longest_seconds=60, spread=0.5)
    draws = iter([1.0, 0.0, 1.0])
    claims = Claims(control, backoff=backoff, draw=lambda: next(draws), clock=clock)
    id_ = queue.enqueue("a", attempts_max=4)
    for wait in (10, 15, 60):
        assert claims.fail(take(claims), StorageFullError("full")) == "queued"
        waiting = queue.get(id_)
        assert (waiting.state, waiting.error) == ("queued", "StorageFullError: full")
        assert waiting.run_at == clock.now + timedelta(seconds=wait)
        assert claims.claim(["a"]) == []
        clock.on(wait)
    assert claims.fail(take(claims), StorageFullError("full")) == "failed"
    assert (queue.get(id_).attempts, queue.get(id_).finished_at) == (4, clock.now)


def test_what_will_not_pass_fails_at_once(queue: JobQueue, claims: Claims) -> None:
    id_ = queue.enqueue("a")
    assert claims.fail(take(claims), JobError("no such plan")) == "failed"
    assert queue.get(id_).error == "JobError: no such plan"


def test_success_clears_the_error_of_an_earlier_attempt(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    id_ = queue.enqueue("a")
    claims.fail(take(claims), TimeoutError())
    clock.on(3600)
    claims.finish(take(claims))
    assert queue.get(id_).error is None


def test_the_failure_of_a_cancelled_job_ends_it(queue: JobQueue, claims: Claims) -> None:
    id_ = queue.enqueue("a")
    job = take(claims)
    queue.cancel(id_)
    assert claims.fail(job, TimeoutError()) == "cancelled"
    assert queue.get(id_).state == "cancelled"


def test_a_released_job_is_as_if_it_had_not_been_started(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    id_ = queue.enqueue("a")
    claims.release(take(claims))
    job = queue.get(id_)
    assert (job.state, job.attempts, job.run_at) == ("queued", 0, clock.now)
    job = take(claims)
    queue.cancel(id_)
    claims.release(job)
    assert queue.get(id_).state == "cancelled"


# --- leases -----------------------------------------------------------------------------------------------


def test_a_sign_of_life_moves_the_lease(queue: JobQueue, claims: Claims, clock: SetClock) -> None:
    id_ = queue.enqueue("a")
    job = take(claims)
    for _ in range(5):
        clock.on(25)
        assert claims.renew(job) == "held"
        assert claims.reap() == []
    assert queue.get(id_).lease_until == clock.now + timedelta(seconds=30)


def test_progress_is_kept_and_is_a_sign_of_life(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    id_ = queue.enqueue("a")
    job = take(claims)
    clock.on(25)
    assert claims.progress(job, done=3, total=10, note="orders") == "held"
    found = queue.get(id_)
    assert (found.progress_done, found.progress_total, found.progress_note) == (3, 10, "orders")
    assert found.lease_until == clock.now + timedelta(seconds=30)
    queue.cancel(id_)
    assert claims.progress(job, done=4, total=None, note=None) == "cancelled"


def test_a_silent_job_goes_to_another_worker_and_the_first_is_told(
    queue: JobQueue, claims: Claims, clock: SetClock, control: Control
) -> None:
    id_ = queue.enqueue("a")
    first = take(claims)
    clock.on(29)
    assert claims.reap() == []
    clock.on(1)
    [taken] = claims.reap()
    assert (taken.id, taken.state, taken.attempts) == (id_, "queued", 1)
    second = take(claims)
    assert (second.id, second.attempts) == (id_, 2)
    assert claims.renew(first) == "lost"

    def write_fenced() -> None:
        with claims.fenced(first) as connection:
            upsert(connection, META, [{"key": "x", "value": "first"}], update=("value",))

    for write in (
        lambda: claims.finish(first, {"by": "first"}),
        lambda: claims.finish(first),
        lambda: claims.fail(first, ValueError()),
        lambda: claims.fail(first, TimeoutError()),
        lambda: claims.release(first),
        lambda: claims.cancelled(first),
        lambda: claims.progress(first, done=1, total=None, note=None),
        write_fenced,
    ):
        with pytest.raises(JobLostError, match="gone to another worker") as caught:
            write()
        assert caught.value.retryable
    assert queue.get(id_) == second, "nothing that the first one tried has happened"
    with control.read() as connection:
        assert connection.execute(sa.select(META).where(META.c.key == "x")).all() == []
    claims.finish(second)
    with pytest.raises(JobLostError):
        claims.finish(second)


def test_the_job_of_a_process_that_has_ended_is_taken_at_once(
    queue: JobQueue, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue("a")
    take(claims)
    assert claims.reap() == []
    monkeypatch.setattr(claims_module, "process_is_gone", lambda _: True)
    assert [job.state for job in claims.reap()] == ["queued"]


def test_a_job_whose_workers_keep_dying_fails_in_the_end(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    id_ = queue.enqueue("a", attempts_max=3)
    states = []
    for _ in range(3):
        take(claims)
        clock.on(31)
        states += [job.state for job in claims.reap()]
    assert states == ["queued", "queued", "failed"]
    assert "ended in the middle 3 times" in (queue.get(id_).error or "")
    assert claims.claim(["a"]) == []


def test_a_cancelled_job_of_a_dead_worker_is_cancelled(
    queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    id_ = queue.enqueue("a")
    take(claims)
    queue.cancel(id_)
    clock.on(31)
    assert [job.state for job in claims.reap()] == ["cancelled"]


def test_a_sign_of_life_that_comes_in_time_stops_the_reaper(
    queue: JobQueue, claims: Claims, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue("a")
    job = take(claims)
    clock.on(31)
    look = claims._is_lost

    def look_then_renew(found: Job) -> bool:
        lost = look(found)
        assert claims.renew(job) == "held"
        return lost

    monkeypatch.setattr(claims, "_is_lost", look_then_renew)
    assert claims.reap() == []
    claims.finish(job)


def test_a_fenced_transaction_is_written_by_the_holder(
    queue: JobQueue, claims: Claims, control: Control, clock: SetClock
) -> None:
    id_ = queue.enqueue("a")
    job = take(claims)
    clock.on(20)
    with claims.fenced(job) as connection:
        upsert(connection, META, [{"key": "x", "value": "1"}], update=("value",))
    assert queue.get(id_).lease_until == clock.now + timedelta(seconds=30)
    with control.read() as connection:
        assert connection.execute(sa.select(META.c.value).where(META.c.key == "x")).scalar() == "1"


def test_no_job_is_taken_over_while_its_fenced_transaction_is_open(
    queue: JobQueue, claims: Claims, clock: SetClock, control: Control
) -> None:
    if control.is_sqlite:
        return  # there the reaper waits for the writer anyway, and a test of one thread would too
    queue.enqueue("a")
    job = take(claims)
    with claims.fenced(job):
        clock.on(120)
        assert claims.reap() == []
    claims.finish(job)


@pytest.mark.parametrize("limit", [1, 7])
def test_eight_threads_do_each_of_many_jobs_exactly_once(control: Control, limit: int) -> None:
    queue, claims = JobQueue(control), Claims(control)
    number = 240 if limit == 1 else 600
    queue.enqueue_many([NewJob("a", {"n": n}, priority=n % 3) for n in range(number)])
    done: Counter[int] = Counter()
    lock = threading.Lock()

    def work() -> None:
        while jobs := claims.claim(["a"], limit=limit):
            with lock:
                done.update(job.id for job in jobs)
            claims.finish_many([(job, None) for job in jobs])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # On PostgreSQL a thread may find all due jobs locked and leave; the others do the rest.
    work()
    assert queue.counts()["done"] == number
    assert set(done.values()) == {1}
    assert {job.attempts for job in queue.find(limit=number)} == {1}
