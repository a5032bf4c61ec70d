"""Ridge against plain least squares, its sandwich against simulation, and estimators in the style of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from aimwell.decide.uplift.bases import EstimatorBase, RidgeBase, TreesBase
from aimwell.errors import DecideError

RNG = np.random.default_rng(3)
VALUES = RNG.standard_normal((400, 3))
OUTCOME = 2.0 + VALUES @ np.array([1.0, -2.0, 0.0]) + 0.1 * RNG.standard_normal(400)


def test_without_a_penalty_ridge_is_least_squares() -> None:
    fit = RidgeBase(penalty=0.0).fit(VALUES, OUTCOME, weight=None, seed=0)
    least = LinearRegression().fit(VALUES, OUTCOME)
    assert fit.weights == pytest.approx(least.coef_)
    assert fit.intercept == pytest.approx(least.intercept_)


def test_weights_are_people_that_a_row_stands_for() -> None:
    times = RNG.integers(1, 4, 400)
    repeated = RidgeBase(penalty=1.0).fit(
        np.repeat(VALUES, times, axis=0), np.repeat(OUTCOME, times), weight=None, seed=0
    )
    weighted = RidgeBase(penalty=1.0).fit(VALUES, OUTCOME, weight=times.astype(float), seed=0)
    assert weighted.weights == pytest.approx(repeated.weights)


def test_columns_that_repeat_others_do_no_harm() -> None:
    fit = RidgeBase(penalty=0.0).fit(
        np.column_stack([VALUES, VALUES[:, 0]]), OUTCOME, weight=None, seed=0
    )
    assert fit.predict(np.column_stack([VALUES, VALUES[:, 0]])) == pytest.approx(
        RidgeBase(penalty=0.0).fit(VALUES, OUTCOME, weight=None, seed=0).predict(VALUES)
    )


def test_where_nothing_is_to_be_learnt_the_penalty_flattens_the_line() -> None:
    noise = np.random.default_rng(8).standard_normal(400)
    fit = RidgeBase().fit(VALUES, noise, weight=None, seed=0)
    assert np.ptp(fit.predict(VALUES)) < 0.5 * np.ptp(noise) / 5


def test_the_sandwich_covers_the_line_though_the_noise_differs_from_row_to_row() -> None:
    rng = np.random.default_rng(5)
    at, covered = np.array([[2.0, 0.0]]), 0
    for _ in range(200):
        values = rng.standard_normal((300, 2))
        outcome = 1 + values[:, 0] + np.abs(values[:, 0]) * rng.standard_normal(300)
        fit = RidgeBase(penalty=0.0).fit(values, outcome, weight=None, seed=0)
        error = fit.errors(values, outcome, at=at)[0]
        covered += abs(float(fit.predict(at)[0]) - 3.0) <= 1.96 * error
    assert 0.89 <= covered / 200 <= 0.985


def test_trees_are_the_same_for_the_same_seed() -> None:
    one, two, other = (
        TreesBase(rounds=10).fit(VALUES, OUTCOME, weight=None, seed=s).predict(VALUES)
        for s in (1, 1, 2)
    )
    assert (one == two).all()
    assert (one != other).any()


def test_any_estimator_serves_and_is_left_as_it_was() -> None:
    estimator = LinearRegression()
    fit = EstimatorBase(estimator).fit(VALUES, OUTCOME, weight=None, seed=0)
    assert fit.predict(VALUES) == pytest.approx(OUTCOME, abs=0.5)
    assert not hasattr(estimator, "coef_")


def test_a_classifier_learns_yes_and_no_and_refuses_amounts() -> None:
    base = EstimatorBase(LogisticRegression())
    chance = base.fit(VALUES, (OUTCOME > 2).astype(float), weight=None, seed=0).predict(VALUES)
    assert ((chance >= 0) & (chance <= 1)).all()
    with pytest.raises(DecideError, match="tells yes from no"):
        base.fit(VALUES, OUTCOME, weight=None, seed=0)
