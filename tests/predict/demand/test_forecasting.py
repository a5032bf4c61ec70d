"""Many series of which the law is known: intervals hold, nothing loses to seasonal naive, chunks change nothing."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from aimwell.predict.demand.calendar import Calendar, day_calendar
from aimwell.predict.demand.choosing import choose
from aimwell.predict.demand.forecasting import forecast_series, of_method, of_others
from aimwell.predict.demand.judging import judge_demand
from aimwell.predict.demand.methods import NAIVE
from aimwell.predict.demand.model import Demand

PAST, HORIZON, SERIES = 280, 14, 700
WEEK = np.array([0.8, 0.9, 1.0, 1.1, 1.4, 1.8, 0.0])


@pytest.fixture(scope="module")
def sold() -> np.ndarray:
    """Poisson demand by the week, of series that sell 0.05 to 50 a day, past and horizon."""
    rng = np.random.default_rng(11)
    level = np.exp(rng.uniform(np.log(0.05), np.log(50), SERIES))
    return rng.poisson(level * WEEK[np.arange(PAST + HORIZON) % 7, None]).astype(np.float64)


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return day_calendar(
        np.where(WEEK[np.arange(PAST) % 7] > 0, 500.0, 0.0), date(2026, 1, 5), HORIZON
    )


def forecast(sold: np.ndarray, calendar: Calendar) -> Demand:
    start = np.argmax(sold > 0, axis=0).astype(np.int64)
    week = np.where(WEEK > 0, WEEK / WEEK[:6].mean(), 0.0)
    return forecast_series(lambda which: sold[:PAST, which], start, calendar, week)


@pytest.fixture(scope="module")
def demand(sold: np.ndarray, calendar: Calendar) -> Demand:
    return forecast(sold, calendar)


def test_intervals_of_the_horizon_hold_as_often_as_they_say(
    sold: np.ndarray, calendar: Calendar, demand: Demand
) -> None:
    later, open_ = sold[PAST:], calendar.open[PAST:]
    inside = (later >= demand.lower) & (later <= demand.upper)
    # Counts are whole, so at least as often.
    assert 0.89 <= inside[open_].mean() <= 0.97
    total = later.sum(axis=0)
    held = (total >= demand.total_lower) & (total <= demand.total_upper)
    assert 0.87 <= held.mean() <= 0.96
    much = sold[:PAST].mean(axis=0) > 5
    assert 0.85 <= held[much].mean() <= 0.97


def test_the_judgement_foretells_how_often_they_hold(demand: Demand, calendar: Calendar) -> None:
    check = judge_demand(demand, calendar)
    assert 0.88 <= (check.covered.estimate or 0) <= 0.97
    assert 0.86 <= (check.total_covered.estimate or 0) <= 0.97
    assert check.verdict == "better"
    assert (check.rmsse.chosen or 9) < 0.85 * (check.rmsse.naive or 0)
    assert check.windows == 4


def test_forecasts_are_near_the_truth_and_not_biased(sold: np.ndarray, demand: Demand) -> None:
    assert demand.total.sum() == pytest.approx(sold[PAST:].sum(), rel=0.03)


def test_closed_days_are_zero_and_bounds_are_in_order(demand: Demand, calendar: Calendar) -> None:
    closed = ~calendar.open[PAST:]
    assert closed.sum() == 2
    for values in (demand.forecast, demand.lower, demand.upper):
        assert not values[closed].any()
    assert (demand.lower <= demand.forecast + 1e-9).all()
    assert (demand.forecast <= demand.upper + 1e-9).all()
    assert (demand.total_lower <= demand.total).all()
    assert (demand.total <= demand.total_upper).all()


def test_few_series_stay_with_naive_where_the_week_repeats(demand: Demand) -> None:
    share = (demand.method == demand.names.index(NAIVE)).mean()
    assert share < 0.15


def test_chunks_do_not_change_a_forecast(
    sold: np.ndarray, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = sold[:, :60]
    whole = forecast(some, calendar)
    monkeypatch.setattr("aimwell.predict.demand.forecasting.CHUNK", 17)
    again = forecast(some, calendar)
    assert np.array_equal(again.method, whole.method)
    assert again.upper == pytest.approx(whole.upper)
    assert again.total_upper == pytest.approx(whole.total_upper)


def test_a_change_of_level_after_the_choice_is_told(sold: np.ndarray, calendar: Calendar) -> None:
    """Where the later windows are unlike the earlier ones, the coverage that is told says so."""
    shifted = sold[:, :300].copy()
    shifted[calendar.origins[4] :] *= np.where(np.arange(300) % 2, 4, 0)
    check = judge_demand(forecast(shifted, calendar), calendar)
    assert (check.covered.estimate or 1) < 0.85


def test_what_a_window_lacked_was_foretold_by_what_the_others_choose() -> None:
    """Two methods, three windows: the first is best by its one good window alone, so that window is foretold by the other."""
    forecasts = np.zeros((2, 4, 1, 1))
    forecasts[1] = 1.0
    losses = np.array([[[2.0], [2.0], [2.0]], [[0.1], [2.5], [2.5]]])
    none = np.zeros(2)
    assert of_method(forecasts, choose(losses, none))[:, 0, 0].tolist() == [1, 1, 1, 1]
    # Without the first window the second method is worse than seasonal naive, and with it better.
    assert of_others(forecasts, losses, none)[:, 0, 0].tolist() == [0, 1, 1, 1]


def test_choosing_among_methods_does_not_make_intervals_too_narrow(calendar: Calendar) -> None:
    """Levels wander, so that luck chooses among methods. With the residuals of methods that were chosen on the same windows
    89 % would be held by the horizon, and 86 % by the later windows."""
    shares = []
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        steps = rng.normal(0, 0.05, (PAST + HORIZON, 600)).cumsum(axis=0)
        mean = 8 * np.exp(steps - steps[PAST // 2]) * WEEK[np.arange(PAST + HORIZON) % 7, None]
        units = rng.poisson(mean).astype(np.float64)
        found = forecast(units, calendar)
        total = units[PAST:].sum(axis=0)
        held = (total >= found.total_lower) & (total <= found.total_upper)
        shares.append((held.mean(), judge_demand(found, calendar).total_covered.estimate or 0))
    horizon, later = np.mean(shares, axis=0)
    assert 0.895 <= horizon <= 0.95
    assert 0.885 <= later <= 0.95
