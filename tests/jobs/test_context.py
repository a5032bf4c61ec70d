"""What a handler is told, and when what it tells is written."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from aimwell.errors import JobCancelledError, JobLostError, JobStoppedError
from aimwell.jobs.claims import Claims
from aimwell.jobs.context import JobContext
from aimwell.jobs.heartbeat import heartbeat
from aimwell.jobs.queue import JobQueue
from aimwell.store.control import Control, upsert
from aimwell.store.schema import metadata
from child import eventually

META = metadata.tables["workspace_meta"]
JOBS = metadata.tables["jobs"]


class Seconds:
    """A clock that only runs forward, and only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def queue(control: Control) -> JobQueue:
    queue = JobQueue(control)
    queue.enqueue("a")
    return queue


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def context(
    control: Control, queue: JobQueue, stopping: threading.Event, seconds: Seconds
) -> JobContext:
    claims = Claims(control, lease_seconds=30)
    [job] = claims.claim(["a"])
    return JobContext(job, claims, stopping, seconds=seconds)


def lose(control: Control) -> None:
    with control.begin() as connection:
        connection.execute(sa.update(JOBS).values(lease_token="another"))


def written(queue: JobQueue, context: JobContext) -> int:
    return queue.get(context.job.id).progress_done


def test_progress_is_written_first_twice_a_second_and_at_the_end(
    queue: JobQueue, context: JobContext, seconds: Seconds
) -> None:
    context.progress(1, 100, "begun")
    assert written(queue, context) == 1
    for done in range(2, 50):
        context.progress(done, 100)
    assert written(queue, context) == 1
    seconds.now += 0.5
    context.progress(50, 100)
    assert written(queue, context) == 50
    context.progress(100, 100)
    assert written(queue, context) == 100


def test_a_handler_that_lost_its_job_is_told_at_its_next_write(
    context: JobContext, control: Control, seconds: Seconds
) -> None:
    context.progress(1)
    lose(control)
    context.check()  # nobody has looked yet
    seconds.now += 1
    with pytest.raises(JobLostError):
        context.progress(2)

    def write() -> None:
        with context.transaction() as connection:
            upsert(connection, META, [{"key": "x", "value": "1"}], update=("value",))

    with pytest.raises(JobLostError):
        write()
    with control.read() as connection:
        assert connection.execute(sa.select(META).where(META.c.key == "x")).all() == []


def test_what_a_sign_of_life_learned_stops_the_handler(
    context: JobContext, control: Control
) -> None:
    lose(control)
    context.give_sign_of_life()
    context.give_sign_of_life()
    with pytest.raises(JobLostError):
        context.check()


def test_a_cancelled_handler_is_told(queue: JobQueue, context: JobContext) -> None:
    queue.cancel(context.job.id)
    with pytest.raises(JobCancelledError):
        context.progress(1)
    with pytest.raises(JobCancelledError):
        context.check()


def test_a_handler_of_a_stopping_worker_is_told(
    context: JobContext, stopping: threading.Event
) -> None:
    assert not context.stopping
    context.check()
    stopping.set()
    assert context.stopping
    with pytest.raises(JobStoppedError):
        context.progress(1)


def test_its_own_transaction_counts(context: JobContext, control: Control) -> None:
    with context.transaction() as connection:
        upsert(connection, META, [{"key": "x", "value": "1"}], update=("value",))
    with control.read() as connection:
        assert connection.execute(sa.select(META.c.value).where(META.c.key == "x")).scalar() == "1"


def test_the_heart_beats_while_the_block_runs_and_not_after(
    queue: JobQueue, context: JobContext, control: Control
) -> None:
    def lease() -> object:
        return queue.get(context.job.id).lease_until

    first = lease()
    with heartbeat(context, seconds=0.02):
        eventually(lambda: lease() != first, seconds=20)
    last = lease()
    assert not [t for t in threading.enumerate() if t.name == f"job {context.job.id}"]
    assert lease() == last


def test_the_heart_beats_on_after_a_trouble_of_the_database(
    queue: JobQueue, context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[int] = []
    renew = context._claims.renew

    def sometimes(job: object) -> object:
        beats.append(1)
        if len(beats) < 3:
            raise sa.exc.OperationalError("x", None, Exception())
        return renew(job)  # type: ignore[arg-type]

    monkeypatch.setattr(context._claims, "renew", sometimes)
    first = queue.get(context.job.id).lease_until
    with heartbeat(context, seconds=0.02):
        eventually(lambda: queue.get(context.job.id).lease_until != first, seconds=20)
