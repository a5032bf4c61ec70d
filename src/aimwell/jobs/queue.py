"""The queue of jobs, as those see it who give work: queue, look, cancel, try again, forget.

A caller may hand over its own transaction, so that the work and the rows that it is about become true at the
same moment, or neither.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.errors import JobError
from aimwell.jobs.model import STATES, Clock, Job, JobState, NewJob, checked_json, utc_now
from aimwell.jobs.rows import ENDED, TABLE, as_job, ended, queued
from aimwell.store.control import Control, insert_statement

__all__ = ["JobQueue"]


class JobQueue:
    """The jobs of a workspace, kept in its control database."""

    def __init__(self, control: Control, *, clock: Clock = utc_now) -> None:
        self._control, self._clock = control, clock

    def enqueue(
        self,
        kind: str,
        payload: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        priority: int = 0,
        run_at: datetime | None = None,
        attempts_max: int = 5,
        connection: sa.Connection | None = None,
    ) -> int:
        """Queue one job (see NewJob); returns its id, or that of the live job with the same `key`.

        Args:
            connection: The caller's writing transaction, in which the job comes about; else one of its own.

        Raises:
            JobError: The job is described wrongly.
        """
        job = NewJob(kind, payload or {}, key, priority, run_at, attempts_max)
        with self._writing(connection) as own:
            # The job that holds the key may end between the two statements: then ours gets in.
            while True:
                if (new := own.execute(self._insert, self._row(job)).scalar()) is not None:
                    return int(new)
                if (old := own.execute(_live_with(key)).scalar()) is not None:
                    return int(old)

    def enqueue_many(
        self, jobs: Sequence[NewJob], *, connection: sa.Connection | None = None
    ) -> int:
        """Queue many jobs in one transaction; returns how many were new (see NewJob.key)."""
        if not jobs:
            return 0
        with self._writing(connection) as own:
            return len(own.execute(self._insert, [self._row(job) for job in jobs]).all())

    @property
    def _insert(self) -> Any:
        statement = insert_statement(self._control.is_sqlite, TABLE)
        return statement.on_conflict_do_nothing().returning(TABLE.c.id)

    def _row(self, job: NewJob) -> dict[str, Any]:
        _check(job)
        now = self._clock()
        return {
            "kind": job.kind,
            "payload": checked_json(job.payload, f"The payload of a job '{job.kind}'"),
            "key": job.key,
            "state": "queued",
            "priority": job.priority,
            "run_at": now if job.run_at is None else job.run_at,
            "attempts_max": job.attempts_max,
            "created_at": now,
        }

    @contextmanager
    def _writing(self, connection: sa.Connection | None) -> Iterator[sa.Connection]:
        if connection is not None:
            yield connection
            return
        with self._control.begin() as own:
            yield own

    def get(self, job_id: int) -> Job:
        """The job with this id. Raises JobError where there is none."""
        with self._control.read() as connection:
            row = connection.execute(sa.select(TABLE).where(TABLE.c.id == job_id)).one_or_none()
        if row is None:
            raise JobError(f"There is no job {job_id}; those that ended long ago are forgotten.")
        return as_job(row)

    def find(
        self,
        *,
        states: Collection[JobState] = STATES,
        kinds: Collection[str] | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """Jobs in these states (and of these kinds), the newest first."""
        query = sa.select(TABLE).where(TABLE.c.state.in_(states)).order_by(TABLE.c.id.desc())
        if kinds is not None:
            query = query.where(TABLE.c.kind.in_(kinds))
        with self._control.read() as connection:
            return [as_job(row) for row in connection.execute(query.limit(limit))]

    def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        query = sa.select(TABLE.c.state, sa.func.count()).group_by(TABLE.c.state)
        with self._control.read() as connection:
            found = {str(state): int(number) for state, number in connection.execute(query)}
        return {state: found.get(state, 0) for state in STATES}

    def cancel(self, job_id: int) -> JobState:
        """Cancel a job: one that waits at once, one that runs at its next sign of life.

        Returns:
            The state now; an ended job stays as it is, and a running one is still "running".
        """
        with self._control.begin() as connection:
            job = _locked(connection, job_id)
            if job.state == "queued":
                connection.execute(_update(job_id).values(ended("cancelled", self._clock())))
                return "cancelled"
            if job.state == "running":
                connection.execute(_update(job_id).values(cancel_requested=True))
            return job.state

    def retry(self, job_id: int) -> None:
        """Queue a failed or cancelled job once more, with all its attempts.

        Raises:
            JobError: It has not failed, or the same work (by key) is queued already.
        """
        with self._control.begin() as connection:
            job = _locked(connection, job_id)
            if job.state not in {"failed", "cancelled"}:
                raise JobError(
                    f"Job {job_id} is {job.state}. Only failed and cancelled jobs can be retried."
                )
            twin = connection.execute(_live_with(job.key)).scalar() if job.key else None
            if twin is not None:
                raise JobError(f"Job {job_id} is not needed: job {twin} does the same work.")
            again = queued(self._clock()) | {"attempts": 0, "error": None, "finished_at": None}
            connection.execute(_update(job_id).values(again))

    def forget(self, *, before: datetime) -> int:
        """Delete jobs that ended before this time; returns how many."""
        old = sa.delete(TABLE).where(TABLE.c.state.in_(ENDED), TABLE.c.finished_at < before)
        with self._control.begin() as connection:
            return connection.execute(old).rowcount


def _check(job: NewJob) -> None:
    if not job.kind:
        raise JobError("A job needs a kind: the name of what is to be done.")
    if job.attempts_max < 1:
        raise JobError(
            f"A job '{job.kind}' cannot have {job.attempts_max} attempts; allowed: 1 or more."
        )
    if job.run_at is not None and job.run_at.tzinfo is None:
        raise JobError(f"The time {job.run_at.isoformat()} has no zone; pass an aware datetime.")


def _live_with(key: str | None) -> sa.Select[Any]:
    return sa.select(TABLE.c.id).where(TABLE.c.key == key, TABLE.c.state.in_(["queued", "running"]))


def _update(job_id: int) -> sa.Update:
    return sa.update(TABLE).where(TABLE.c.id == job_id)


def _locked(connection: sa.Connection, job_id: int) -> Job:
    row = connection.execute(
        sa.select(TABLE).where(TABLE.c.id == job_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise JobError(f"There is no job {job_id}; those that ended long ago are forgotten.")
    return as_job(row)
