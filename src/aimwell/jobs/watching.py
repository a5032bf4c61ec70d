"""Troubles that nobody has told of, because nobody was there: work that waits while no worker runs.

Workers tell alerts. Where none runs, or one hangs, the rows themselves show it to whoever looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from aimwell.jobs.alerts import Alert
from aimwell.jobs.model import Job
from aimwell.jobs.rows import TABLE, as_job
from aimwell.jobs.schedules import Schedule
from aimwell.store.control import Control

__all__ = ["PATIENCE", "START", "late_schedules", "read_troubles", "silent_jobs", "waiting_jobs"]

PATIENCE = timedelta(minutes=10)
"""How long work may wait before it is a trouble; workers look every second."""

START = "Start a worker with: aimwell run"
"""What to do; the end of every message."""


def read_troubles(
    control: Control, schedules: Iterable[Schedule], *, now: datetime
) -> tuple[Alert, ...]:
    """What has waited for longer than PATIENCE: schedules, jobs in the queue, jobs whose worker is silent."""
    late = now - PATIENCE
    due = (TABLE.c.state == "queued", TABLE.c.run_at < late)
    silent = (TABLE.c.state == "running", TABLE.c.lease_until < late)
    with control.read() as connection:
        number, oldest = connection.execute(
            sa.select(sa.func.count(), sa.func.min(TABLE.c.run_at)).where(*due)
        ).one()
        running = [as_job(row) for row in connection.execute(sa.select(TABLE).where(*silent))]
    return (
        *late_schedules(schedules, now=now),
        *waiting_jobs(number, oldest, now=now),
        *silent_jobs(running, now=now),
    )


def late_schedules(schedules: Iterable[Schedule], *, now: datetime) -> tuple[Alert, ...]:
    """Schedules whose time has come and gone, and nobody queued their job."""
    return tuple(
        _trouble(
            f"schedule:{one.name}",
            f"The schedule '{one.name}' should have fired at {one.next_at:%Y-%m-%d %H:%M} UTC. {START}",
            since=one.next_at,
            now=now,
        )
        for one in schedules
        if one.enabled and one.next_at < now - PATIENCE
    )


def waiting_jobs(number: int, oldest: datetime | None, *, now: datetime) -> tuple[Alert, ...]:
    """One trouble for all jobs that are due and that nobody takes."""
    if not number or oldest is None:
        return ()
    words = "1 job waits" if number == 1 else f"{number:,} jobs wait"
    text = f"{words} for a worker, the oldest since {oldest:%Y-%m-%d %H:%M} UTC. {START}"
    return (_trouble("jobs:waiting", text, since=oldest, now=now),)


def silent_jobs(running: Iterable[Job], *, now: datetime) -> tuple[Alert, ...]:
    """Jobs whose worker gave no sign of life; the next worker takes them over."""
    return tuple(
        _trouble(
            f"jobs:silent:{job.id}",
            f"The worker of job {job.id} ({job.kind}) has given no sign of life since "
            f"{job.lease_until:%Y-%m-%d %H:%M} UTC. Any worker takes the job over. {START}",
            since=job.lease_until,
            now=now,
        )
        for job in running
        if job.lease_until is not None
    )


def _trouble(key: str, message: str, *, since: datetime, now: datetime) -> Alert:
    return Alert(key, "warning", message, since, now, 1, None)
