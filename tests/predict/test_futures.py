"""Draws: their means are the expectations, simulated customers follow their law, seeds repeat."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import PredictError
from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.futures import draw_purchases, draw_shifts, draw_spend, simulate_customers
from aimwell.predict.gamma_gamma import GammaGamma
from aimwell.predict.purchases import PurchaseHistory

SPENDING = GammaGamma(p_=6.0, q_=4.0, v_=15.0)
PROBES = PurchaseHistory(
    np.array([0.0, 1, 5, 5]),
    np.array([0.0, 3, 30, 9]),
    np.array([30.0, 30, 31, 31]),
    spend=np.array([np.nan, 10.0, 40.0, 2.0]),
)


def many(history: PurchaseHistory, times: int) -> PurchaseHistory:
    return history.take(np.tile(np.arange(len(history)), times))


def test_drawn_purchases_have_the_expected_mean(published: BgNbd, seed: int) -> None:
    times = 40_000
    drawn = draw_purchases(published, many(PROBES, times), 39, rng=np.random.default_rng(seed))
    drawn = drawn.reshape(times, len(PROBES))
    error = drawn.std(axis=0) / np.sqrt(times)
    expected = published.expected_purchases(PROBES, 39)
    assert (np.abs(drawn.mean(axis=0) - expected) < 4.5 * error).all()


def test_drawn_spend_has_the_expected_mean_and_none_without_purchase(seed: int) -> None:
    times = 40_000
    history = many(PROBES, times)
    purchases = np.tile([2.0, 1.0, 3.0, 0.0], times)
    drawn = draw_spend(SPENDING, history, purchases, rng=np.random.default_rng(seed))
    drawn = drawn.reshape(times, 4)
    expected = SPENDING.expected_spend(PROBES) * [2, 1, 3, 0]
    error = drawn.std(axis=0) / np.sqrt(times)
    assert (np.abs(drawn.mean(axis=0) - expected) <= 4.5 * error).all()
    assert (drawn[:, 3] == 0).all()


def test_simulated_customers_buy_as_often_as_the_law_says(published: BgNbd, seed: int) -> None:
    size = 60_000
    history, future = simulate_customers(
        published, np.full(size, 30.0), horizon=39, rng=np.random.default_rng(seed)
    )
    expected = published.expected_purchases_new_customer(30)
    error = history.frequency.std() / np.sqrt(size)
    assert abs(history.frequency.mean() - expected) < 4.5 * error
    whole = published.expected_purchases_new_customer(69)
    error = (history.frequency + future).std() / np.sqrt(size)
    assert abs((history.frequency + future).mean() - whole) < 4.5 * error


def test_given_what_was_seen_the_future_follows_the_conditional_expectation(
    published: BgNbd, seed: int
) -> None:
    """The formula for a known customer, checked without any formula: by whom chance made alike."""
    history, future = simulate_customers(
        published, np.full(200_000, 30.0), horizon=39, rng=np.random.default_rng(seed)
    )
    expected = published.expected_purchases(history, 39)
    for x in range(6):
        for part in (history.recency <= 15, history.recency > 15):
            rows = (history.frequency == x) & part
            if rows.sum() < 200:
                continue
            gap = future[rows] - expected[rows]
            assert abs(gap.mean()) < 4.5 * gap.std() / np.sqrt(rows.sum()), x


def test_simulated_spend_has_the_mean_of_its_law(published: BgNbd, seed: int) -> None:
    history, _ = simulate_customers(
        published,
        np.full(100_000, 30.0),
        horizon=1,
        rng=np.random.default_rng(seed),
        spending=SPENDING,
    )
    assert history.spend is not None
    spend = history.spend[history.frequency > 0]
    assert SPENDING.mean_spend is not None
    assert abs(spend.mean() - SPENDING.mean_spend) < 4.5 * spend.std() / np.sqrt(len(spend))
    assert np.isnan(history.spend[history.frequency == 0]).all()


def test_shifts_have_the_covariance_of_the_fit_and_no_wild_directions(seed: int) -> None:
    covariance = np.array([[0.04, 0.02], [0.02, 0.09]])
    shifts = draw_shifts(covariance, 50_000, np.random.default_rng(seed))
    assert np.cov(shifts.T) == pytest.approx(covariance, rel=0.05)
    wild = draw_shifts(np.diag([0.04, 9.0]), 1000, np.random.default_rng(seed))
    assert wild[:, 0].std() == pytest.approx(0.2, rel=0.1)
    assert (wild[:, 1] == 0).all()


def test_the_same_seed_draws_the_same_future(published: BgNbd) -> None:
    first, second, other = (
        draw_purchases(published, many(PROBES, 50), 39, rng=np.random.default_rng(seed))
        for seed in (5, 5, 6)
    )
    assert (first == second).all()
    assert (first != other).any()


def test_a_vanishing_chance_to_stop_can_be_drawn(seed: int) -> None:
    model = BgNbd(r_=0.8, alpha_=8.0, a_=1e-9, b_=5.0)
    drawn = draw_purchases(model, many(PROBES, 1000), 39, rng=np.random.default_rng(seed))
    assert np.isfinite(drawn).all()


def test_spend_cannot_be_drawn_without_spend() -> None:
    silent = PurchaseHistory(np.ones(1), np.ones(1), np.ones(1))
    with pytest.raises(PredictError, match="has no spend"):
        draw_spend(SPENDING, silent, np.ones(1), rng=np.random.default_rng(0))
