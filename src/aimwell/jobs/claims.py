"""The queue of jobs, as workers see it: claim, stay alive, report, end; and take over from the dead.

Every write names the token of the claim. Where the job has gone to another worker no row matches, and the
write raises JobLostError instead of happening.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from aimwell.errors import JobLostError
from aimwell.jobs.backoff import Backoff
from aimwell.jobs.failures import describe, is_retryable
from aimwell.jobs.model import Clock, Job, JobState, checked_json, utc_now
from aimwell.jobs.rows import TABLE, as_job, ended, queued
from aimwell.store.control import Control
from aimwell.store.processes import process_is_gone, process_name

__all__ = ["Claims", "Standing"]

Standing = Literal["held", "cancelled", "lost"]
_DIED = "The worker ended in the middle {} times, without a word. See the log of the machine."


class Claims:
    """The running jobs of a workspace.

    Args:
        lease_seconds: A job whose worker gave no sign of life for so long goes to another one.
        backoff: The waits between attempts.
        draw: Gives a number from 0 to 1 by chance.
    """

    def __init__(
        self,
        control: Control,
        *,
        lease_seconds: float = 30,
        backoff: Backoff | None = None,
        draw: Callable[[], float] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.control, self.lease_seconds = control, lease_seconds
        self._backoff = backoff or Backoff()
        self._draw, self._clock = draw or random.SystemRandom().random, clock

    def claim(self, kinds: Collection[str], *, limit: int = 1) -> list[Job]:
        """Take up to `limit` due jobs of these kinds: the highest priority, then the longest due."""
        fresh = {
            "state": "running",
            "attempts": TABLE.c.attempts + 1,
            "lease_token": secrets.token_hex(16),
            "lease_owner": process_name(),
        }
        with self.control.begin() as connection:
            now = self._clock()
            ids = _due(connection, kinds, now, limit)
            if not ids:
                return []
            taken = connection.execute(
                sa.update(TABLE)
                .where(TABLE.c.id.in_(ids))
                .values(lease_until=self._until(), started_at=now, **fresh)
                .returning(TABLE)
            )
            return sorted((as_job(row) for row in taken), key=lambda job: ids.index(job.id))

    def next_due(self, kinds: Collection[str]) -> datetime | None:
        """When the next waiting job of these kinds is due; None: none waits."""
        query = sa.select(sa.func.min(TABLE.c.run_at)).where(
            TABLE.c.state == "queued", TABLE.c.kind.in_(kinds)
        )
        with self.control.read() as connection:
            found: datetime | None = connection.execute(query).scalar()
        return found

    def renew(self, job: Job) -> Standing:
        """Give a sign of life; says whether the job is still this worker's, and still wanted."""
        with self.control.begin() as connection:
            wish = connection.execute(self._held(job).values(lease_until=self._until())).scalar()
        return "lost" if wish is None else "cancelled" if wish else "held"

    def progress(self, job: Job, *, done: int, total: int | None, note: str | None) -> Standing:
        """Write how far the job is, which is a sign of life too. Raises JobLostError."""
        with self.control.begin() as connection:
            wish = self._write(
                connection,
                job,
                progress_done=done,
                progress_total=total,
                progress_note=note,
                lease_until=self._until(),
            )
        return "cancelled" if wish else "held"

    @contextmanager
    def fenced(self, job: Job) -> Iterator[sa.Connection]:
        """A writing transaction that is committed only if the job is still this worker's.

        While it is open no other worker can take the job over. Raises JobLostError.
        """
        with self.control.begin() as connection:
            self._write(connection, job, lease_until=self._until())
            yield connection

    def finish(self, job: Job, result: Mapping[str, Any] | None = None) -> None:
        """The job is done. Raises JobLostError; JobError where the result is not JSON."""
        self.finish_many([(job, result)])

    def finish_many(self, done: Sequence[tuple[Job, Mapping[str, Any] | None]]) -> None:
        """These jobs are done, in one transaction. Raises as `finish`, and then none is written."""
        results = {
            job.id: checked_json(result, f"The result of job {job.id}")
            for job, result in done
            if result
        }
        silent: dict[str | None, list[Job]] = {}
        for job, _ in done:
            if job.id not in results:
                silent.setdefault(job.token, []).append(job)
        with self.control.begin() as connection:
            values = ended("done", self._clock(), error=None)
            for jobs in silent.values():
                self._write_all(connection, jobs, values)
            for job, _ in done:
                if job.id in results:
                    self._write(connection, job, **values, result=results[job.id])

    def fail(self, job: Job, error: BaseException) -> JobState:
        """The attempt failed: back to the queue after a wait where that may help, else failed for good."""
        return self._end_attempt(
            job, describe(error), again=is_retryable(error) and job.attempts < job.attempts_max
        )

    def _end_attempt(self, job: Job, text: str, *, again: bool) -> JobState:
        now = self._clock()
        with self.control.begin() as connection:
            if again and self._is_wanted(connection, job):
                wait = self._backoff.seconds(job.attempts, draw=self._draw())
                self._write(connection, job, **queued(now + timedelta(seconds=wait)), error=text)
                return "queued"
            state: JobState = "cancelled" if again else "failed"
            self._write(connection, job, **ended(state, now, error=text))
            return state

    def release(self, job: Job) -> None:
        """Give the job back as if it had not been started: the worker has to stop. Raises JobLostError."""
        with self.control.begin() as connection:
            if self._is_wanted(connection, job):
                self._write(connection, job, **queued(self._clock()), attempts=job.attempts - 1)
            else:
                self._write(connection, job, **ended("cancelled", self._clock()))

    def _is_wanted(self, connection: sa.Connection, job: Job) -> bool:
        """Whether nobody has cancelled the job; locks its row."""
        return not self._write(connection, job, lease_until=self._until())

    def cancelled(self, job: Job) -> None:
        """The job has stopped because it was cancelled. Raises JobLostError."""
        with self.control.begin() as connection:
            self._write(connection, job, **ended("cancelled", self._clock()))

    def reap(self) -> list[Job]:
        """Take jobs from workers that have ended or gave no sign of life: back to the queue, at once.

        Returns:
            The jobs as they are now: queued, cancelled where that was wished, failed after the last attempt.
        """
        running = sa.select(TABLE).where(TABLE.c.state == "running")
        with self.control.read() as connection:
            doubtful = [
                job for row in connection.execute(running) if self._is_lost(job := as_job(row))
            ]
        return [taken for job in doubtful if (taken := self._take_from(job)) is not None]

    def _is_lost(self, job: Job) -> bool:
        late = job.lease_until is None or job.lease_until <= self._clock()
        return late or process_is_gone(job.owner or "")

    def _take_from(self, job: Job) -> Job | None:
        """The job after it was taken away; None where its worker, or another reaper, was quicker."""
        now = self._clock()
        if job.cancel_requested:
            values: Mapping[str, Any] = ended("cancelled", now)
        elif job.attempts >= job.attempts_max:
            values = ended("failed", now, error=_DIED.format(job.attempts))
        else:
            values = queued(now)
        mine = sa.select(TABLE.c.lease_until).where(*_is(job)).with_for_update(skip_locked=True)
        with self.control.begin() as connection:
            # Read again under the lock: a sign of life may have come since.
            if connection.execute(mine).scalar() != job.lease_until:
                return None
            row = connection.execute(
                sa.update(TABLE).where(*_is(job)).values(values).returning(TABLE)
            ).one_or_none()
        return None if row is None else as_job(row)

    def _until(self) -> datetime:
        return self._clock() + timedelta(seconds=self.lease_seconds)

    def _held(self, job: Job) -> Any:
        return sa.update(TABLE).where(*_is(job)).returning(TABLE.c.cancel_requested)

    def _write(self, connection: sa.Connection, job: Job, **values: Any) -> bool:
        """Change the job; returns whether somebody wants it cancelled."""
        wish = connection.execute(self._held(job).values(values)).scalar()
        if wish is None:
            raise _lost(job)
        return bool(wish)

    def _write_all(
        self, connection: sa.Connection, jobs: Sequence[Job], values: Mapping[str, Any]
    ) -> None:
        """Change jobs of one claim in the same way."""
        ids = [job.id for job in jobs]
        change = sa.update(TABLE).where(
            TABLE.c.id.in_(ids), TABLE.c.state == "running", TABLE.c.lease_token == jobs[0].token
        )
        held = set(connection.execute(change.values(values).returning(TABLE.c.id)).scalars())
        for job in jobs:
            if job.id not in held:
                raise _lost(job)


