"""Schedules: jobs that are queued by the clock, each fire time once, however many workers look."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.cron import check_cron, check_zone, last_fire, next_fire
from aimwell.errors import JobError, nearest
from aimwell.jobs.model import Clock, checked_json, utc_now
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.rows import TABLE
from aimwell.store.control import Control, upsert
from aimwell.store.schema import metadata

__all__ = ["Schedule", "Schedules"]

_table = metadata.tables["schedules"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """One schedule: queues a job of `kind` whenever `cron` fires on the clock of `timezone`."""

    name: str
    kind: str
    payload: Mapping[str, Any]
    cron: str
    timezone: str
    enabled: bool
    next_at: datetime
    last_at: datetime | None


class Schedules:
    """The schedules of a workspace, kept in its control database."""

    def __init__(self, control: Control, queue: JobQueue, *, clock: Clock = utc_now) -> None:
        self._control, self._queue, self._clock = control, queue, clock

    def put(
        self,
        name: str,
        *,
        kind: str,
        cron: str,
        timezone: str,
        payload: Mapping[str, Any] | None = None,
        enabled: bool = True,
    ) -> Schedule:
        """Create or change a schedule.

        Its next time is kept where cron and zone are as before, so that putting the same again (at each
        start of a program) neither skips nor repeats anything.

        Raises:
            JobError: The cron expression or the zone is wrong, or the payload has no JSON form.
        """
        if not name or not kind:
            raise JobError("A schedule needs a name and a kind of job.")
        cron, now = check_cron(cron), self._clock()
        check_zone(timezone)
        row = {
            "name": name,
            "kind": kind,
            "payload": checked_json(payload or {}, f"The payload of the schedule '{name}'"),
            "cron": cron,
            "timezone": timezone,
            "enabled": enabled,
            "next_at": next_fire(cron, timezone, after=now),
        }
        with self._control.begin() as connection:
            old = connection.execute(_one(name).with_for_update()).one_or_none()
            keeps_time = old is not None and (old.cron, old.timezone) == (cron, timezone)
            # What was switched off catches nothing up.
            if old is not None and keeps_time and (old.enabled or not enabled):
                row["next_at"] = old.next_at
            upsert(connection, _table, [row], update=tuple(k for k in row if k != "name"))
        return self.get(name)

    def enable(self, name: str, enabled: bool) -> Schedule:
        """Switch a schedule on or off. Raises JobError where there is none of this name."""
        old = self.get(name)
        return self.put(
            name,
            kind=old.kind,
            cron=old.cron,
            timezone=old.timezone,
            payload=old.payload,
            enabled=enabled,
        )

    def remove(self, name: str) -> bool:
        """Remove a schedule; jobs that it has queued stay. False where there is none."""
        with self._control.begin() as connection:
            gone = connection.execute(sa.delete(_table).where(_table.c.name == name))
            return gone.rowcount > 0

    def get(self, name: str) -> Schedule:
        """The schedule of this name. Raises JobError where there is none."""
        with self._control.read() as connection:
            row = connection.execute(_one(name)).one_or_none()
        if row is None:
            raise JobError(
                f"There is no schedule '{name}'. {nearest(name, [s.name for s in self.all()])}"
            )
        return Schedule(**row._mapping)

    def all(self) -> tuple[Schedule, ...]:
        """All schedules by name."""
        with self._control.read() as connection:
            found = [Schedule(**row._mapping) for row in connection.execute(sa.select(_table))]
        return tuple(sorted(found, key=lambda schedule: schedule.name))

    def fire_due(self) -> list[int]:
        """Queue a job for each schedule whose time has come; returns their ids.

        After a pause a schedule fires once, for the latest of the times that it missed; and while its last job
        is due and no worker has found time for it, no further one is queued. The job's payload is the
        schedule's, with `scheduled_for`: the fire time, in ISO 8601.
        """
        now = self._clock()
        due = sa.select(_table.c.name).where(_table.c.enabled, _table.c.next_at <= now)
        with self._control.read() as connection:
            names = list(connection.execute(due).scalars())
        return [job for name in names if (job := self._fire(name, now)) is not None]

    def _fire(self, name: str, now: datetime) -> int | None:
        """Queue the job and move the schedule on, in one transaction; None where no job was needed."""
        with self._control.begin() as connection:
            row = connection.execute(
                _one(name)
                .where(_table.c.enabled, _table.c.next_at <= now)
                .with_for_update(skip_locked=True)
            ).one_or_none()
            if row is None:
                return None
            try:
                fired = last_fire(row.cron, row.timezone, since=row.next_at, until=now)
                following = next_fire(row.cron, row.timezone, after=now)
            except JobError as error:  # the machine's list of zones has changed, say
                _log.error("schedule '%s' cannot fire: %s", name, error)
                return None
            connection.execute(
                sa.update(_table)
                .where(_table.c.name == name)
                .values(next_at=following, last_at=fired)
            )
            if connection.execute(_waiting(name, now)).scalar() is not None:
                return None
            return self._queue.enqueue(
                row.kind,
                {**row.payload, "scheduled_for": fired.isoformat()},
                key=f"{_prefix(name)}{fired.isoformat()}",
                connection=connection,
            )


def _one(name: str) -> sa.Select[tuple[Any, ...]]:
    return sa.select(_table).where(_table.c.name == name)


def _prefix(name: str) -> str:
    return f"schedule:{name}:"


def _waiting(name: str, now: datetime) -> sa.Select[tuple[Any, ...]]:
    """A job of the schedule that is due and has not begun; one that waits to be tried again does not count."""
    return (
        sa.select(TABLE.c.id)
        .where(
            TABLE.c.state == "queued",
            TABLE.c.run_at <= now,
            TABLE.c.key.startswith(_prefix(name), autoescape=True),
        )
        .limit(1)
    )
