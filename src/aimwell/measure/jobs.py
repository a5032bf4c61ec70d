"""Background work of *measure*: sums of days are brought forward, campaigns are measured and watched, the next waves planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aimwell.jobs.context import JobContext
from aimwell.jobs.model import utc_now
from aimwell.jobs.service import Jobs
from aimwell.jobs.worker import Handler
from aimwell.store.stores import Stores

__all__ = ["MEASURE", "SUMS", "WAVES", "measure_handlers", "schedule_measuring"]

SUMS = "measure.sums"
"""Brings the sums of each day forward and looks at the rates of messages."""

MEASURE = "measure.watch"
"""Measures the campaigns whose window is open, and looks whether one loses money and whether what people say has shifted."""

WAVES = "measure.waves"
"""Measures waves whose window is over and plans the next one of campaigns that repeat."""

_SCHEDULES = {SUMS: "*/10 * * * *", MEASURE: "15 5 * * *", WAVES: "45 * * * *"}


def schedule_measuring(jobs: Jobs, *, timezone: str) -> None:
    """All by the clock; only where they are missing, as somebody may have moved them."""
    there = {one.name for one in jobs.schedules.all()}
    for kind, cron in _SCHEDULES.items():
        if kind not in there:
            jobs.schedules.put(kind, kind=kind, cron=cron, timezone=timezone)


def measure_handlers(
    stores: Stores, *, clock: Callable[[], datetime] = utc_now
) -> dict[str, Handler]:
    """Kind of job → what does the work, for a worker. All may run twice."""

    def sums(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        from aimwell.measure.day_sums.service import bring_forward
        from aimwell.measure.watch_service import tell_alerts, watch

        now = clock()
        brought = bring_forward(stores, now=now)
        standing = tell_alerts(stores, watch(stores, now=now), now=now)
        return {"plans": len(brought.plans), "anew": brought.anew, "alerts": list(standing)}

    def measured(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        # Takes a second to load, and most workers never measure.
        from aimwell.measure.feedback.shifts_service import feedback_shifts, tell_shifts
        from aimwell.measure.slice_reading import bring_up_to_date, read_pieces
        from aimwell.measure.watch_service import guard_losses, tell_alerts, watch

        now = clock()
        done = bring_up_to_date(stores, read_pieces(stores, until=now), now=now)
        standing = tell_alerts(stores, watch(stores, now=now), now=now)
        stopped = guard_losses(stores, now=now)
        standing += tell_shifts(stores, feedback_shifts(stores, now=now).found, now=now)
        return {"measured": list(done), "alerts": list(standing), "stopped": list(stopped)}

    def waves(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        from aimwell.measure.waves import next_waves

        return {"waves": next_waves(stores, now=clock())}

    return {SUMS: sums, MEASURE: measured, WAVES: waves}
