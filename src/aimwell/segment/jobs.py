"""Background work of *segment*: memberships follow each minute, and everybody is looked at where that is needed; models say
anew each night what they say of people.

Beside it, whoever flushes tracking messages has a `Follower`, so that what somebody just did counts within seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from aimwell.errors import LeaseBusyError
from aimwell.jobs.context import JobContext
from aimwell.jobs.model import utc_now
from aimwell.jobs.service import Jobs
from aimwell.jobs.worker import Handler
from aimwell.segment.membership.following import follow
from aimwell.segment.models.upkeep import say_anew
from aimwell.store.stores import Stores

__all__ = ["FOLLOW", "MODELS", "Follower", "schedule_following", "segment_handlers"]

FOLLOW = "segment.follow"
"""Looks at those whom something happened to, and at everybody where that is needed."""

MODELS = "segment.models"
"""Lets models say of everybody what they were learnt to say, where their definitions want that."""

_EACH_NIGHT = "15 4 * * *"
_EACH_MINUTE = "* * * * *"
_QUIET_SECONDS = 5.0
_SHARE_MAX = 0.05


class Follower:
    """Brings memberships up to date beside the flushing of messages, in the same process.

    After a flush that touched somebody it looks at once, else now and then, because time alone lets people in and out;
    so seldom that looking takes at most a twentieth of the time. Everybody is looked at by workers alone.
    """

    def __init__(self, stores: Stores, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._stores, self._clock = stores, clock
        self._next = 0.0

    def __call__(self, *, touched: bool) -> None:
        """Look, if it is time to."""
        began = time.monotonic()
        if not touched and began < self._next:
            return
        try:
            follow(self._stores, clock=self._clock)
        except LeaseBusyError:
            return  # whoever is at it, or the next look, sees to what was noted
        ended = time.monotonic()
        self._next = ended + max(_QUIET_SECONDS, (ended - began) / _SHARE_MAX)


def schedule_following(jobs: Jobs, *, timezone: str) -> None:
    """See to it that workers look each minute, and that models speak each night of the firm's."""
    # Only where it is missing: somebody may have changed it or switched it off.
    known = {schedule.name for schedule in jobs.schedules.all()}
    if FOLLOW not in known:
        jobs.schedules.put(FOLLOW, kind=FOLLOW, cron=_EACH_MINUTE, timezone="UTC")
    if MODELS not in known:
        jobs.schedules.put(MODELS, kind=MODELS, cron=_EACH_NIGHT, timezone=timezone)


def segment_handlers(
    stores: Stores, *, clock: Callable[[], datetime] = utc_now
) -> dict[str, Handler]:
    """Kind of job → what does the work, for a worker. It may run twice."""

    def look(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        full_after = timedelta(hours=stores.settings.segment_full_hours)
        try:
            done = follow(stores, clock=clock, complete=True, full_after=full_after)
        except LeaseBusyError:
            return {"people": 0}  # somebody else is at it
        return {
            "people": "everybody" if done.people is None else done.people,
            "changed": sum(bool(one.entered or one.left) for one in done.counts),
            "failing": sorted(one.segment for one in done.counts if one.failure),
        }

    def speak(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        said = say_anew(stores, clock=clock)
        return {
            "written": sum(one.people for one in said),
            "failing": [one.model for one in said if one.failure],
        }

    return {FOLLOW: look, MODELS: speak}
