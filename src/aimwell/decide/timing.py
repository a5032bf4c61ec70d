"""When a message is due: the schedule in the person's own zone, moved out of quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aimwell.definitions.kinds.campaign import Schedule
from aimwell.definitions.kinds.contact_policy import QuietHours

__all__ = ["due_at", "local_day", "out_of_quiet_hours", "zone_or"]


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_or(name: str | None, fallback: str) -> str:
    """The person's zone where it is a real one, else the fallback: an unknown zone must hold up nothing."""
    return name if name and _zone(name) is not None else fallback


def due_at(
    schedule: Schedule, *, zone: str, now: datetime, quiet: QuietHours | None = None
) -> datetime:
    """The moment (UTC) at which a person in `zone` is due; never before `now`, never in quiet hours."""
    moment = now.astimezone(UTC)
    if schedule.at is not None:
        place = zone if schedule.timezone == "recipient" else schedule.timezone
        moment = max(moment, schedule.at.replace(tzinfo=ZoneInfo(place)).astimezone(UTC))
    return out_of_quiet_hours(moment, zone=zone, quiet=quiet)


def out_of_quiet_hours(moment: datetime, *, zone: str, quiet: QuietHours | None) -> datetime:
    """`moment`, or the end of the quiet hours in which it falls in `zone`. Hours may run over midnight."""
    if quiet is None or quiet.start == quiet.end:
        return moment
    local = moment.astimezone(ZoneInfo(zone))
    clock = local.time()
    over_midnight = quiet.start > quiet.end
    inside = (
        clock >= quiet.start or clock < quiet.end
        if over_midnight
        else quiet.start <= clock < quiet.end
    )
    if not inside:
        return moment
    day = local.date() + timedelta(days=1 if over_midnight and clock >= quiet.start else 0)
    return datetime.combine(day, quiet.end, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_day(moment: datetime, zone: str) -> int:
    """The person's calendar day as a number, for caps."""
    return moment.astimezone(ZoneInfo(zone)).toordinal()
