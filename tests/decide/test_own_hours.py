"""The moment of a person's own hours: within the while, in those hours, never in quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.own_hours import in_own_hours
from aimwell.decide.timing import out_of_quiet_hours
from aimwell.definitions.kinds.contact_policy import QuietHours

DAY, WEEK = timedelta(days=1), timedelta(days=7)
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
"""A Tuesday."""
NIGHT = QuietHours(start=time(21), end=time(8))
ZONES = ["Europe/London", "Asia/Kathmandu", "America/St_Johns", "Pacific/Auckland", "UTC"]


def due(
    block: int | None,
    *,
    start: datetime = NOON,
    within: timedelta = DAY,
    zone: str = "UTC",
    weekday: int | None = None,
    quiet: QuietHours | None = None,
) -> datetime | None:
    return in_own_hours(
        start,
        zone=zone,
        within=within,
        block=block,
        block_hours=3,
        weekday=weekday,
        quiet=quiet,
    )


def test_the_evening_is_todays_and_the_morning_tomorrows() -> None:
    assert due(6) == NOON.replace(hour=18)
    assert due(2) == NOON.replace(day=4, hour=6)


def test_within_the_hours_it_is_due_at_once() -> None:
    assert due(4, start=NOON.replace(hour=13, minute=20)) == NOON.replace(hour=13, minute=20)


def test_hours_beyond_the_while_are_none() -> None:
    assert due(6, within=timedelta(hours=6)) is None
    assert due(6, within=timedelta(hours=6, minutes=1)) == NOON.replace(hour=18)


def test_hours_are_those_of_the_persons_zone() -> None:
    assert due(6, zone="Asia/Tokyo") == NOON.replace(day=4, hour=9)
    assert due(6, zone="America/New_York") == NOON.replace(hour=23)


def test_quiet_hours_cut_the_hours_or_leave_none_of_them() -> None:
    assert due(7, quiet=NIGHT) is None
    assert due(2, quiet=NIGHT) == NOON.replace(day=4, hour=8)
    short = timedelta(hours=2)
    assert due(0, start=NOON.replace(hour=20), within=short, quiet=NIGHT) is None


def test_a_weekday_counts_from_a_week_on() -> None:
    assert due(6, weekday=4) == NOON.replace(hour=18)
    assert due(6, weekday=4, within=WEEK) == NOON.replace(day=6, hour=18)
    assert due(None, weekday=4, within=WEEK) == NOON.replace(day=6)
    assert due(None, weekday=4) is None
    # Its own weekday again at the end of the week: 09:00 to 12:00 of today are over.
    assert due(3, weekday=1, within=WEEK) == NOON.replace(day=10, hour=9)


def test_the_last_hours_of_the_day_end_at_midnight() -> None:
    assert due(7, start=NOON.replace(hour=23, minute=30)) == NOON.replace(hour=23, minute=30)


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(ZONES),
    st.integers(0, 7),
    st.integers(1, 14 * 24).map(lambda hours: timedelta(hours=hours)),
    st.none() | st.integers(0, 6),
    st.none() | st.just(NIGHT),
)
def test_it_lies_in_the_while_in_the_hours_and_outside_quiet_hours(
    moment: datetime,
    zone: str,
    block: int,
    within: timedelta,
    weekday: int | None,
    quiet: QuietHours | None,
) -> None:
    start = out_of_quiet_hours(moment.replace(tzinfo=UTC), zone=zone, quiet=quiet)
    found = due(block, start=start, within=within, zone=zone, weekday=weekday, quiet=quiet)
    if found is None:
        # Two days hold each block of hours whole at least once; the night from 21 to 24 and 0 to 6 is quiet.
        assert within < (
            timedelta(days=9) if weekday is not None and within >= WEEK else 2 * DAY
        ) or (quiet is not None and block in (0, 1, 7))
        return
    assert start <= found < start + within
    assert out_of_quiet_hours(found, zone=zone, quiet=quiet) == found
    local = found.astimezone(ZoneInfo(zone))
    # Where the clock is put forward, hours that begin in the gap begin an hour later by it.
    assert block * 3 <= local.hour < (block + 1) * 3
    assert weekday is None or within < WEEK or local.weekday() == weekday
