"""The moment at which a person of given hours is due: the first one, after the stated time, that falls into them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aimwell.decide.timing import out_of_quiet_hours
from aimwell.definitions.kinds.contact_policy import QuietHours

__all__ = ["WEEK", "in_own_hours"]

WEEK = timedelta(days=7)
"""From so long a while on every weekday lies within it."""


def in_own_hours(
    start: datetime,
    *,
    zone: str,
    within: timedelta,
    block: int | None,
    block_hours: int,
    weekday: int | None = None,
    quiet: QuietHours | None = None,
) -> datetime | None:
    """The first moment (UTC) from `start` on and before `start + within` that is in these hours and not in quiet hours.

    Args:
        start: When the person would be due otherwise; not in quiet hours.
        zone: Theirs, by which hours and weekdays go.
        within: How long after `start` at most.
        block: Which block of hours after midnight; None: the clock time of `start`, on the weekday.
        block_hours: Hours in a block.
        weekday: 0 Monday; None, or a `within` under a week: any.
        quiet: Hours in which nothing is sent.

    Returns:
        None where there is no such moment: the hours lie in quiet hours, or outside the while.
    """
    on = weekday if within >= WEEK else None
    if block is None and on is None:
        return None
    end = start + within
    for first, last in _spans(start, end, ZoneInfo(zone), block, block_hours, on):
        due = out_of_quiet_hours(max(first, start), zone=zone, quiet=quiet)
        if due < min(last, end):
            return due
    return None


def _spans(
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    block: int | None,
    block_hours: int,
    weekday: int | None,
) -> Iterator[tuple[datetime, datetime]]:
    """From when to when (UTC) each of these hours last, day by day."""
    local = start.astimezone(zone)
    day, last = local.date(), end.astimezone(zone).date()
    while day <= last:
        if weekday is None or day.weekday() == weekday:
            if block is None:
                moment = _moment(day, local.time(), zone)
                yield moment, moment + timedelta(hours=1)
            else:
                first, after = block * block_hours, (block + 1) * block_hours
                until = (
                    _moment(day + timedelta(days=1), time(0), zone)
                    if after == 24
                    else _moment(day, time(after), zone)
                )
                began = _moment(day, time(first), zone)
                if until > start:
                    yield began, until
        day += timedelta(days=1)


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)
