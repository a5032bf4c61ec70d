"""Smoothing against a loop by hand, and no look ahead of an origin."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from aimwell.predict.demand.calendar import Calendar, day_calendar
from aimwell.predict.demand.methods import METHODS, NAIVE, forecasts
from aimwell.predict.demand.smoothing import Additive, Series, Tsb, smoothed

PAST, HORIZON = 112, 14


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    lines = np.full(PAST, 40.0)
    lines[6::7] = 0
    lines[40] = 0
    return day_calendar(lines, date(2026, 1, 5), HORIZON)


def units(seed: int = 1, series: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    week = np.array([1.0, 2, 3, 2, 1, 4, 0])
    found = rng.poisson(week[np.arange(PAST) % 7, None] * np.array([0.1, 0.5, 2, 10, 30])[:series])
    return found.astype(np.float64)


def test_simple_smoothing_is_the_textbooks_loop(calendar: Calendar) -> None:
    sold = units()
    series = Series(sold, np.zeros(5, dtype=np.int64), np.ones(7))
    found = smoothed(series, calendar, [Additive(0.2)])
    first = [t for t in range(calendar.born) if calendar.open[t]]
    for number, origin in enumerate(calendar.origins):
        level = sold[first].mean(axis=0)
        for period in range(origin):
            if calendar.open[period]:
                level = level + 0.2 * (sold[period] - level)
        assert found[number][0] == pytest.approx(level)
        assert found[number][-1] == pytest.approx(level)


def test_tsb_is_the_papers_loop(calendar: Calendar) -> None:
    sold = units()
    series = Series(sold, np.zeros(5, dtype=np.int64), np.ones(7))
    found = smoothed(series, calendar, [Tsb(0.1, 0.2)])[-1]
    first = sold[[t for t in range(calendar.born) if calendar.open[t]]]
    chance = (first > 0).mean(axis=0)
    size = first.sum(axis=0) / np.maximum((first > 0).sum(axis=0), 1)
    for period in range(PAST):
        if calendar.open[period]:
            wanted = sold[period] > 0
            chance += 0.1 * (wanted - chance)
            size += 0.2 * (sold[period] - size) * wanted
    assert found[0] == pytest.approx(chance * size)


def test_a_season_and_a_trend_without_noise_are_found() -> None:
    calendar = day_calendar(np.full(PAST, 40.0), date(2026, 1, 5), HORIZON)
    week = np.array([5.0, 1, 2, 3, 4, 9, 7])
    sold = (week[np.arange(PAST) % 7] + 100)[:, None]
    series = Series(sold, np.zeros(1, dtype=np.int64), np.ones(7))
    found = smoothed(series, calendar, [Additive(0.1, season=0.1)])[-1][:, 0]
    assert found == pytest.approx(week[np.arange(PAST, PAST + HORIZON) % 7] + 100)
    rising = np.arange(PAST, dtype=np.float64)[:, None] * 2
    steep = smoothed(
        Series(rising, np.zeros(1, dtype=np.int64), np.ones(7)),
        calendar,
        [Additive(0.3, trend=0.3)],
    )[-1][:, 0]
    flat = smoothed(
        Series(rising, np.zeros(1, dtype=np.int64), np.ones(7)), calendar, [Additive(0.3)]
    )[-1][:, 0]
    truth = 2.0 * np.arange(PAST, PAST + HORIZON)
    assert np.abs(steep - truth).mean() < np.abs(flat - truth).mean()


def test_a_series_that_begins_late_starts_at_its_own_level(calendar: Calendar) -> None:
    sold = np.zeros((PAST, 1))
    sold[50:] = 20
    late = smoothed(Series(sold, np.array([50]), np.ones(7)), calendar, [Additive(0.05)])
    assert late[-1] == pytest.approx(20)


def test_the_setting_with_the_least_error_of_each_series_is_taken(calendar: Calendar) -> None:
    sold = np.zeros((PAST, 2))
    sold[:, 0] = np.where(np.arange(PAST) < 60, 10, 100)
    sold[:, 1] = 50 + 20 * np.random.default_rng(2).standard_normal(PAST)
    series = Series(sold, np.zeros(2, dtype=np.int64), np.ones(7))
    both = smoothed(series, calendar, [Additive(0.05), Additive(0.6)])[-1]
    quick = smoothed(series, calendar, [Additive(0.6)])[-1]
    slow = smoothed(series, calendar, [Additive(0.05)])[-1]
    assert both[:, 0] == pytest.approx(quick[:, 0])
    assert both[:, 1] == pytest.approx(slow[:, 1])


def test_no_method_sees_what_lies_behind_an_origin(calendar: Calendar) -> None:
    sold = units()
    start = np.array([0, 3, 0, 25, 0])
    for name in METHODS:
        for number, origin in enumerate(calendar.origins[:-1]):
            changed = sold.copy()
            changed[origin:] = 999
            one = METHODS[name](Series(sold, start, np.ones(7)), calendar)[number]
            other = METHODS[name](Series(changed, start, np.ones(7)), calendar)[number]
            assert np.array_equal(one, other), name


def test_series_do_not_touch_each_other(calendar: Calendar) -> None:
    series = Series(units(), np.array([0, 3, 0, 30, 0]), np.ones(7))
    together = forecasts(series, calendar)
    alone = forecasts(series.take(slice(3, 4)), calendar)
    for name, found in together.items():
        assert found[:, :, 3:4] == pytest.approx(alone[name]), name


def test_naive_repeats_the_last_open_week_and_closed_days_are_zero(calendar: Calendar) -> None:
    sold = units()
    found = forecasts(Series(sold, np.zeros(5, dtype=np.int64), np.ones(7)), calendar)[NAIVE]
    assert found[-1][:6] == pytest.approx(sold[PAST - 7 : PAST - 1])
    assert found[-1][7:13] == pytest.approx(sold[PAST - 7 : PAST - 1])
    # Day 40, a Saturday, was closed: the one before it stands in.
    window = calendar.origins[0]
    assert not found[:, 6].any()
    assert found[0][5] == pytest.approx(sold[window - 2])


def test_all_forecasts_are_numbers_of_at_least_zero(calendar: Calendar) -> None:
    sold = units()
    sold[:, 0] = 0
    sold[-1, 0] = 1
    for name, found in forecasts(
        Series(sold, np.array([PAST - 1, 0, 0, 0, 0]), np.ones(7)), calendar
    ).items():
        assert np.isfinite(found).all(), name
        assert (found >= 0).all(), name
