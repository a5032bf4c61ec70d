"""When a message is due, in the person's own zone."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.timing import due_at, local_day, out_of_quiet_hours, zone_or
from aimwell.definitions.kinds.campaign import Schedule
from aimwell.definitions.kinds.contact_policy import QuietHours

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NIGHT = QuietHours(start=time(21), end=time(8))
ZONES = ["Europe/London", "Asia/Kathmandu", "America/St_Johns", "Pacific/Auckland", "UTC"]


def at(text: str, zone: str = "recipient") -> Schedule:
    return Schedule.model_validate({"at": text, "timezone": zone})


def test_without_a_schedule_it_is_due_at_once() -> None:
    assert due_at(Schedule(), zone="Asia/Tokyo", now=NOW) == NOW


def test_a_moment_in_another_zone_is_told_in_utc() -> None:
    there = datetime(2011, 9, 1, tzinfo=ZoneInfo("Europe/London"))
    found = due_at(Schedule(), zone="Asia/Tokyo", now=there)
    assert found.replace(tzinfo=None) == datetime(2011, 8, 31, 23)  # noqa: DTZ001 - the wall clock in UTC


def test_the_recipients_zone_decides() -> None:
    tokyo = due_at(at("2026-12-01T09:00"), zone="Asia/Tokyo", now=NOW)
    london = due_at(at("2026-12-01T09:00"), zone="Europe/London", now=NOW)
    assert tokyo == datetime(2026, 12, 1, 0, tzinfo=UTC)
    assert london == datetime(2026, 12, 1, 9, tzinfo=UTC)


def test_a_fixed_zone_is_the_same_moment_for_all() -> None:
    schedule = at("2026-12-01T09:00", "America/New_York")
    assert due_at(schedule, zone="Asia/Tokyo", now=NOW) == datetime(2026, 12, 1, 14, tzinfo=UTC)


def test_a_moment_that_has_passed_is_now() -> None:
    assert due_at(at("2020-01-01T09:00"), zone="Asia/Tokyo", now=NOW) == NOW


def test_quiet_hours_over_midnight_end_on_the_right_day() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    early = datetime(2026, 11, 21, 3, tzinfo=UTC)
    morning = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert out_of_quiet_hours(late, zone="UTC", quiet=NIGHT) == morning
    assert out_of_quiet_hours(early, zone="UTC", quiet=NIGHT) == morning
    assert out_of_quiet_hours(morning, zone="UTC", quiet=NIGHT) == morning


def test_quiet_hours_within_a_day() -> None:
    lunch = QuietHours(start=time(12), end=time(14))
    assert out_of_quiet_hours(NOW, zone="UTC", quiet=lunch) == NOW.replace(hour=14)
    assert out_of_quiet_hours(NOW.replace(hour=11), zone="UTC", quiet=lunch).hour == 11


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(ZONES),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
def test_nothing_is_due_in_quiet_hours_and_nothing_earlier_than_it_was(
    moment: datetime, zone: str, start: time, end: time
) -> None:
    quiet = QuietHours(start=start, end=end)
    moment = moment.replace(tzinfo=UTC)
    due = out_of_quiet_hours(moment, zone=zone, quiet=quiet)
    assert moment <= due
    clock = due.astimezone(ZoneInfo(zone)).time()
    inside = clock >= start or clock < end if start > end else start <= clock < end
    # An hour that a change of the clock leaves out cannot be the end; then the next one is.
    assert not inside or due != moment or start == end


def test_an_unknown_zone_falls_back_and_holds_up_nothing() -> None:
    assert zone_or("Mars/Olympus", "Europe/London") == "Europe/London"
    assert zone_or("../../etc/passwd", "UTC") == "UTC"
    assert zone_or(None, "UTC") == "UTC"
    assert zone_or("Asia/Tokyo", "UTC") == "Asia/Tokyo"


def test_the_calendar_day_is_the_persons() -> None:
    late = datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert local_day(late, "Asia/Tokyo") - local_day(late, "UTC") == 1
