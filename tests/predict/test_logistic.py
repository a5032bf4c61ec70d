"""Logistic regression: known weights found again, the ridge chosen by the data, odd inputs survived."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from aimwell.predict.logistic import LogisticLearner


def people(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds −0.5 + 1·x₀ − 0.5·x₁ of two standard normal features; a third says nothing."""
    rng = np.random.default_rng([seed, 80])
    values = rng.standard_normal((size, 3))
    chance = expit(-0.5 + values[:, 0] - 0.5 * values[:, 1])
    return values, rng.random(size) < chance


def test_known_weights_are_found_again(seed: int) -> None:
    values, outcome = people(50_000, seed)
    fitted = LogisticLearner(strength=3.0).fit(values, outcome)
    assert fitted.weights == pytest.approx([1.0, -0.5, 0.0], abs=0.05)
    assert fitted.intercept == pytest.approx(-0.5, abs=0.05)
    assert fitted.influences(3) == pytest.approx([2 / 3, 1 / 3, 0], abs=0.03)


def test_the_fit_is_at_the_top_of_the_penalised_likelihood(seed: int) -> None:
    values, outcome = people(300, seed)
    fitted = LogisticLearner(strength=0.3).fit(values, outcome)
    ready = fitted.preparation.apply(values)
    residual = outcome - fitted.score(values)
    assert ready.T @ residual == pytest.approx(np.array(fitted.weights) / 0.3, abs=1e-5)
    assert residual.sum() == pytest.approx(0, abs=1e-5)


def test_noise_is_held_in_and_signal_let_through(seed: int) -> None:
    rng = np.random.default_rng([seed, 81])
    noise = rng.standard_normal((200, 30))
    coin = rng.random(200) < 0.5
    assert LogisticLearner().tuned(noise, coin, seed=1).strength <= 0.03
    values, outcome = people(5000, seed)
    assert LogisticLearner().tuned(values, outcome, seed=1).strength >= 0.03


def test_separable_people_get_no_infinite_weights() -> None:
    values = np.linspace(-1, 1, 200)[:, None]
    fitted = LogisticLearner().tuned(values, values[:, 0] > 0, seed=0).fit(values, values[:, 0] > 0)
    scores = fitted.score(values)
    assert np.isfinite(fitted.weights).all()
    assert ((scores > 0) & (scores < 1)).all()


def test_features_without_any_difference_leave_the_base_rate() -> None:
    values = np.ones((100, 2))
    outcome = np.arange(100) < 30
    fitted = LogisticLearner().fit(values, outcome)
    assert fitted.score(values) == pytest.approx(0.3)
    assert fitted.influences(2).tolist() == [0, 0]


def test_repeated_columns_and_gaps_are_no_obstacle(seed: int) -> None:
    values, outcome = people(1000, seed)
    values = np.column_stack([values, values[:, 0], np.where(outcome, np.nan, 1.0)])
    fitted = LogisticLearner().fit(values, outcome)
    assert np.isfinite(fitted.weights).all()
    # Missing exactly where it happened: the gap is the best feature of all.
    assert fitted.influences(5).argmax() == 4
