"""Background work of *unify*: by the clock, who is new is compared with everybody, and everybody is looked at again.

Loads and messages bring up to date whom they touch. What they cannot tell (the new category of a product that came as a
message, facts that hold from a later day on) is made good by the look at everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aimwell.history.current import bring_touched_up_to_date, bring_up_to_date
from aimwell.jobs.context import JobContext
from aimwell.jobs.model import utc_now
from aimwell.jobs.service import Jobs
from aimwell.jobs.worker import Handler
from aimwell.settings import Settings
from aimwell.store.stores import Stores

__all__ = ["EVERYBODY", "MATCH", "schedule_upkeep", "upkeep_handlers"]

MATCH = "unify.match"
"""Compares who is new with everybody, by the model that was learned last."""

EVERYBODY = "unify.everybody"
"""Looks at everybody again."""

_OFF = "off"


def schedule_upkeep(jobs: Jobs, settings: Settings) -> None:
    """Make the two schedules those that the settings say; one that somebody switched off stays off.

    Raises:
        JobError: A setting is no cron expression.
    """
    there = {one.name: one for one in jobs.schedules.all()}
    for kind, cron in ((MATCH, settings.match_schedule), (EVERYBODY, settings.unify_schedule)):
        if cron == _OFF:
            jobs.schedules.remove(kind)
            continue
        enabled = there[kind].enabled if kind in there else True
        jobs.schedules.put(kind, kind=kind, cron=cron, timezone=settings.timezone, enabled=enabled)


def upkeep_handlers(
    stores: Stores, *, clock: Callable[[], datetime] = utc_now
) -> dict[str, Handler]:
    """Kind of job → what does the work, for a worker. Both may run twice."""

    def compare(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        # Takes a second to load, and most workers never compare anybody.
        from aimwell.unify.matching.service import match
        from aimwell.unify.matching.stored import newest_model

        if newest_model(stores) is None:
            return {"skipped": "No model was learned yet: aimwell unify match"}
        now = clock()
        found = match(
            stores,
            now=now,
            by=MATCH,
            may_learn=False,
            then=lambda origins: bring_touched_up_to_date(stores, origins, now=now),
        )
        return {"new": found.new, "merged": found.merged, "review": found.review}

    def refresh(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        report = bring_up_to_date(stores, now=clock())
        return {"profiles": report.profiles, "changed": report.profiles_changed}

    return {MATCH: compare, EVERYBODY: refresh}
