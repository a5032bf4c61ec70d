"""Features that grow with the history: brought to its length at the moment of learning, all others as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.history.features import feature_names
from aimwell.predict.ageing import Ageing, ageing_between, oldest_days

NAMES = ("orders", "orders_365d", "orders_90d", "recency_days", "average_order_value", "own:x")


def test_counts_of_a_life_shrink_as_the_history_grows_and_windows_once_they_reach_beyond_it() -> (
    None
):
    young = Ageing(days=200, growth=1)
    (found,) = young.stated(np.full((1, 6), 10.0), NAMES, later_days=200)
    # 400 days of orders as in 200; the last 365 days of 400 as in 200; what was whole then is as it is.
    assert found == pytest.approx([5.0, 10 * 200 / 365, 10, 10, 10, 10])
    assert young.grown(NAMES) == ("orders", "orders_365d")


def test_a_history_of_years_hardly_changes_anything_and_one_that_does_not_grow_nothing() -> None:
    values = np.full((2, 6), 10.0)
    (old, _) = Ageing(days=2000, growth=1).stated(values, NAMES, later_days=90)
    assert old == pytest.approx([10 * 2000 / 2090, 10, 10, 10, 10, 10])
    still = Ageing(days=60, growth=0)
    assert still.stated(values, NAMES, later_days=500) is values
    assert still.grown(NAMES) == ()


@given(
    days=st.floats(10, 3000),
    growth=st.floats(0, 1),
    later=st.floats(0, 1000),
    further=st.floats(0, 1000),
)
def test_at_the_moment_of_learning_nothing_changes_and_later_never_more(
    days: float, growth: float, later: float, further: float
) -> None:
    names = feature_names()
    ones = np.ones((1, len(names)))
    ageing = Ageing(days, growth)
    assert (ageing.stated(ones, names, later_days=0) == 1).all()
    near = ageing.stated(ones, names, later_days=later)
    far = ageing.stated(ones, names, later_days=later + further)
    assert ((far <= near) & (near <= 1) & (far > 0)).all()


def test_its_growth_is_read_off_the_oldest_customers() -> None:
    rng = np.random.default_rng(0)
    first = rng.uniform(0, 100, 5_000)
    before, after = oldest_days(100 - first), oldest_days(145 - first)
    found = ageing_between(before, after, elapsed_days=45)
    assert found is not None
    assert found.days == pytest.approx(99, abs=0.5)
    assert found.growth == pytest.approx(1)
    # People of a segment of the new: always those of the last 60 days.
    new = rng.uniform(0, 60, 5_000)
    same = ageing_between(oldest_days(new), oldest_days(new[::-1]), elapsed_days=45)
    assert same is not None
    assert same.growth == 0


def test_where_nobody_bought_it_is_not_known() -> None:
    assert oldest_days(np.full(500, np.nan)) is None
    assert oldest_days(np.arange(19.0)) is None
    assert ageing_between(None, 100, elapsed_days=45) is None
    assert ageing_between(0.0, 10.0, elapsed_days=45) is None
