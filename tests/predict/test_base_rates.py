"""The rule by recency: counted shares, bands that keep equal values together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.base_rates import RecencyLearner

COLUMN = st.lists(
    st.tuples(st.one_of(st.just(float("nan")), st.integers(0, 20).map(float)), st.booleans()),
    min_size=1,
    max_size=80,
)


@given(rows=COLUMN, bands=st.integers(1, 8))
def test_scores_are_the_counted_shares_drawn_in_by_ten_people(
    rows: list[tuple[float, bool]], bands: int
) -> None:
    values = np.array([[row[0]] for row in rows])
    outcome = np.array([row[1] for row in rows])
    rates = RecencyLearner(0, bands=bands).fit(values, outcome)
    scores = rates.score(values)
    assert len(rates.rates) == len(rates.edges) + 1 <= bands + 1
    missing = np.isnan(values[:, 0])
    band = np.where(missing, -1, np.searchsorted(rates.edges, values[:, 0]))
    for number in np.unique(band):
        same = band == number
        drawn_in = (outcome[same].sum() + 10 * outcome.mean()) / (same.sum() + 10)
        assert scores[same] == pytest.approx(drawn_in)


def test_equal_values_share_a_band_and_unseen_ones_fall_into_the_outermost() -> None:
    values = np.array([[1.0]] * 60 + [[5.0]] * 20 + [[90.0]] * 20)
    outcome = np.r_[np.ones(60), np.zeros(40)].astype(bool)
    rates = RecencyLearner(0).fit(values, outcome)
    near, middle, far = rates.score(np.array([[0.0], [5.0], [1e6]]))
    assert near == pytest.approx((60 + 6) / 70)
    assert middle == far == pytest.approx((0 + 6) / 30)


def test_without_a_feature_everybody_has_the_base_rate() -> None:
    rates = RecencyLearner(None).fit(np.ones((4, 1)), np.array([True, False, False, False]))
    assert rates.score(np.ones((3, 1))).tolist() == [0.25] * 3
    assert rates.influences(2).tolist() == [0, 0]


def test_people_without_a_value_have_a_share_of_their_own() -> None:
    values = np.r_[np.full(50, np.nan), np.arange(50.0)][:, None]
    outcome = np.r_[np.zeros(50), np.ones(50)].astype(bool)
    rates = RecencyLearner(0).fit(values, outcome)
    assert rates.score(values)[0] == pytest.approx(5 / 60)
    all_gaps = RecencyLearner(0).fit(np.full((4, 1), np.nan), np.array([True, False, True, False]))
    assert all_gaps.score(np.array([[np.nan], [3.0]])).tolist() == [0.5, 0.5]
