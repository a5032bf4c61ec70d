"""Fire times: by the clock of a zone, also on the days on which it is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.cron import check_cron, check_zone, last_fire, next_fire
from aimwell.errors import JobError


def fires(cron: str, zone: str, start: str, number: int) -> list[str]:
    """The next fire times after `start` (UTC), as UTC."""
    found, at = [], datetime.fromisoformat(start).replace(tzinfo=UTC)
    for _ in range(number):
        at = next_fire(cron, zone, after=at)
        found.append(f"{at:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "start", "expected"),
    [
        ("30 2 * * *", "UTC", "2026-03-01 02:29", ["03-01 02:30", "03-02 02:30"]),
        ("30 2 * * *", "UTC", "2026-03-01 02:30", ["03-02 02:30"]),
        ("*/15 * * * *", "UTC", "2026-03-01 00:50", ["03-01 01:00", "03-01 01:15"]),
        ("0 9 * * mon-fri", "Europe/London", "2026-07-03 12:00", ["07-06 08:00", "07-07 08:00"]),
        ("0 0 1 jan *", "Asia/Kathmandu", "2026-05-01 00:00", ["12-31 18:15"]),
        ("0 0 29 2 *", "UTC", "2026-03-01 00:00", ["02-29 00:00"]),  # of 2028
        ("@monthly", "UTC", "2026-03-01 00:00", ["04-01 00:00"]),
        ("0 12 13 * 5", "UTC", "2026-03-01 00:00", ["03-06 12:00", "03-13 12:00"]),  # day or weekday
        # Spring forward in London: 01:00 becomes 02:00 on 29 March, at 01:00 UTC.
        ("30 1 * * *", "Europe/London", "2026-03-28 12:00", ["03-29 01:30", "03-30 00:30"]),
        ("0 2 * * *", "Europe/London", "2026-03-28 12:00", ["03-29 01:00", "03-30 01:00"]),
        ("0 * * * *", "Europe/London", "2026-03-28 23:30", ["03-29 00:00", "03-29 01:00", "03-29 02:00"]),
        ("*/30 * * * *", "Europe/London", "2026-03-29 00:10", ["03-29 00:30", "03-29 01:00", "03-29 01:30"]),
        # Back in London: 02:00 becomes 01:00 on 25 October, at 01:00 UTC.
        ("30 1 * * *", "Europe/London", "2026-10-24 12:00", ["10-25 00:30", "10-26 01:30"]),
        ("30 1,2 * * *", "Europe/London", "2026-10-24 12:00", ["10-25 00:30", "10-25 02:30"]),
        ("30 * * * *", "Europe/London", "2026-10-25 00:00", ["10-25 00:30", "10-25 01:30", "10-25 02:30"]),
        ("@hourly", "Europe/London", "2026-10-24 23:30", ["10-25 00:00", "10-25 01:00", "10-25 02:00"]),
        ("@daily", "America/Havana", "2026-10-31 12:00", ["11-01 04:00", "11-02 05:00"]),
        ("0 0 * * *", "America/Havana", "2026-03-07 12:00", ["03-08 05:00", "03-09 04:00"]),
        # Half an hour on Lord Howe Island; 02:00 becomes 01:30 on 5 April.
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-03 20:00", ["04-04 14:45", "04-05 15:15"]),
        # Samoa left out 30 December 2011.
        ("0 9 * * *", "Pacific/Apia", "2011-12-29 12:00", ["12-29 19:00", "12-30 19:00", "12-31 19:00"]),
    ],
)  # fmt: skip
def test_it_fires_then(cron: str, zone: str, start: str, expected: list[str]) -> None:
    assert fires(cron, zone, start, len(expected)) == expected


@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC"]
)
def test_a_daily_schedule_fires_once_on_each_day_of_a_year(zone: str) -> None:
    at, found = datetime(2025, 12, 31, 12, tzinfo=UTC), []
    for _ in range(366):
        at = next_fire("30 1 * * *", zone, after=at)
        found.append(at)
    days = [time.astimezone(ZoneInfo(zone)).date() for time in found]
    assert len(set(days)) == len(days)
    assert days[-1] - days[0] == timedelta(days=365)
    assert all(timedelta(hours=22) < b - a < timedelta(hours=26) for a, b in pairwise(found))


@pytest.mark.parametrize("zone", ["Europe/London", "America/Havana", "Australia/Lord_Howe"])
def test_a_quarterly_hour_schedule_never_pauses_nor_repeats(zone: str) -> None:
    for month in (3, 4, 10, 11):
        at = datetime(2026, month, 1, tzinfo=UTC)
        while at < datetime(2026, month, 10, tzinfo=UTC):
            following = next_fire("*/15 * * * *", zone, after=at)
            assert following - at == timedelta(minutes=15)
            at = following


@given(
    st.sampled_from(["*/5 * * * *", "0 * * * *", "30 1 * * *", "0 2,3 * * sun", "15 */3 1,15 * *"]),
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - made aware below
    st.integers(0, 3 * 24 * 3600),
)
def test_fire_times_are_the_same_whenever_one_asks(
    cron: str, zone: str, start: datetime, ahead: int
) -> None:
    after = start.replace(tzinfo=UTC)
    first = next_fire(cron, zone, after=after)
    assert first > after
    assert next_fire(cron, zone, after=first - timedelta(microseconds=1)) == first
    between = after + (first - after) / 2
    assert next_fire(cron, zone, after=between) == first
    until = first + timedelta(seconds=ahead)
    last = last_fire(cron, zone, since=first, until=until)
    assert first <= last <= until
    assert next_fire(cron, zone, after=last) > until


def test_the_last_fire_after_years_is_found_quickly() -> None:
    since = datetime(2016, 1, 1, tzinfo=UTC)
    until = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
    assert last_fire("* * * * *", "UTC", since=since, until=until) == until.replace(second=0)
    assert last_fire("0 5 * * *", "UTC", since=since, until=until).day == 31


@pytest.mark.parametrize(
    "cron",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
        "x * * * *", "*/0 * * * *", "5-1-2 * * * *", "@often", "@reboot", "R * * * *", "H * * * *",
        "* * L * *", "* * * * sat#1", "1,,2 * * * *", "-1 * * * *", "@daily @daily", "1.5 * * * *",
    ],
)  # fmt: skip
def test_a_wrong_schedule_is_told_with_what_is_allowed(cron: str) -> None:
    with pytest.raises(JobError, match=r"is no schedule. Allowed: five fields"):
        check_cron(cron)


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4,6 *"])
def test_a_schedule_that_never_fires_is_told(cron: str) -> None:
    with pytest.raises(JobError, match="never fires"):
        next_fire(cron, "UTC", after=datetime(2026, 1, 1, tzinfo=UTC))


def test_spaces_are_made_single() -> None:
    assert check_cron("  0   9 * *\tMON ") == "0 9 * * MON"


def test_an_unknown_zone_is_told_with_the_nearest() -> None:
    with pytest.raises(JobError, match=r"'Europe/Lundon'. Did you mean 'Europe/London'\?.*IANA"):
        check_zone("Europe/Lundon")
