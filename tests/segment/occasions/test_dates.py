"""Days of occasions by country, region and hemisphere, against days that anybody can look up."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.occasion import COMMON_DAYS, Occasion
from aimwell.errors import DefinitionError, SegmentError
from aimwell.segment.occasions.dates import calendar_days, same_day, season_start


def occasion(**when: Any) -> Occasion:
    found = check({"kind": "occasion", "name": "some", "when": when})
    assert isinstance(found, Occasion)
    return found


def days(
    *years: int, country: str | None = None, region: str | None = None, **when: Any
) -> list[str]:
    found = calendar_days(occasion(**when), years, country=country, region=region)
    return [day.isoformat() for day in found]


@pytest.mark.parametrize(
    ("when", "country", "year", "day"),
    [
        ({"common": "mothers-day"}, "GB", 2026, "2026-03-15"),
        ({"common": "mothers-day"}, "US", 2026, "2026-05-10"),
        ({"common": "mothers-day"}, "FR", 2026, "2026-05-31"),
        ({"common": "mothers-day"}, "FR", 2020, "2020-06-07"),  # 31 May was Whit Sunday
        ({"common": "mothers-day"}, "PL", 2026, "2026-05-26"),
        ({"common": "fathers-day"}, "DE", 2026, "2026-05-14"),
        ({"common": "fathers-day"}, "AU", 2026, "2026-09-06"),
        ({"common": "fathers-day"}, "GB", 2026, "2026-06-21"),
        ({"common": "easter"}, "GB", 2026, "2026-04-05"),
        ({"common": "easter"}, "GR", 2026, "2026-04-12"),
        ({"common": "black-friday"}, "GB", 2026, "2026-11-27"),
        ({"common": "cyber-monday"}, "US", 2026, "2026-11-30"),
        ({"common": "christmas"}, "RU", 2026, "2026-01-07"),
        ({"holiday": "Eid al-Fitr"}, "AE", 2026, "2026-03-20"),
        (
            {"holiday": "Chinese New Year"},
            "SG",
            2026,
            "2026-02-17",
        ),  # of two days in a row the first
        ({"holiday": "Diwali"}, "SG", 2026, "2026-11-08"),
        ({"season": "winter"}, "GB", 2026, "2026-12-01"),
        ({"season": "winter"}, "AU", 2026, "2026-06-01"),
        ({"season": "summer"}, "BR", 2026, "2026-12-01"),
        ({"yearly": {"month": 11, "weekday": "thursday", "nth": 4}}, None, 2026, "2026-11-26"),
        ({"yearly": {"month": 5, "weekday": "monday", "nth": -1}}, None, 2026, "2026-05-25"),
        ({"yearly": "02-29"}, None, 2026, "2026-02-28"),
        ({"yearly": "02-29"}, None, 2028, "2028-02-29"),
    ],
)
def test_a_day_falls_where_calendars_say(
    when: dict[str, Any], country: str | None, year: int, day: str
) -> None:
    assert days(year, country=country, **when) == [day]


def test_a_lunar_holiday_wanders_and_may_come_twice_in_a_year() -> None:
    assert days(2024, 2025, 2026, country="AE", holiday="Eid al-Fitr") == [
        "2024-04-10",
        "2025-03-30",
        "2026-03-20",
    ]
    assert len(days(2030, country="AE", holiday="Islamic New Year")) == 1
    assert len(days(2033, country="AE", holiday="Eid al-Fitr")) == 2  # in January and in December


def test_regions_keep_days_of_their_own() -> None:
    assert days(2026, country="GB", region="SCT", holiday="Saint Andrew's Day") == ["2026-11-30"]
    assert days(2026, country="GB", region="ENG", holiday="Saint Andrew's Day") == []
    # What people call their region need not be the calendar's word: the country's days hold.
    assert days(2026, country="GB", region="Leeds", holiday="Christmas Day") == ["2026-12-25"]


def test_without_a_country_only_days_of_all_countries_are_known() -> None:
    for when in ({"common": "mothers-day"}, {"holiday": "Christmas"}, {"season": "spring"}):
        assert days(2026, **when) == []
    assert days(2026, common={"day": "mothers-day", "country": "GB"}) == ["2026-03-15"]
    assert days(2026, yearly="03-14") == ["2026-03-14"]


def test_a_holiday_that_a_named_calendar_lacks_is_an_error_with_the_nearest() -> None:
    assert days(2026, country="GB", holiday="Diwali") == []  # the British keep none by law
    with pytest.raises(SegmentError, match=r"no holiday 'Diwly'.*Diwali"):
        days(2026, holiday={"name": "Diwly", "country": "SG"})


def test_paydays_are_the_last_day_of_short_months_and_every_so_many_weeks() -> None:
    assert days(2026, payday={"day": 31})[:3] == ["2026-01-31", "2026-02-28", "2026-03-31"]
    assert days(2026, payday={"day": "last"}) == days(2026, payday={"day": 31})
    every = days(2025, 2026, payday={"every": 2, "since": "2026-06-05"})
    assert "2026-06-05" in every
    assert "2025-06-06" in every  # also before it
    gaps = {date.fromisoformat(b) - date.fromisoformat(a) for a, b in pairwise(every)}
    assert gaps == {timedelta(days=14)}


@given(day=st.dates(date(1900, 1, 1), date(2030, 1, 1)), year=st.integers(1901, 2100))
def test_an_anniversary_is_within_a_day_of_its_date(day: date, year: int) -> None:
    for leap in ("february", "march"):
        found = same_day(day, year, leap=leap)
        assert found.year == year
        if (day.month, day.day) != (2, 29):
            assert (found.month, found.day) == (day.month, day.day)
        else:
            assert (found.month, found.day) in ((2, 29), (2, 28), (3, 1))


def test_seasons_of_the_south_are_half_a_year_apart() -> None:
    for season in ("spring", "summer", "autumn", "winter"):
        north = season_start(season, 2026, southern=False)  # type: ignore[arg-type]
        south = season_start(season, 2026, southern=True)  # type: ignore[arg-type]
        assert abs(north.month - south.month) == 6


def test_every_common_day_falls_once_a_year_in_every_country() -> None:
    for day in COMMON_DAYS:
        for country in ("GB", "US", "AU", "IN", "BR", "JP", "RU"):
            assert len(days(2025, 2026, country=country, common=day)) == 2


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({}, "nothing is said"),
        ({"season": "spring", "payday": {"day": 1}}, "not season and payday"),
        ({"yearly": "13-01"}, "month must be in 1..12"),
        ({"yearly": "1 May"}, "as 03-17"),
        ({"payday": {"every": 2}}, "needs `since`"),
        ({"common": {"day": "mothers-day", "country": "UK"}}, "no country has this ISO 3166 code"),
        ({"life_event": {"within": "30d"}}, "say which products"),
        ({"common": "mother-day"}, "not one of the allowed values"),
    ],
)
def test_a_wrong_document_is_refused_in_words(when: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        occasion(**when)
    assert words in " ".join(fault.problem for fault in caught.value.faults)
