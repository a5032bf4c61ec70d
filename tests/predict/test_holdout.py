"""Predicted against actual: the published figures of CDNOW, buckets, and undefined figures with reasons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import PredictError
from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.holdout import check_holdout, frequency_buckets, quantile_buckets
from aimwell.predict.ranges import Ranges


def test_the_holdout_of_cdnow_has_the_published_figures(cdnow, cdnow_model: BgNbd) -> None:
    expected = cdnow_model.expected_purchases(cdnow.history, cdnow.holdout_weeks)
    check = check_holdout(
        expected, cdnow.holdout, buckets=frequency_buckets(cdnow.history.frequency)
    )
    assert [bucket.label for bucket in check.buckets] == [*"0123456", "7+"]
    assert [bucket.mean_actual for bucket in check.buckets] == pytest.approx(
        [0.237, 0.697, 1.393, 1.56, 2.532, 2.947, 3.862, 6.359], abs=6e-4
    )
    assert [bucket.mean_predicted for bucket in check.buckets] == pytest.approx(
        [0.225, 0.523, 1.044, 1.52, 2.164, 2.654, 3.504, 6.157], abs=6e-4
    )
    assert check.people == 2357
    assert sum(bucket.people for bucket in check.buckets) == 2357
    assert check.correlation.value == pytest.approx(0.6256, abs=5e-5)
    assert check.mae == pytest.approx(0.7855, abs=1e-4)
    assert check.rmse == pytest.approx(1.608, abs=5e-4)
    assert check.total_predicted == pytest.approx(1653, abs=0.6)
    assert check.total_actual == 1882


def test_predicting_zero_scores_well_on_the_mean_absolute_error_and_is_unmasked(cdnow) -> None:
    zero = np.zeros(len(cdnow.holdout))
    check = check_holdout(zero, cdnow.holdout, buckets=frequency_buckets(cdnow.history.frequency))
    assert check.mae == check.mae_of_zero == pytest.approx(0.798, abs=1e-3)
    assert check.correlation.value is None
    assert check.correlation.reason == "the predicted amount is the same for everybody"
    assert check.total_predicted == 0


@given(
    rows=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=60),
    parts=st.integers(2, 12),
)
def test_buckets_hold_everybody_once_and_add_up(
    rows: list[tuple[float, float]], parts: int
) -> None:
    predicted, actual = (np.array(side) for side in zip(*rows, strict=True))
    check = check_holdout(predicted, actual, buckets=quantile_buckets(predicted, parts=parts))
    assert sum(bucket.people for bucket in check.buckets) == len(rows)
    assert 1 <= len(check.buckets) <= parts
    total = sum(bucket.people * bucket.mean_actual for bucket in check.buckets)
    assert total == pytest.approx(check.total_actual, abs=1e-6)
    means = [bucket.mean_predicted for bucket in check.buckets]
    assert means == sorted(means)


def test_equal_predictions_stay_in_one_bucket() -> None:
    predicted = np.array([1.0] * 50 + [2.0] * 3)
    code, labels = quantile_buckets(predicted, parts=10)
    assert len(np.unique(code[:50])) == 1
    assert len(np.unique(code)) == 2
    assert len(labels) == code.max() + 1


def test_the_share_inside_the_intervals_is_counted() -> None:
    ranges = Ranges(np.array([0.0, 0, 0, 0]), np.array([1.0, 1, 1, 1]))
    predicted, actual = np.array([0.5, 0.5, 0.5, 0.4]), np.array([0.0, 1, 2, 3])
    code = frequency_buckets(np.zeros(4))
    assert check_holdout(predicted, actual, buckets=code, ranges=ranges).inside == 0.5
    assert check_holdout(predicted, actual, buckets=code).inside is None


def test_missing_amounts_and_different_lengths_are_refused() -> None:
    code = frequency_buckets(np.zeros(2))
    with pytest.raises(PredictError, match="missing"):
        check_holdout(np.array([1.0, np.nan]), np.ones(2), buckets=code)
    with pytest.raises(PredictError, match="same length"):
        check_holdout(np.ones(3), np.ones(2), buckets=code)
    with pytest.raises(PredictError, match="same length"):
        check_holdout(np.zeros(0), np.zeros(0), buckets=frequency_buckets(np.zeros(0)))
