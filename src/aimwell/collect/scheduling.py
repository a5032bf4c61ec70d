"""Sources that workers collect by the clock: each definition with a schedule has one of the job schedules."""

from __future__ import annotations

from aimwell.collect.health import ALERTS, defined_sources
from aimwell.jobs.service import Jobs, open_jobs
from aimwell.store.stores import Stores

__all__ = ["COLLECT", "WATCH", "sync_schedules"]

COLLECT = "collect.source"
"""Kind of the jobs that collect one source. Payload: `source`."""

WATCH = "collect.watch"
"""Kind of the jobs that look at all sources, and name of their schedule: files that do not come tell nobody."""

_EVERY_TEN_MINUTES = "*/10 * * * *"


def sync_schedules(stores: Stores, jobs: Jobs | None = None) -> list[str]:
    """Make the job schedules of sources those that their definitions say; returns their names.

    Harmless to repeat: one that is as it was keeps its next time, and one that somebody switched off stays so.
    """
    work = jobs or open_jobs(stores)
    schedules = work.schedules
    there = {one.name: one for one in schedules.all() if one.kind in (COLLECT, WATCH)}
    sources = defined_sources(stores)
    wanted: list[str] = []
    for source in sources:
        if source.schedule is None:
            continue
        name = f"{COLLECT}:{source.name}"
        old = there.get(name)
        schedules.put(
            name,
            kind=COLLECT,
            cron=source.schedule.expression,
            timezone=source.schedule.timezone or source.timezone or stores.settings.timezone,
            payload={"source": source.name},
            enabled=old.enabled if old is not None else True,
        )
        wanted.append(name)
    if any(one.schedule or one.freshness for one in sources):
        if WATCH not in there:
            schedules.put(WATCH, kind=WATCH, cron=_EVERY_TEN_MINUTES, timezone="UTC")
        wanted.append(WATCH)
    for name in there:
        if name not in wanted:
            schedules.remove(name)
    _forget_alerts(work, {source.name for source in sources})
    return wanted


def _forget_alerts(work: Jobs, names: set[str]) -> None:
    """Of sources that are written down no more nothing is expected."""
    for alert in work.alerts.all():
        if alert.key.startswith(ALERTS) and alert.key.split(":")[1] not in names:
            work.alerts.resolve(alert.key)
