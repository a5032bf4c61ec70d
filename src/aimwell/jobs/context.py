"""What a handler is given while it runs: to say how far it is, and to learn that it should stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import sqlalchemy as sa

from aimwell.errors import JobCancelledError, JobLostError, JobStoppedError
from aimwell.jobs.claims import Claims, Standing
from aimwell.jobs.model import Job

__all__ = ["JobContext"]

_PROGRESS_SECONDS = 0.5


class JobContext:
    """One running job, as its handler sees it.

    Args:
        stopping: Set when the worker has to stop.
        seconds: A clock that only runs forward.
    """

    def __init__(
        self,
        job: Job,
        claims: Claims,
        stopping: threading.Event,
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job = job
        self._claims, self._stopping, self._seconds = claims, stopping, seconds
        self._standing: Standing = "held"
        self._told_at: float | None = None

    @property
    def stopping(self) -> bool:
        """Whether the worker has to stop; a handler may then leave early with what it has."""
        return self._stopping.is_set()

    def check(self) -> None:
        """Leave here if there is no point in going on; call it where nothing is half done.

        Raises:
            JobLostError: Another worker has the job.
            JobCancelledError: Somebody cancelled it.
            JobStoppedError: The worker has to stop; the job goes back to the queue.
        """
        if self._standing == "lost":
            raise JobLostError(f"Job {self.job.id} has gone to another worker.")
        if self._standing == "cancelled":
            raise JobCancelledError(f"Job {self.job.id} was cancelled.")
        if self.stopping:
            raise JobStoppedError(f"Job {self.job.id} stops because its worker does.")

    def progress(self, done: int, total: int | None = None, note: str | None = None) -> None:
        """Say how far the job is, as often as wished: it is written twice a second and at the end.

        Raises:
            As `check`, which is called too.
        """
        self.check()
        now = self._seconds()
        if self._told_at is None or now - self._told_at >= _PROGRESS_SECONDS or done == total:
            self._told_at = now
            self._standing = self._claims.progress(self.job, done=done, total=total, note=note)
            self.check()

    def transaction(self) -> AbstractContextManager[sa.Connection]:
        """A writing transaction on the control database that counts only if the job is still ours.

        Use it for whatever must not happen twice. Raises JobLostError.
        """
        return self._claims.fenced(self.job)

    def give_sign_of_life(self) -> None:
        """Renew the lease; the worker's heartbeat calls it, and `check` tells what it learned."""
        if self._standing != "lost":
            self._standing = self._claims.renew(self.job)
