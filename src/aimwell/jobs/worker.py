"""The worker: takes jobs one after the other and runs their handlers, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any

from sqlalchemy.exc import OperationalError

from aimwell.errors import (
    ControlBusyError,
    JobCancelledError,
    JobError,
    JobLostError,
    JobStoppedError,
    StorageFullError,
)
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.claims import Claims
from aimwell.jobs.context import JobContext
from aimwell.jobs.failures import describe
from aimwell.jobs.heartbeat import heartbeat
from aimwell.jobs.model import Job, JobState, utc_now
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.schedules import Schedules

__all__ = ["Handler", "Worker", "stopped_by_signals"]

Handler = Callable[[JobContext, Mapping[str, Any]], Mapping[str, Any] | None]

_log = logging.getLogger(__name__)
_TIDY_SECONDS = 3600
_PASSING = (ControlBusyError, StorageFullError, OperationalError)


class Worker:
    """Runs jobs of the kinds for which it has handlers, one at a time.

    Start as many workers as wished, in threads, processes and machines; each also takes over the jobs of
    those that died, and queues what schedules have due.

    Args:
        handlers: Kind → what does the work. It may run again after a crash in the middle, so it must be
            harmless twice, or write through `context.transaction`.
        schedules: Fired by this worker.
        alerts: Where jobs that failed for good are told.
        poll_seconds: How long an idle worker waits before it looks again.
        keep: How long jobs that have ended are kept.
    """

    def __init__(
        self,
        claims: Claims,
        handlers: Mapping[str, Handler],
        *,
        schedules: Schedules | None = None,
        alerts: Alerts | None = None,
        poll_seconds: float = 0.5,
        keep: timedelta = timedelta(days=30),
    ) -> None:
        if not handlers:
            raise JobError("A worker needs at least one handler: a kind of job and what does it.")
        self._claims, self._handlers = claims, dict(handlers)
        self._schedules, self._alerts = schedules, alerts
        self._poll_seconds, self._keep = poll_seconds, keep
        self._stopping = threading.Event()
        self._looked_at: float | None = None
        self._tidied_at: float | None = None

    def stop(self) -> None:
        """Stop after the running job, or where its handler next asks; callable from anywhere."""
        self._stopping.set()

    def run(self) -> int:
        """Work until `stop`; returns how many jobs ran. Troubles of the database that pass are waited out."""
        ran, away = 0, False
        while not self._stopping.is_set():
            try:
                worked, away = self._round(), False
            except _PASSING as error:
                if not away:
                    _log.warning("jobs wait: %s", describe(error))
                worked, away = False, True
            if worked:
                ran += 1
            else:
                self._stopping.wait(self._poll_seconds)
        return ran

    def run_until_idle(self, *, wait_seconds: float = 0.0) -> int:
        """Work until nothing is due within `wait_seconds` (or `stop`); returns how many jobs ran.

        Raises:
            ControlBusyError, StorageFullError: The control database does not answer or is full.
        """
        ran, self._looked_at = 0, None
        while not self._stopping.is_set():
            if self._round():
                ran += 1
                continue
            due = self._claims.next_due(self._handlers)
            wait = None if due is None else (due - utc_now()).total_seconds()
            if wait is None or wait > wait_seconds:
                break
            self._stopping.wait(min(max(wait, 0.0) + 0.01, self._poll_seconds))
        return ran

    def _round(self) -> bool:
        """Look after schedules, dead workers and old jobs, then run one job; False where none is due."""
        self._look_around()
        for job in self._claims.claim(self._handlers):
            self._work(job)
            return True
        return False

    def _look_around(self) -> None:
        now = time.monotonic()
        if self._looked_at is not None and now - self._looked_at < self._poll_seconds:
            return
        self._looked_at = now
        for job in self._claims.reap():
            _log.warning("job %d (%s): its worker has died; it is %s", job.id, job.kind, job.state)
            self._tell(job, job.state, job.error or "")
        if self._schedules is not None:
            self._schedules.fire_due()
        if self._tidied_at is None or now - self._tidied_at >= _TIDY_SECONDS:
            self._tidied_at = now
            JobQueue(self._claims.control).forget(before=utc_now() - self._keep)

    def _work(self, job: Job) -> None:
        context = JobContext(job, self._claims, self._stopping)
        _log.info("job %d (%s) starts, attempt %d", job.id, job.kind, job.attempts)
        with heartbeat(context, seconds=self._claims.lease_seconds / 3):
            try:
                end = self._handled(context)
                state = self._insist(end)
            except JobLostError as error:
                _log.warning("%s", error)
                return
        _log.info("job %d (%s) is %s", job.id, job.kind, state)

    def _handled(self, context: JobContext) -> Callable[[], JobState]:
        """Run the handler; returns what is to be written of its end. Raises JobLostError."""
        job = context.job
        try:
            result = self._handlers[job.kind](context, job.payload)
        except JobLostError:
            raise
        except JobCancelledError:
            return lambda: self._ended(job, "cancelled")
        except JobStoppedError:
            return lambda: self._released(job)
        except Exception as error:
            failure = error  # the name of an except clause is gone when the function is called
            return lambda: self._failed(job, failure)
        except BaseException:
            self._insist(lambda: self._released(job))
            raise
        return lambda: self._finished(job, result)

    def _finished(self, job: Job, result: Mapping[str, Any] | None) -> JobState:
        try:
            self._claims.finish(job, result)
        except JobLostError:
            raise
        except JobError as error:  # the result cannot be kept
            return self._failed(job, error)
        self._tell(job, "done", "")
        return "done"

    def _failed(self, job: Job, error: Exception) -> JobState:
        state = self._claims.fail(job, error)
        _log.warning("job %d (%s): %s", job.id, job.kind, describe(error))
        self._tell(job, state, describe(error))
        return state

    def _ended(self, job: Job, state: JobState) -> JobState:
        self._claims.cancelled(job)
        return state

    def _released(self, job: Job) -> JobState:
        self._claims.release(job)
        return "queued"

    def _insist(self, write: Callable[[], JobState]) -> JobState:
        """Write the end of a job, again and again while the database is busy: the work is done already.

        After the time of a lease the job is left to be taken over.
        """
        deadline = time.monotonic() + self._claims.lease_seconds
        while True:
            try:
                return write()
            except _PASSING:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(self._poll_seconds)

    def _tell(self, job: Job, state: JobState, error: str) -> None:
        """An alert for a job that failed for good; no more of it once the same work is done."""
        if self._alerts is None:
            return
        key = f"job:{job.kind}:{job.key or job.id}"
        if state == "failed":
            message = f"The job {job.id} ({job.kind}) failed after {job.attempts} attempts. {error}"
            self._alerts.alert(key, message, severity="error")
        elif state == "done":
            self._alerts.resolve(key)


@contextmanager
def stopped_by_signals(*workers: Worker) -> Iterator[None]:
    """In this block SIGTERM and SIGINT stop the workers in good order; a second one ends the process.

    For the main thread only: Python hands signals to no other.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        for worker in workers:
            worker.stop()
        signal.signal(
            number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler
        )

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
