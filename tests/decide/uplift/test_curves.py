"""Qini, area under the uplift curve and uplift@k, against the ten rows that were worked out by hand and by other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.uplift.curves import auuc, qini, qini_curve, uplift_at, uplift_curve
from aimwell.decide.uplift.scikit_uplift import qini_auc_score, uplift_auc_score
from aimwell.errors import DecideError

OUTCOME = np.array([1, 0, 1, 1, 0, 1, 0, 0, 1, 0], dtype=float)
TREATED = np.array([1, 1, 0, 1, 0, 1, 0, 1, 0, 0])
SCORES = -np.arange(10.0)


def test_the_curve_of_ten_rows_is_as_counted_by_hand() -> None:
    k, curve = qini_curve(OUTCOME, TREATED, SCORES)
    assert k.tolist() == list(range(11))
    expected = [0, 1, 1, -1, -1, 0.5, 1, 5 / 3, 4 / 3, 0.5, 1]
    assert curve == pytest.approx(expected)


def test_our_qini_is_the_area_beyond_chance_per_treated_person() -> None:
    assert qini(OUTCOME, TREATED, SCORES) == pytest.approx(0.05 / 5)


def test_scikit_uplifts_values_come_out_to_its_last_digit() -> None:
    assert qini_auc_score(OUTCOME, TREATED, SCORES).value == pytest.approx(0.0270270, abs=1e-7)
    plain = qini_auc_score(OUTCOME, TREATED, SCORES, negative_effect=False)
    assert plain.value == pytest.approx(0.1111111, abs=1e-7)
    assert uplift_auc_score(OUTCOME, TREATED, SCORES).value == pytest.approx(-0.0605469, abs=1e-7)


def test_uplift_at_three_tenths_of_ten_rows() -> None:
    assert uplift_at(OUTCOME, TREATED, SCORES, share=0.3).value == pytest.approx(-0.5)


def test_uplift_among_people_of_one_side_is_missing_with_a_reason() -> None:
    found = uplift_at(OUTCOME, TREATED, SCORES, share=0.2)
    assert found.value is None
    assert found.reason == "the first 20% hold no controls"


def test_a_perfect_order_that_gains_nothing_has_no_normalised_qini() -> None:
    nobody = np.zeros(10)
    assert qini_auc_score(nobody, TREATED, SCORES).value is None


def test_equal_scores_tell_nothing_whatever_the_order_of_the_rows() -> None:
    same = np.zeros(10)
    assert qini(OUTCOME, TREATED, same) == pytest.approx(0.0)
    assert auuc(OUTCOME, TREATED, same) == pytest.approx((0.6 - 0.4) / 2)


@given(st.permutations(range(10)), st.lists(st.integers(0, 3), min_size=10, max_size=10))
def test_the_order_of_rows_never_matters(order: list[int], scores: list[int]) -> None:
    given_, rows = np.array(scores, float), np.array(order)
    one = qini(OUTCOME, TREATED, given_), auuc(OUTCOME, TREATED, given_)
    other = (
        qini(OUTCOME[rows], TREATED[rows], given_[rows]),
        auuc(OUTCOME[rows], TREATED[rows], given_[rows]),
    )
    assert one == pytest.approx(other)


def test_the_uplift_curve_ends_at_the_average_effect() -> None:
    assert uplift_curve(OUTCOME, TREATED, SCORES)[1][-1] == pytest.approx(0.2)


def test_one_side_alone_has_no_curve() -> None:
    with pytest.raises(DecideError, match="treated people and controls"):
        qini(OUTCOME, np.ones(10, dtype=np.int64), SCORES)
