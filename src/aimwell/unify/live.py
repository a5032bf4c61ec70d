"""Tracking messages all the way to the people: flushed into the lake, then the people whom they touched looked at.

Whoever needs to know whom a flush touched (memberships, triggers) hangs on here as an `Affected`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aimwell.collect.tracking import flushes
from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.flush import FlushReport, flush_inbox
from aimwell.errors import InboxElsewhereError, LeaseBusyError
from aimwell.jobs.context import JobContext
from aimwell.jobs.model import utc_now
from aimwell.jobs.service import Jobs, open_jobs
from aimwell.jobs.worker import Handler
from aimwell.store.inbox import inbox_state
from aimwell.store.stores import Stores
from aimwell.unify.service import unify_touched

__all__ = [
    "FLUSH",
    "Affected",
    "LiveReport",
    "flush_and_unify",
    "flush_handlers",
    "schedule_tracking_flushes",
]

FLUSH = "collect.flush"
"""Carries tracking messages into the lake and looks at the people whom they touched."""

Affected = Callable[[Stores, frozenset[str], datetime], None]
"""Told the profiles whose identity or state a flush may have changed, once they are up to date. It may be told of the
same flush again after a crash."""

Refresh = Callable[[Stores, Collection[str] | None, datetime], object]
"""Brings the state of profiles (None: everybody's) up to date."""

_EACH_MINUTE = "* * * * *"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiveReport:
    """What was flushed, and the profiles that it touched."""

    flush: FlushReport
    profiles: frozenset[str]


def flush_and_unify(
    stores: Stores,
    *,
    now: datetime,
    wait_seconds: float = 120.0,
    affected: Sequence[Affected] = (),
    refresh: Refresh | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> LiveReport:
    """Flush the inbox, then resolve and refresh (by `refresh`, if it is given) the people whom its messages touched.

    Raises:
        LeaseBusyError: Another process flushes.
    """
    report = flush_inbox(stores, now=now, wait_seconds=wait_seconds, progress=progress)
    waiting = flushes.not_unified(stores)
    if not waiting:
        return LiveReport(report, frozenset())

    def tell_all(profiles: frozenset[str]) -> None:
        for tell in affected:
            tell(stores, profiles, now)

    touched = flushes.origins_of(stores, waiting)
    profiles = unify_touched(
        stores,
        touched,
        now=now,
        then=tell_all,
        refresh=None if refresh is None else lambda those: refresh(stores, those, now),
    )
    flushes.mark_unified(stores, waiting)
    return LiveReport(report, profiles)


def schedule_tracking_flushes(jobs: Jobs) -> None:
    """See to it that workers flush at least each minute."""
    # Only where it is missing: somebody may have changed it or switched it off.
    if FLUSH not in {schedule.name for schedule in jobs.schedules.all()}:
        jobs.schedules.put(FLUSH, kind=FLUSH, cron=_EACH_MINUTE, timezone="UTC")


def flush_handlers(
    stores: Stores,
    *,
    clock: Callable[[], datetime] = utc_now,
    affected: Sequence[Affected] = (),
    refresh: Refresh | None = None,
    afterwards: Callable[[], object] = lambda: None,
) -> dict[str, Handler]:
    """Kind of job → what does the work, for a worker; `afterwards` is done after a flush that touched somebody."""

    def flush(context: JobContext, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            report = flush_and_unify(
                stores, now=clock(), wait_seconds=0.0, affected=affected, refresh=refresh
            )
        except (LeaseBusyError, InboxElsewhereError):
            return {
                "taken": 0
            }  # somebody else is at it, or sees to it: each machine flushes its own inbox
        if report.profiles:
            afterwards()
        if report.flush.messages or inbox_state(inbox_folder(stores)).segments:
            # More will come: look again soon, not in a minute. The key of this job is taken while it runs.
            key = f"{FLUSH}:next" if context.job.key != f"{FLUSH}:next" else f"{FLUSH}:after"
            soon = clock() + timedelta(seconds=stores.settings.flush_seconds)
            open_jobs(stores).queue.enqueue(FLUSH, payload, key=key, run_at=soon)
        return {"taken": report.flush.taken, "profiles": len(report.profiles)}

    return {FLUSH: flush}
