"""Which days are open, and how many windows there are to judge on."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from aimwell.errors import TooLittleDataError
from aimwell.predict.demand.calendar import day_calendar, week_calendar

MONDAY = date(2026, 1, 5)


def test_a_weekday_without_sales_is_closed_also_ahead() -> None:
    lines = np.full(112, 40.0)
    lines[6::7] = 0
    calendar = day_calendar(lines, MONDAY, 14)
    assert not calendar.open[calendar.place == 6].any()
    assert calendar.open[calendar.place != 6].all()


def test_a_holiday_is_closed_and_a_slow_day_of_a_small_shop_is_not() -> None:
    busy = np.full(112, 40.0)
    busy[30] = 0
    assert not day_calendar(busy, MONDAY, 14).open[30]
    assert day_calendar(busy, MONDAY, 14).open[112:].all()
    slow = np.full(112, 2.0)
    slow[30] = 0
    assert day_calendar(slow, MONDAY, 14).open[30]


def test_windows_end_where_the_horizon_begins() -> None:
    calendar = day_calendar(np.ones(200), MONDAY, 14)
    assert calendar.windows == 8
    assert calendar.origins == tuple(range(200 - 8 * 14, 201, 14))
    assert calendar.begins(calendar.past) == date(2026, 7, 24)


def test_weeks_have_no_season() -> None:
    calendar = week_calendar(40, MONDAY, 4)
    assert (calendar.season, calendar.windows, calendar.begins(40)) == (1, 7, date(2026, 10, 12))


def test_too_short_a_history_is_refused_with_numbers() -> None:
    with pytest.raises(TooLittleDataError, match="days of history: 100 of at least 168"):
        day_calendar(np.ones(100), MONDAY, 28)
    with pytest.raises(TooLittleDataError, match="weeks of history: 20 of at least 28"):
        week_calendar(20, MONDAY, 4)
