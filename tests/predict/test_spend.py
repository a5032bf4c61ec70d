"""Spend learnt from features: a known truth found again, the score that rewards the mean, and refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.spend import fit_spend, tweedie_losses
from aimwell.predict.tables import FeatureTable

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
QUARTER = timedelta(days=90)


def simulated(people: int, seed: int) -> tuple[FeatureTable, np.ndarray, np.ndarray]:
    """Features, what each spent, and the truth that was expected of each."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(people, 3))
    chance = 1 / (1 + np.exp(1 - values[:, 0]))
    amount = 20 * np.exp(0.5 * values[:, 1])
    spent = np.where(rng.random(people) < chance, rng.gamma(2, amount / 2), 0.0)
    return FeatureTable(("a", "b", "c"), values, MOMENT, QUARTER), spent, chance * amount


def test_the_expected_amount_is_found_again() -> None:
    model = fit_spend(*simulated(8000, 1)[:2])
    table, spent, truth = simulated(8000, 2)
    told = model.predict(table)
    assert told.sum() == pytest.approx(spent.sum(), rel=0.05)
    assert np.corrcoef(told, truth)[0, 1] > 0.9
    mean = np.full(len(spent), spent.mean())
    assert tweedie_losses(told, spent).mean() < 0.95 * tweedie_losses(mean, spent).mean()


def test_the_same_people_and_seed_give_the_same_model() -> None:
    table, spent, _ = simulated(2000, 1)
    assert fit_spend(table, spent, seed=3) == fit_spend(table, spent, seed=3)


@given(
    spent=st.lists(st.floats(0, 500), min_size=2, max_size=20).filter(lambda some: sum(some) > 1),
    factor=st.floats(0.2, 5).filter(lambda factor: abs(factor - 1) > 0.01),
)
def test_no_constant_scores_better_than_the_mean(spent: list[float], factor: float) -> None:
    came = np.array(spent)
    mean = np.full(len(came), came.mean())
    assert tweedie_losses(mean, came).mean() < tweedie_losses(factor * mean, came).mean()


def test_negative_spend_counts_as_none_and_a_prediction_of_nothing_is_bearable() -> None:
    came = np.array([-50.0, 0.0, 100.0])
    told = np.array([10.0, 10.0, 0.0])
    losses = tweedie_losses(told, came)
    assert np.isfinite(losses).all()
    assert losses[0] == losses[1]
    table, spent, _ = simulated(2000, 1)
    returned = np.where(np.arange(2000) % 20 == 0, -30.0, spent)
    assert (fit_spend(table, returned).predict(table) > 0).all()


def test_hardly_anybody_who_bought_is_refused_with_the_numbers() -> None:
    table, spent, _ = simulated(2000, 1)
    few = np.where(np.arange(2000) < 20, 5.0, 0.0)
    with pytest.raises(TooLittleDataError, match="people who bought: 20 of at least 100"):
        fit_spend(table, few)
    with pytest.raises(TooLittleDataError, match="people: 5 of at least 500"):
        fit_spend(table.take(np.arange(5)), spent[:5])


def test_another_horizon_is_refused() -> None:
    table, spent, _ = simulated(2000, 1)
    other = FeatureTable(table.names, table.values, MOMENT, timedelta(days=30))
    with pytest.raises(PredictError, match="looks 90 days ahead, the table 30 days"):
        fit_spend(table, spent).predict(other)
