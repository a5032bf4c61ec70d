"""Alerts: what a person should look at, each trouble once, with how often it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from aimwell.errors import JobError
from aimwell.jobs.model import Clock, utc_now
from aimwell.store.control import Control, insert_missing
from aimwell.store.schema import metadata

__all__ = ["Alert", "Alerts", "Severity", "close_alert", "raise_alert"]

Severity = Literal["info", "warning", "error"]
_SEVERITIES = ("info", "warning", "error")
_table = metadata.tables["alerts"]


@dataclass(frozen=True)
class Alert:
    """One trouble: `count` times since `first_at`, `resolved_at` when it was over."""

    key: str
    severity: Severity
    message: str
    first_at: datetime
    last_at: datetime
    count: int
    resolved_at: datetime | None


class Alerts:
    """The alerts of a workspace, kept in its control database."""

    def __init__(self, control: Control, *, clock: Clock = utc_now) -> None:
        self._control, self._clock = control, clock

    def alert(self, key: str, message: str, *, severity: Severity = "warning") -> None:
        """Tell of a trouble; the same `key` again counts it once more, and opens it if it was resolved.

        Args:
            message: What is wrong and what to do, without personal data.
        """
        with self._control.begin() as connection:
            raise_alert(connection, key, message, severity=severity, now=self._clock())

    def keep(self, prefix: str, standing: Mapping[str, str]) -> tuple[str, ...]:
        """Tell of each of these troubles, and that all others whose key begins so are over; the keys that stand.

        Args:
            prefix: Of the keys that this caller alone uses.
            standing: Key → message.
        """
        over = {one.key for one in self.all() if one.key.startswith(prefix)} - set(standing)
        for key, message in standing.items():
            self.alert(key, message)
        for key in sorted(over):
            self.resolve(key)
        return tuple(standing)

    def resolve(self, key: str) -> bool:
        """The trouble is over; False where it was not open."""
        is_open = (_table.c.key == key, _table.c.resolved_at.is_(None))
        with (
            self._control.read() as connection
        ):  # most often there is none, and a look costs little
            if connection.execute(sa.select(_table.c.key).where(*is_open)).scalar() is None:
                return False
        with self._control.begin() as connection:
            return close_alert(connection, key, now=self._clock())

    def all(self, *, resolved: bool = False) -> tuple[Alert, ...]:
        """Open alerts, the worst and newest first; with `resolved` those that are over, too."""
        query = sa.select(_table)
        if not resolved:
            query = query.where(_table.c.resolved_at.is_(None))
        with self._control.read() as connection:
            found = [Alert(**row._mapping) for row in connection.execute(query)]
        found.sort(key=lambda alert: alert.last_at, reverse=True)
        return tuple(sorted(found, key=lambda a: _SEVERITIES.index(a.severity), reverse=True))


def raise_alert(
    connection: sa.Connection, key: str, message: str, *, severity: Severity, now: datetime
) -> None:
    """As `Alerts.alert`, in a transaction of the caller's."""
    if severity not in _SEVERITIES:
        raise JobError(f"An alert cannot be '{severity}'. Allowed: {', '.join(_SEVERITIES)}.")
    fresh = {"severity": severity, "message": message, "last_at": now}
    was_over = _table.c.resolved_at.is_not(None)
    insert_missing(connection, _table, [{"key": key, "first_at": now, "count": 0, **fresh}])
    connection.execute(
        sa.update(_table)
        .where(_table.c.key == key)
        .values(
            count=sa.case((was_over, 1), else_=_table.c.count + 1),
            first_at=sa.case(
                (was_over, sa.literal(now, _table.c.first_at.type)), else_=_table.c.first_at
            ),
            resolved_at=None,
            **fresh,
        )
    )


def close_alert(connection: sa.Connection, key: str, *, now: datetime) -> bool:
    """As `Alerts.resolve`, in a transaction of the caller's."""
    is_open = (_table.c.key == key, _table.c.resolved_at.is_(None))
    over = sa.update(_table).where(*is_open).values(resolved_at=now)
    return connection.execute(over).rowcount > 0
