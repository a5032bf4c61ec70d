"""Calibration: probabilities that mean what they say, rising, never certain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from aimwell.errors import PredictError
from aimwell.predict.calibration import ISOTONIC_MIN, Calibrator, Method, fit_calibrator

PEOPLE = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({row[1] for row in rows}) == 2
)


@given(rows=PEOPLE, method=st.sampled_from(["none", "sigmoid", "isotonic"]))
def test_probabilities_rise_with_scores_and_stay_between_0_and_1(
    rows: list[tuple[float, bool]], method: Method
) -> None:
    scores = np.array([row[0] for row in rows])
    outcome = np.array([row[1] for row in rows])
    calibrator = fit_calibrator(scores, outcome, method=method)
    assert calibrator.method == method
    asked = np.linspace(0, 1, 101)
    given_back = calibrator.apply(asked)
    floor = 1 / (len(rows) + 2)
    assert ((given_back >= floor) & (given_back <= 1 - floor)).all()
    assert (np.diff(given_back) >= -1e-12).all()


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_the_mean_probability_is_the_share_that_did_it(method: Method, seed: int) -> None:
    rng = np.random.default_rng([seed, 84])
    scores = rng.beta(1, 4, 5000)
    outcome = rng.random(5000) < scores**2
    found = fit_calibrator(scores, outcome, method=method).apply(scores)
    assert found.mean() == pytest.approx(outcome.mean(), abs=2e-3)


def test_a_known_distortion_of_the_log_odds_is_undone(seed: int) -> None:
    rng = np.random.default_rng([seed, 85])
    truth = expit(rng.normal(-1, 1.5, 40_000))
    outcome = rng.random(40_000) < truth
    scores = expit(2.0 * logit(truth) + 0.7)
    found = fit_calibrator(scores, outcome, method="sigmoid")
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.apply(scores) == pytest.approx(truth, abs=0.02)


def test_a_distortion_that_is_no_sigmoid_is_undone_by_the_isotonic_map(seed: int) -> None:
    rng = np.random.default_rng([seed, 86])
    scores = rng.uniform(size=60_000)
    truth = np.where(scores < 0.5, 0.1, np.where(scores < 0.8, 0.15, 0.9))
    outcome = rng.random(60_000) < truth
    curve = fit_calibrator(scores, outcome)
    assert curve.method == "isotonic"
    assert np.abs(curve.apply(scores) - truth).mean() < 0.01
    line = fit_calibrator(scores, outcome, method="sigmoid")
    assert np.abs(line.apply(scores) - truth).mean() > 0.05


def test_the_method_follows_the_smaller_side() -> None:
    scores = np.linspace(0.01, 0.99, 10_000)
    enough, short = (np.arange(10_000) >= 10_000 - n for n in (ISOTONIC_MIN, ISOTONIC_MIN - 1))
    assert fit_calibrator(scores, enough).method == "isotonic"
    assert fit_calibrator(scores, short).method == "sigmoid"


def test_scores_that_point_the_wrong_way_become_the_base_rate() -> None:
    scores = np.linspace(0.1, 0.9, 200)
    calibrator = fit_calibrator(scores, scores < 0.5)
    found = calibrator.apply(scores)
    assert calibrator.slope == 0
    assert found == pytest.approx(0.5, abs=0.01)


def test_scores_that_are_all_alike_become_the_base_rate() -> None:
    outcome = np.arange(100) < 20
    for method in ("sigmoid", "isotonic"):
        found = fit_calibrator(np.full(100, 0.7), outcome, method=method).apply(np.array([0.7]))
        assert found[0] == pytest.approx(0.2, abs=0.01)


def test_perfect_separation_stops_short_of_certainty() -> None:
    scores = np.linspace(0, 1, 100)
    found = fit_calibrator(scores, scores > 0.5, method="sigmoid").apply(scores)
    assert 0 < found.min() < 0.05
    assert 0.95 < found.max() < 1


def test_one_class_only_is_refused() -> None:
    with pytest.raises(
        PredictError, match="some people must have done it and some not; found 0 and 3"
    ):
        fit_calibrator(np.array([0.1, 0.2, 0.3]), np.zeros(3, dtype=bool))


@pytest.mark.parametrize("score", [1.2, -0.1, float("nan")])
def test_scores_that_are_no_probabilities_are_refused(score: float) -> None:
    with pytest.raises(PredictError, match="between 0 and 1"):
        fit_calibrator(np.array([0.5, score]), np.array([True, False]))


def test_without_a_method_scores_pass_unchanged() -> None:
    scores = np.array([0.0, 0.3, 1.0])
    assert Calibrator().apply(scores).tolist() == scores.tolist()
