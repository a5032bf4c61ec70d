"""Each fire time once, however many look; after a pause once."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from aimwell.errors import JobError
from aimwell.jobs.backoff import Backoff
from aimwell.jobs.claims import Claims
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.schedules import Schedules
from aimwell.store.control import Control
from aimwell.store.schema import metadata
from job_clock import SetClock

TABLE = metadata.tables["schedules"]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def queue(control: Control, clock: SetClock) -> JobQueue:
    return JobQueue(control, clock=clock)


@pytest.fixture
def schedules(control: Control, queue: JobQueue, clock: SetClock) -> Schedules:
    return Schedules(control, queue, clock=clock)


@pytest.fixture
def claims(control: Control, clock: SetClock) -> Claims:
    return Claims(control, clock=clock)


def work_off(claims: Claims) -> None:
    """Do all that is due."""
    while jobs := claims.claim(["refresh", "a"], limit=100):
        claims.finish_many([(job, None) for job in jobs])


def put_hourly(schedules: Schedules, **rest: object) -> None:
    schedules.put("hourly", kind="refresh", cron="0 * * * *", timezone="UTC", **rest)  # type: ignore[arg-type]


def fired(queue: JobQueue) -> list[str]:
    return [str(job.payload["scheduled_for"])[11:16] for job in queue.find()][::-1]


def test_a_schedule_queues_its_job_when_its_time_has_come(
    schedules: Schedules, queue: JobQueue, clock: SetClock
) -> None:
    made = schedules.put(
        "nightly", kind="erase", cron="30 2 * * *", timezone="Europe/London", payload={"all": True}
    )
    assert (made.name, made.enabled, made.last_at) == ("nightly", True, None)
    assert made.next_at == datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
    assert schedules.fire_due() == []
    clock.now = made.next_at
    [id_] = schedules.fire_due()
    job = queue.get(id_)
    assert (job.kind, job.run_at) == ("erase", clock.now)
    assert job.payload == {"all": True, "scheduled_for": "2026-03-02T02:30:00+00:00"}
    assert schedules.fire_due() == []
    after = schedules.get("nightly")
    assert (after.last_at, after.next_at) == (clock.now, clock.now + timedelta(days=1))


def test_after_a_pause_it_fires_once_for_the_latest_time(
    schedules: Schedules, queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    put_hourly(schedules)
    clock.on(3600)
    schedules.fire_due()
    work_off(claims)
    clock.on(5.5 * 3600)
    assert len(schedules.fire_due()) == 1
    assert fired(queue) == ["13:00", "18:00"]
    work_off(claims)
    clock.on(3600)
    schedules.fire_due()
    assert fired(queue) == ["13:00", "18:00", "19:00"]


def test_while_nobody_works_jobs_do_not_pile_up(
    schedules: Schedules, queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    put_hourly(schedules)
    schedules.put("hourl%", kind="other", cron="0 * * * *", timezone="UTC")
    for _ in range(3):
        clock.on(3600)
        schedules.fire_due()
    assert fired(queue) == ["13:00", "13:00"]
    [running, _] = claims.claim(["refresh", "other"], limit=2)
    clock.on(3600)
    assert len(schedules.fire_due()) == 2, "while one runs, one more may wait"
    clock.on(3600)
    assert schedules.fire_due() == []
    assert schedules.get("hourly").last_at == clock.now
    claims.finish(running)
    assert queue.counts()["queued"] == 2


def test_a_job_that_waits_to_be_tried_again_does_not_keep_the_next_from_being_queued(
    schedules: Schedules, queue: JobQueue, control: Control, clock: SetClock
) -> None:
    slow = Claims(
        control, clock=clock, backoff=Backoff(first_seconds=86_400, longest_seconds=86_400)
    )
    put_hourly(schedules)
    clock.on(3600)
    schedules.fire_due()
    slow.fail(slow.claim(["refresh"])[0], TimeoutError())
    clock.on(3600)
    assert len(schedules.fire_due()) == 1
    assert fired(queue) == ["13:00", "14:00"]


def test_however_many_look_each_time_fires_once(
    schedules: Schedules, queue: JobQueue, claims: Claims, clock: SetClock
) -> None:
    for n in range(4):
        schedules.put(f"s{n}", kind="a", cron="* * * * *", timezone="UTC")
    for _ in range(5):
        clock.on(60)
        barrier = threading.Barrier(6)

        def look(start: threading.Barrier = barrier) -> None:
            start.wait()
            schedules.fire_due()

        threads = [threading.Thread(target=look) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        schedules.fire_due()
        assert queue.counts()["queued"] == 4
        work_off(claims)
    assert queue.counts()["done"] == 20
    assert len({job.key for job in queue.find()}) == 20


def test_putting_the_same_again_neither_skips_nor_repeats(
    schedules: Schedules, queue: JobQueue, clock: SetClock
) -> None:
    put_hourly(schedules)
    clock.on(3700)  # the program was down; at its start it puts its schedules
    put_hourly(schedules, payload={"new": 1})
    assert len(schedules.fire_due()) == 1
    put_hourly(schedules)
    assert schedules.fire_due() == []
    assert fired(queue) == ["13:00"]
    assert schedules.get("hourly").last_at is not None


def test_another_cron_or_zone_counts_from_now(schedules: Schedules, clock: SetClock) -> None:
    put_hourly(schedules)
    clock.on(3700)
    changed = schedules.put("hourly", kind="refresh", cron="30 * * * *", timezone="UTC")
    assert changed.next_at == datetime(2026, 3, 1, 13, 30, tzinfo=UTC)
    assert schedules.fire_due() == []
    moved = schedules.put("hourly", kind="refresh", cron="30 * * * *", timezone="Asia/Kathmandu")
    assert moved.next_at == datetime(2026, 3, 1, 13, 45, tzinfo=UTC)


def test_what_is_switched_off_does_not_fire_and_catches_nothing_up(
    schedules: Schedules, queue: JobQueue, clock: SetClock
) -> None:
    put_hourly(schedules)
    assert not schedules.enable("hourly", False).enabled
    clock.on(7200)
    assert schedules.fire_due() == []
    assert schedules.enable("hourly", True).next_at > clock.now
    assert schedules.fire_due() == []
    clock.on(3600)
    assert len(schedules.fire_due()) == 1
    assert fired(queue) == ["15:00"]


def test_a_removed_schedule_leaves_its_queued_jobs(
    schedules: Schedules, queue: JobQueue, clock: SetClock
) -> None:
    put_hourly(schedules)
    clock.on(3600)
    schedules.fire_due()
    assert schedules.remove("hourly")
    assert not schedules.remove("hourly")
    assert (schedules.all(), queue.counts()["queued"]) == ((), 1)


def test_schedules_are_listed_by_name(schedules: Schedules) -> None:
    for name in ("b", "A", "c"):
        schedules.put(name, kind="a", cron="@daily", timezone="UTC")
    assert [schedule.name for schedule in schedules.all()] == ["A", "b", "c"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cron": "often"}, "five fields"),
        ({"timezone": "London"}, "No time zone is called 'London'"),
        ({"payload": {"x": object()}}, "payload of the schedule 'x'"),
        ({"kind": ""}, "needs a name and a kind"),
    ],
)
def test_a_wrong_schedule_is_refused(
    schedules: Schedules, wrong: dict[str, object], words: str
) -> None:
    right = {"kind": "a", "cron": "@daily", "timezone": "UTC"}
    with pytest.raises(JobError, match=words):
        schedules.put("x", **(right | wrong))  # type: ignore[arg-type]
    assert schedules.all() == ()


def test_an_unknown_schedule_is_told_with_the_nearest(schedules: Schedules) -> None:
    put_hourly(schedules)
    with pytest.raises(JobError, match=r"no schedule 'hourl'. Did you mean 'hourly'"):
        schedules.enable("hourl", True)


def test_one_that_cannot_fire_does_not_hold_up_the_others(
    schedules: Schedules, control: Control, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    put_hourly(schedules)
    schedules.put("broken", kind="a", cron="0 * * * *", timezone="UTC")
    with control.begin() as connection:
        gone = sa.update(TABLE).where(TABLE.c.name == "broken").values(timezone="Mars/Olympus")
        connection.execute(gone)
    clock.on(3600)
    with caplog.at_level(logging.ERROR):
        assert len(schedules.fire_due()) == 1
    assert "schedule 'broken' cannot fire" in caplog.text
