"""When a schedule fires next: cron expressions read on the clock of a time zone.

On the days on which clocks change, each time fires once and none is left out:

- a time that the clock skips (01:30, when 01:00 becomes 02:00) fires as if it had not been set forward,
  one hour later by the new clock;
- a time that comes twice fires the first time only, unless the hour field begins with `*`: then the schedule
  means "so many times an hour" and fires in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from aimwell.errors import JobError
from aimwell.zones import known_zones, nearest_zone

__all__ = ["check_cron", "check_zone", "last_fire", "next_fire"]

_NAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_ATOM = r"(?:\d+|\*|[a-z]{3})"
_FIELD = re.compile(rf"{_ATOM}(?:[-/,]{_ATOM})*", re.IGNORECASE)
_WINDOWS = [timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=31)]


def check_zone(name: str) -> ZoneInfo:
    """The time zone of this name. Raises JobError where there is none."""
    if name not in known_zones():
        raise JobError(
            f"No time zone is called '{name}'. {nearest_zone(name)} Allowed: IANA names, as Europe/London."
        )
    return ZoneInfo(name)


@lru_cache(maxsize=256)
def check_cron(expression: str) -> str:
    """The expression, its spaces made single. Raises JobError where it is wrong or never fires."""
    fields = expression.split()
    plain = " ".join(fields)
    # Croniter knows more than cron does: seconds, years, and fields drawn at random.
    right = plain in _NAMES or (len(fields) == 5 and all(map(_FIELD.fullmatch, fields)))
    if not right or not croniter.is_valid(plain):
        raise JobError(
            f"'{expression}' is no schedule. Allowed: five fields, minute (0-59), hour (0-23), day of the "
            "month (1-31), month (1-12 or jan-dec) and day of the week (0-6 or sun-sat), each as *, 5, 1,3, "
            f"1-5 or */15; or one of {', '.join(_NAMES)}. As '30 2 * * mon' for Mondays at 02:30."
        )
    try:
        next(_walls(plain, datetime(2000, 1, 1)))  # noqa: DTZ001 - a clock on the wall has no zone
    except CroniterBadDateError as error:
        raise JobError(f"The schedule '{plain}' never fires: there is no such day.") from error
    return plain


def next_fire(expression: str, zone: str, *, after: datetime) -> datetime:
    """The first time after `after` (aware) at which the schedule fires, in UTC.

    Raises:
        JobError: The expression or the zone is wrong.
    """
    cron, where = check_cron(expression), check_zone(zone)
    folds = (
        (0, 1) if cron == "@hourly" or (cron.split()[1:2] and cron.split()[1][0] == "*") else (0,)
    )
    start = after.astimezone(where).replace(tzinfo=None) - _shift_around(after, where)
    best: datetime | None = None
    for wall in _walls(cron, start):
        times = [wall.replace(tzinfo=where, fold=fold).astimezone(UTC) for fold in folds]
        later = [time for time in times if time > after]
        best = min([best, *later] if best else later, default=None)
        # A later reading of the clock can come earlier in time, by as much as the clock is set back.
        if best is not None and times[0] >= best + _shift_around(best, where):
            return best
    raise AssertionError("a schedule that is valid fires again and again")


def last_fire(expression: str, zone: str, *, since: datetime, until: datetime) -> datetime:
    """The latest fire time not after `until`, where `since` is one; quick also after a pause of years."""
    found = since
    for window in _WINDOWS:
        if until - window <= since:
            break
        first = next_fire(expression, zone, after=until - window)
        if first <= until:
            found = first
            break
    while (following := next_fire(expression, zone, after=found)) <= until:
        found = following
    return found


def _walls(cron: str, start: datetime) -> Iterator[datetime]:
    """What the clock on the wall shows when the schedule fires, from a minute before `start` on."""
    readings = croniter(cron, start - timedelta(minutes=1))
    while True:
        yield readings.get_next(datetime)


def _shift_around(moment: datetime, zone: ZoneInfo) -> timedelta:
    """By how much the zone's clock is changed within a day of `moment`; mostly by nothing."""
    offsets = [
        (moment + timedelta(hours=hours)).astimezone(zone).utcoffset() or timedelta()
        for hours in (-25, 0, 25)
    ]
    return max(offsets) - min(offsets)
