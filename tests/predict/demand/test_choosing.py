"""Which method is taken, and in which units errors are told."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.demand.calendar import Calendar, day_calendar
from aimwell.predict.demand.choosing import (
    Windows,
    choose,
    loss_of,
    pooled_advantage,
    scales,
    windows_of,
)
from aimwell.predict.demand.smoothing import Series

NONE = np.zeros(2)


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return day_calendar(np.full(120, 50.0), date(2026, 1, 5), 14)


def series_of(units: np.ndarray, start: int = 0) -> Series:
    return Series(units, np.full(units.shape[1], start), np.ones(7))


def test_the_scale_is_the_error_of_one_week_ahead_before_the_first_window(
    calendar: Calendar,
) -> None:
    units = np.zeros((120, 1))
    units[:, 0] = np.arange(120) // 7
    units[calendar.origins[0] :] = 1_000
    found = scales(series_of(units), calendar)
    assert (found.absolute[0], found.squared[0]) == (1, 1)


def test_a_series_that_never_changed_has_no_scale(calendar: Calendar) -> None:
    assert np.isnan(scales(series_of(np.full((120, 1), 3.0)), calendar).squared[0])


def test_a_window_counts_once_the_series_was_sold_for_four_weeks(calendar: Calendar) -> None:
    start = calendar.origins[1] - 28
    judged = windows_of(series_of(np.ones((120, 1)), start), calendar).judged[:, 0]
    assert judged.tolist() == [False, True, True, True]


def test_loss_is_the_mean_over_periods_that_count() -> None:
    counts = np.array([[[True], [True], [False]], [[False], [False], [False]]])
    windows = Windows(np.array([[[1.0], [5.0], [9.0]], [[1.0], [1.0], [1.0]]]), counts)
    forecast = np.ones((3, 3, 1))
    assert loss_of(windows, forecast, power=1)[:, 0] == pytest.approx([2, np.nan], nan_ok=True)
    assert loss_of(windows, forecast, power=2)[0, 0] == 8


def test_the_better_method_is_taken_and_naive_where_none_is() -> None:
    losses = np.array([[[4.0, 1.0], [4.0, 1.0]], [[1.0, 2.0], [1.0, 2.0]]])
    assert choose(losses, NONE).tolist() == [1, 0]


def test_what_all_series_say_decides_between_methods_that_are_as_good() -> None:
    losses = np.ones((3, 2, 1)) * np.array([1.0, 0.8, 0.79])[:, None, None]
    assert choose(losses, np.array([0.0, -0.5, -0.1])).tolist() == [1]
    assert choose(losses, np.array([0.0, -0.1, -0.5])).tolist() == [2]


def test_a_series_without_windows_follows_all_series() -> None:
    losses = np.full((2, 3, 1), np.nan)
    assert choose(losses, np.array([0.0, -1.0])).tolist() == [1]
    assert choose(losses, np.array([0.0, 1.0])).tolist() == [0]


def test_the_pooled_advantage_is_the_mean_log_ratio() -> None:
    losses = np.array([[[1.0, 1.0]], [[np.e, 1 / np.e]], [[np.e, np.e]]])
    assert pooled_advantage(losses) == pytest.approx([0, 0, 1], abs=1e-6)


@given(
    losses=st.lists(st.lists(st.floats(0.01, 100), min_size=4, max_size=4), min_size=3, max_size=3),
    pooled=st.lists(st.floats(-2, 2), min_size=2, max_size=2),
)
def test_no_method_is_taken_that_did_worse_than_naive(
    losses: list[list[float]], pooled: list[float]
) -> None:
    each = np.array(losses)[:, :, None]
    taken = choose(each, np.array([0.0, *pooled]))[0]
    assert each[taken].mean() <= each[0].mean() + 1e-12
