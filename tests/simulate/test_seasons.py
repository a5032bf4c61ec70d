from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.simulate import ShopSpec, open_shop
from aimwell.simulate.places import ZONES
from aimwell.simulate.seasons import DAY, HOUR_HABITS, WEEKDAY_HABITS, Habits, to_seconds

SHOP = open_shop(ShopSpec(people=1, birthday_effect=0.5, christmas_peak=2.0))
CALENDAR = SHOP.calendar


def _habits(curve=0, hours=0, zone="Europe/London", n=1):
    return Habits(*(np.full(n, value) for value in (curve, hours, ZONES.index(zone))))


habits = st.builds(
    _habits,
    curve=st.integers(0, 12 * len(WEEKDAY_HABITS) - 1),
    hours=st.integers(0, len(HOUR_HABITS) - 1),
    zone=st.sampled_from(ZONES),
)


@given(habits, st.integers(SHOP.start, SHOP.last))
def test_clock_time_undoes_season_time_but_for_the_hour_that_clocks_change(who, second):
    there = CALENDAR.season_time(who, np.array([second]))
    back = int(CALENDAR.clock_time(who, there)[0])
    zone = ZoneInfo(ZONES[who.zone[0]])
    around = {
        datetime.fromtimestamp(second + days * DAY, zone).utcoffset()
        for days in (-1.5, -1, 0, 1, 1.5)
    }
    assert abs(back - second) <= (1 if len(around) == 1 else 3601)


@given(habits, st.integers(SHOP.start, SHOP.last - 3 * DAY), st.integers(3700, 3 * DAY))
def test_season_time_never_runs_backwards(who, second, later):
    before, after = (
        CALENDAR.season_time(who, np.array([second])),
        CALENDAR.season_time(who, np.array([second + later])),
    )
    assert before[0] < after[0]


def _passes(who, first, end):
    moments = [to_seconds(datetime(*day, tzinfo=UTC)) for day in (first, end)]
    begin, until = (CALENDAR.season_time(who, np.array([moment]))[0] for moment in moments)
    return until - begin


def test_a_year_lasts_about_a_year_of_usual_days():
    usual = _habits(curve=1)
    assert _passes(usual, (2024, 2, 1), (2025, 2, 1)) == pytest.approx(366, rel=0.15)


def test_mid_december_is_busier_than_january():
    who = _habits(curve=5)
    busy, quiet = (
        _passes(who, (2024, 12, 9), (2024, 12, 16)),
        _passes(who, (2025, 1, 13), (2025, 1, 20)),
    )
    assert busy > 2.5 * quiet


def test_the_month_of_the_birthday_is_busier_by_the_birthday_effect():
    born_in_may, born_in_june = _habits(curve=4), _habits(curve=5)
    may = ((2024, 5, 2), (2024, 5, 30))
    assert _passes(born_in_may, *may) == pytest.approx(1.5 * _passes(born_in_june, *may))


def test_weekend_people_buy_at_weekends():
    weekend = _habits(curve=12 * list(WEEKDAY_HABITS).index("weekends"))
    saturday, tuesday = ((2024, 6, 8), (2024, 6, 9)), ((2024, 6, 11), (2024, 6, 12))
    assert _passes(weekend, *saturday) > 3 * _passes(weekend, *tuesday)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Australia/Sydney", "Europe/Berlin"])
def test_hours_are_those_of_the_persons_clock(zone):
    n = 4000
    who = _habits(hours=list(HOUR_HABITS).index("evening"), zone=zone, n=n)
    begin = CALENDAR.season_time(who, np.full(n, SHOP.start))[0]
    moments = CALENDAR.clock_time(who, np.linspace(begin + 1, begin + 700, n))
    hours = np.array(
        [datetime.fromtimestamp(second, ZoneInfo(zone)).hour for second in moments.tolist()]
    )
    assert np.mean((hours >= 17) & (hours <= 23)) > 0.8
