"""The parts of background work in one workspace, opened together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aimwell.jobs.alerts import Alerts
from aimwell.jobs.claims import Claims
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.schedules import Schedules
from aimwell.jobs.worker import Handler, Worker
from aimwell.store.stores import Stores

__all__ = ["Jobs", "open_jobs"]


@dataclass(frozen=True)
class Jobs:
    """Queue, schedules and alerts for those who give work; `worker` for those who do it."""

    queue: JobQueue
    claims: Claims
    schedules: Schedules
    alerts: Alerts

    def worker(self, handlers: Mapping[str, Handler], *, poll_seconds: float = 0.5) -> Worker:
        """A worker that runs `handlers`, fires the schedules and tells alerts."""
        return Worker(
            self.claims,
            handlers,
            schedules=self.schedules,
            alerts=self.alerts,
            poll_seconds=poll_seconds,
        )


def open_jobs(stores: Stores) -> Jobs:
    """The background work of the workspace behind `stores`."""
    control, queue = stores.control, JobQueue(stores.control)
    return Jobs(
        queue,
        Claims(control, lease_seconds=stores.settings.lease_seconds),
        Schedules(control, queue),
        Alerts(control),
    )
