"""Conformal bounds: ranks by hand, coverage of simulated residuals, bands of volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.demand.choosing import Windows
from aimwell.predict.demand.intervals import (
    conformal,
    fit_spread,
    period_residuals,
    total_residuals,
)


def test_the_ranks_are_those_of_the_formula() -> None:
    # Of 19 residuals the first and the last: floor(20 · 0.05) = 1 and ceil(20 · 0.95) = 19.
    low, high = conformal(np.arange(1.0, 20.0)[:, None], confidence=0.9)
    assert (low[0], high[0]) == (1, 19)
    low, high = conformal(np.arange(1.0, 100.0)[:, None], confidence=0.9)
    assert (low[0], high[0]) == (5, 95)


def test_missing_residuals_do_not_count_and_none_gives_none() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    low, high = conformal(values, confidence=0.9)
    assert (low[0], high[0]) == (1, 3)
    assert np.isnan([low[1], high[1]]).all()


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=60), st.sampled_from([0.5, 0.8, 0.9, 0.95])
)
def test_at_least_the_promised_share_lies_within(values: list[float], confidence: float) -> None:
    column = np.array(values)[:, None]
    low, high = conformal(column, confidence=confidence)
    inside = ((column >= low) & (column <= high)).mean()
    assert inside >= confidence - 1 / len(values)


def test_a_new_window_lies_within_as_often_as_promised() -> None:
    """Series differ in how far they stray, and each window has a shift of its own."""
    rng = np.random.default_rng(6)
    size = rng.lognormal(0, 0.7, 3_000)
    shift = rng.normal(0, 1, (9, 1, 3_000))
    residuals = size * (shift + rng.normal(0, 1, (9, 14, 3_000)))
    volume = rng.lognormal(1, 2, 3_000)
    spread = fit_spread(residuals[:8], volume, prior=10.0)
    low, high = spread.bounds(residuals[:8], volume)
    inside = ((residuals[8] >= low) & (residuals[8] <= high)).mean()
    assert inside == pytest.approx(0.9, abs=0.015)
    wild = size > 2
    assert ((residuals[8] >= low) & (residuals[8] <= high))[:, wild].mean() > 0.86


def test_series_that_sell_much_do_not_take_the_spread_of_small_ones() -> None:
    rng = np.random.default_rng(7)
    volume = np.concatenate([np.full(300, 0.1), np.full(300, 100.0)])
    residuals = rng.normal(0, np.where(volume > 1, 0.1, 1.0), (6, 1, 600))
    spread = fit_spread(residuals, volume, prior=32.0)
    assert len(spread.edges) == 1
    low, high = spread.bounds(residuals, volume)
    assert (high - low)[300:].mean() < 0.3 * (high - low)[:300].mean()


def test_few_series_make_one_band() -> None:
    residuals = np.random.default_rng(8).normal(0, 1, (6, 1, 3))
    assert not len(fit_spread(residuals, np.array([0.1, 5.0, 900.0]), prior=32.0).edges)


def test_residuals_are_in_the_units_that_are_told() -> None:
    counts = np.array([[[True], [True]], [[False], [False]]])
    windows = Windows(np.array([[[5.0], [9.0]], [[1.0], [1.0]]]), counts)
    forecast = np.array([[[3.0], [8.0]], [[1.0], [1.0]], [[9.0], [9.0]]])
    assert period_residuals(windows, forecast)[0, :, 0] == pytest.approx([1, 1 / 3])
    assert total_residuals(windows, forecast)[0, 0, 0] == pytest.approx(np.log(15 / 12))
    assert np.isnan(total_residuals(windows, forecast)[1, 0, 0])