def _lost(job: Job) -> JobLostError:
    return JobLostError(
        f"Job {job.id} ({job.kind}) has gone to another worker, because this one gave no sign of life for "
        "too long. What this one did since does not count."
    )


def _is(job: Job) -> tuple[sa.ColumnElement[bool], ...]:
    return (TABLE.c.id == job.id, TABLE.c.state == "running", TABLE.c.lease_token == job.token)


def _due(connection: sa.Connection, kinds: Collection[str], now: datetime, limit: int) -> list[int]:
    """Ids of due jobs, locked; one priority after the other, so that each step is a walk along the index."""
    due = (TABLE.c.state == "queued", TABLE.c.run_at <= now, TABLE.c.kind.in_(kinds))
    ids: list[int] = []
    highest = sa.select(TABLE.c.priority).where(*due).order_by(TABLE.c.priority.desc()).limit(1)
    top = connection.execute(highest).scalar()
    while top is not None and len(ids) < limit:
        found = connection.execute(
            sa.select(TABLE.c.id)
            .where(*due, TABLE.c.priority == top)
            .order_by(TABLE.c.run_at, TABLE.c.id)
            .limit(limit - len(ids))
            .with_for_update(skip_locked=True)
        )
        ids.extend(found.scalars())
        if len(ids) < limit:
            top = connection.execute(highest.where(TABLE.c.priority < top)).scalar()
    return ids
