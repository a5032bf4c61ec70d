"""Judging: every figure against scikit-learn or by hand, intervals against simulation, ties handled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from aimwell.errors import PredictError
from aimwell.predict.judging import (
    average_precision,
    calibration_bins,
    judge,
    losses,
)

PEOPLE = st.lists(
    st.tuples(st.sampled_from([0.05, 0.1, 0.3, 0.31, 0.5, 0.9]), st.booleans()),
    min_size=3,
    max_size=60,
).filter(lambda rows: len({row[1] for row in rows}) == 2)


def split(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


@given(rows=PEOPLE)
def test_figures_equal_those_of_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    probabilities, outcome = split(rows)
    found = judge(probabilities, outcome)
    assert found.auc.estimate == pytest.approx(roc_auc_score(outcome, probabilities))
    assert found.average_precision.value == pytest.approx(
        average_precision_score(outcome, probabilities)
    )
    assert found.brier == pytest.approx(brier_score_loss(outcome, probabilities))
    assert found.log_loss == pytest.approx(log_loss(outcome, probabilities))


def test_figures_of_one_class_only_are_missing_with_the_reason() -> None:
    nobody = judge(np.array([0.1, 0.2]), np.array([False, False]))
    assert nobody.auc.estimate is None
    assert nobody.auc.reason == "nobody did it"
    assert nobody.average_precision.reason == "nobody did it"
    assert nobody.tops[0].lift.reason == "nobody did it"
    assert nobody.brier == pytest.approx((0.01 + 0.04) / 2)
    everybody = judge(np.array([0.1, 0.2]), np.array([True, True]))
    assert everybody.auc.reason == "everybody did it"
    assert everybody.average_precision.value == 1


def test_the_calibration_table_by_hand() -> None:
    probabilities = np.r_[np.full(50, 0.1), np.full(50, 0.6)]
    outcome = np.r_[np.arange(50) < 10, np.arange(50) < 25]
    bins = calibration_bins(probabilities, outcome, bins=2)
    assert [(row.people, row.mean_predicted) for row in bins] == [
        (50, pytest.approx(0.1)),
        (50, pytest.approx(0.6)),
    ]
    assert [row.actual.estimate for row in bins] == [0.2, 0.5]
    found = judge(probabilities, outcome, bins=2)
    assert found.calibration_error == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)
    assert found.mean_predicted == pytest.approx(0.35)
    assert found.base_rate.estimate == 0.35
    assert found.brier_of_base_rate == pytest.approx(0.35 * 0.65)


@given(rows=PEOPLE)
def test_bins_hold_everybody_once(rows: list[tuple[float, bool]]) -> None:
    probabilities, outcome = split(rows)
    bins = calibration_bins(probabilities, outcome)
    assert sum(row.people for row in bins) == len(rows)
    assert [row.mean_predicted for row in bins] == sorted(row.mean_predicted for row in bins)


def test_certainty_that_fails_costs_much_but_not_infinity() -> None:
    assert np.isfinite(losses(np.array([0.0]), np.array([True]))).all()


def test_predicting_the_base_rate_is_the_yardstick() -> None:
    outcome = np.arange(100) < 30
    found = judge(np.full(100, 0.3), outcome)
    assert found.log_loss == pytest.approx(found.log_loss_of_base_rate)
    assert found.brier == pytest.approx(found.brier_of_base_rate)
    assert found.calibration_error == pytest.approx(0)
    assert found.auc.estimate == 0.5
    assert average_precision(np.full(100, 0.3), outcome).value == pytest.approx(0.3)


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(PredictError, match="between 0 and 1"):
        judge(np.array([probability]), np.array([True]))


def test_different_lengths_and_nobody_are_refused() -> None:
    with pytest.raises(PredictError, match="one probability and one outcome"):
        judge(np.array([0.1]), np.array([True, False]))
    with pytest.raises(PredictError, match="found 0 and 0"):
        judge(np.empty(0), np.empty(0, dtype=bool))
