"""Background work of *predict*: each night the predictions that are defined are looked after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aimwell.jobs.context import JobContext
from aimwell.jobs.model import utc_now
from aimwell.jobs.service import Jobs
from aimwell.jobs.worker import Handler
from aimwell.predict.care.caring import care_for_all
from aimwell.store.stores import Stores

__all__ = ["CARE", "predict_handlers", "schedule_care"]

CARE = "predict.care"
"""Trains, looks after, promotes and scores what definitions of the kind prediction ask for."""

_EACH_NIGHT = "45 4 * * *"


def schedule_care(jobs: Jobs, *, timezone: str) -> None:
    """See to it that workers do it each night of the firm's, unless somebody has changed when."""
    if CARE not in {schedule.name for schedule in jobs.schedules.all()}:
        jobs.schedules.put(CARE, kind=CARE, cron=_EACH_NIGHT, timezone=timezone)


def predict_handlers(
    stores: Stores, *, clock: Callable[[], datetime] = utc_now
) -> dict[str, Handler]:
    """Kind of job → what does the work, for a worker. It may run twice."""

    def care(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        done = care_for_all(stores, clock=clock)
        return {
            "looked after": len(done),
            "promoted": sorted(one.prediction for one in done if one.outcome == "promoted"),
            "failing": sorted(one.prediction for one in done if one.outcome == "failed"),
        }

    return {CARE: care}
