"""Counting purchases: several on a day are one, time runs from the first one, and dirt is refused."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import PredictError
from aimwell.predict.purchases import PurchaseHistory, count_purchases, summarise_purchases


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


def history(frequency: list[float], recency: list[float], age: list[float]) -> PurchaseHistory:
    return PurchaseHistory(np.array(frequency), np.array(recency), np.array(age))


def test_purchases_on_one_day_are_one_and_the_first_day_is_not_a_repeat() -> None:
    people, found = summarise_purchases(
        np.array(["b", "a", "a", "a", "b", "c"]),
        days("2026-01-01", "2026-01-01", "2026-01-15", "2026-01-15", "2026-02-05", "2026-03-01"),
        np.array([5.0, 10.0, 20.0, 30.0, 7.0, 1.0]),
        until=date(2026, 1, 29),
    )
    assert people.tolist() == ["a", "b"]
    assert found.frequency.tolist() == [1, 0]
    assert found.recency.tolist() == [2, 0]
    assert found.age.tolist() == [4, 4]
    assert found.spend is not None
    assert found.spend[0] == 50
    assert np.isnan(found.spend[1])


def test_the_last_day_counts_as_seen() -> None:
    _, found = summarise_purchases(
        np.array([1, 1]), days("2026-01-01", "2026-01-08"), until=date(2026, 1, 8)
    )
    assert (found.frequency[0], found.recency[0], found.age[0]) == (1, 1, 1)


def test_times_of_a_day_fall_into_their_day() -> None:
    moments = np.array(["2026-01-01T23:59", "2026-01-02T00:01"], dtype="datetime64[m]")
    _, found = summarise_purchases(np.array([1, 1]), moments, until=date(2026, 1, 8))
    assert found.frequency[0] == 1


def test_counting_ahead_counts_days_of_known_people_only() -> None:
    counted = count_purchases(
        np.array([1, 1, 1, 2, 9]),
        days("2026-01-08", "2026-01-09", "2026-01-09", "2026-01-10", "2026-01-09"),
        people=np.array([1, 2, 3]),
        after=date(2026, 1, 8),
        until=date(2026, 1, 9),
    )
    assert counted.tolist() == [1, 0, 0]


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 60), st.integers(0, 50)),
        min_size=1,
        max_size=40,
    ),
    until=st.integers(0, 60),
)
def test_the_summary_equals_counting_by_hand(rows: list[tuple[int, int, int]], until: int) -> None:
    seen: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for person, day, value in rows:
        if day <= until:
            seen[person][day] += value
    start = np.datetime64("2026-01-01", "D")
    arguments = (
        np.array([row[0] for row in rows]),
        start + np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
    )
    end = (start + until).astype(date)
    if not seen:
        with pytest.raises(PredictError, match="no purchase"):
            summarise_purchases(*arguments, until=end, unit_days=1)
        return
    people, found = summarise_purchases(*arguments, until=end, unit_days=1)
    assert people.tolist() == sorted(seen)
    for row, person in enumerate(sorted(seen)):
        bought = sorted(seen[person])
        assert found.frequency[row] == len(bought) - 1
        assert found.recency[row] == bought[-1] - bought[0]
        assert found.age[row] == until - bought[0]
        assert found.spend is not None
        if len(bought) > 1:
            mean = np.mean([seen[person][day] for day in bought[1:]])
            assert found.spend[row] == pytest.approx(mean)


@pytest.mark.parametrize(
    ("frequency", "recency", "age", "told"),
    [
        ([-1.0], [0.0], [5.0], "frequency must be a number of at least 0"),
        ([1.0], [float("nan")], [5.0], "recency must be a number of at least 0"),
        ([1.0], [1.0], [float("inf")], "age must be a number of at least 0"),
        ([1.0], [6.0], [5.0], "recency must not be beyond age"),
        ([1.5], [2.0], [5.0], "whole number"),
        ([0.0], [2.0], [5.0], "recency must be 0 where frequency is 0"),
        ([2.0], [0.0], [5.0], "recency must be above 0 where frequency is above 0"),
        ([1.0, 2.0], [1.0], [5.0], "same length"),
    ],
)
def test_a_wrong_history_is_refused_with_the_row(
    frequency: list[float], recency: list[float], age: list[float], told: str
) -> None:
    with pytest.raises(PredictError, match=told):
        history(frequency, recency, age)


def test_rounding_of_dates_does_not_put_a_recency_beyond_the_age() -> None:
    found = history([1.0], [0.1 + 0.2], [0.3])
    assert found.recency[0] == 0.3


def test_spend_is_checked_for_repeat_buyers_alone() -> None:
    fine = PurchaseHistory(
        np.array([0.0, 1.0]),
        np.array([0.0, 1.0]),
        np.array([2.0, 2.0]),
        spend=np.array([-3.0, 4.0]),
    )
    assert fine.spend is not None
    assert np.isnan(fine.spend[0])
    with pytest.raises(PredictError, match="Net returns"):
        PurchaseHistory(np.ones(1), np.ones(1), np.ones(1), spend=np.array([-3.0]))


def test_a_missing_day_is_refused() -> None:
    with pytest.raises(PredictError, match="no day"):
        summarise_purchases(np.array([1]), days("NaT"), until=date(2026, 1, 1))


def test_a_history_cannot_be_changed_afterwards() -> None:
    found = history([1.0], [1.0], [2.0])
    with pytest.raises(ValueError, match="read-only"):
        found.frequency[0] = 7
