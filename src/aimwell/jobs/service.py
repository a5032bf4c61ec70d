"""The parts of background work in one workspace, opened together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aimwell.errors import JobError, nearest
from aimwell.jobs.alerts import Alert, Alerts
from aimwell.jobs.claims import Claims
from aimwell.jobs.model import utc_now
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.schedules import Schedules
from aimwell.jobs.watching import read_troubles
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

    def troubles(self) -> tuple[Alert, ...]:
        """Open alerts, and what the rows show of work that waits while no worker runs."""
        waiting = read_troubles(self.claims.control, self.schedules.all(), now=utc_now())
        return (*self.alerts.all(), *waiting)

    def acknowledge(self, key: str) -> None:
        """Take an alert off the list; the same trouble again puts it back.

        Raises:
            JobError: No such alert is open, or it stands for something that goes on.
        """
        if self.alerts.resolve(key):
            return
        found = {one.key for one in self.troubles()}
        if key in found:
            raise JobError(
                f"'{key}' cannot be acknowledged, because it goes on. It goes by itself once a worker runs: "
                "aimwell run"
            )
        raise JobError(f"No alert '{key}' is open. {nearest(key, sorted(found))}")

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
