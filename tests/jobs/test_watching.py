"""Work that waits while no worker runs is seen in the rows themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aimwell.jobs.claims import Claims
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.schedules import Schedule, Schedules
from aimwell.jobs.watching import PATIENCE, late_schedules, read_troubles, waiting_jobs
from aimwell.store.control import Control
from job_clock import SetClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DUE = Schedule("nightly", "erase", {}, "@daily", "UTC", True, NOW - PATIENCE, None)


def test_a_schedule_is_late_only_after_workers_had_time_to_look() -> None:
    assert late_schedules([DUE], now=NOW) == ()
    [found] = late_schedules([replace(DUE, next_at=DUE.next_at - SECOND)], now=NOW)
    assert (found.key, found.severity) == ("schedule:nightly", "warning")
    assert "2026-03-01 11:49" in found.message
    off = replace(DUE, next_at=NOW - timedelta(days=9), enabled=False)
    assert late_schedules([off], now=NOW) == ()


def test_jobs_that_wait_are_one_trouble() -> None:
    assert waiting_jobs(0, None, now=NOW) == ()
    assert "1 job waits" in waiting_jobs(1, NOW, now=NOW)[0].message
    assert "2,000 jobs wait" in waiting_jobs(2000, NOW, now=NOW)[0].message


def test_only_what_has_waited_too_long_is_told(control: Control) -> None:
    clock = SetClock()
    queue = JobQueue(control, clock=clock)
    schedules = Schedules(control, queue, clock=clock)
    claims = Claims(control, lease_seconds=30, clock=clock)

    def keys() -> list[str]:
        found = read_troubles(control, schedules.all(), now=clock.now)
        return [one.key for one in found]

    held = queue.enqueue("copy")
    assert [job.id for job in claims.claim(["copy"])] == [held]
    queue.enqueue("copy", run_at=clock.now + timedelta(minutes=30))
    queue.enqueue("copy")
    schedules.put("often", kind="copy", cron="*/5 * * * *", timezone="UTC")
    assert keys() == []
    clock.on(PATIENCE.total_seconds())
    assert keys() == []
    clock.on(301)
    assert keys() == ["schedule:often", "jobs:waiting", f"jobs:silent:{held}"]
    [waiting] = [
        one
        for one in read_troubles(control, schedules.all(), now=clock.now)
        if one.key == "jobs:waiting"
    ]
    assert "1 job waits" in waiting.message  # the other is not due yet
