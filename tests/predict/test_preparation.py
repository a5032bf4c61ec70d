"""Features made fit for a linear model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aimwell.predict.preparation import prepare

CELLS = st.one_of(st.just(float("nan")), st.floats(-1e9, 1e9), st.floats(0, 1))


@example(
    rows=[(0.0, 0.0, 0.0), (1e-9, 1e-9, 1e-9)]
)  # hardly any spread: a large number is beyond all numbers then
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=40))
def test_whatever_comes_the_result_is_finite_and_bounded(rows: list[tuple[float, ...]]) -> None:
    values = np.array(rows)
    preparation = prepare(values)
    ready = preparation.apply(values)
    assert ready.shape == (len(rows), len(preparation.sources))
    assert np.isfinite(ready).all()
    assert (np.abs(ready) <= 5).all()
    later = preparation.apply(np.full((3, 3), 1e300))
    assert (np.abs(later) <= 5).all()


def test_long_tails_are_shortened_and_short_ones_left() -> None:
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.lognormal(3, 1.2, 2000), rng.normal(50, 5, 2000)])
    spend, age = prepare(values).columns
    assert spend.log
    assert not age.log
    ready = prepare(values).apply(values)
    assert ready.mean(axis=0) == pytest.approx([0, 0], abs=0.01)
    assert ready.std(axis=0) == pytest.approx([1, 1], abs=0.02)


def test_a_column_with_negative_values_is_never_logged() -> None:
    values = np.random.default_rng(0).lognormal(0, 2, (500, 1)) - 0.5
    assert not prepare(values).columns[0].log


def test_gaps_are_filled_by_the_median_and_marked() -> None:
    values = np.array([[1.0], [2.0], [3.0], [np.nan]])
    preparation = prepare(values)
    assert preparation.sources == (0, 0)
    ready = preparation.apply(values)
    assert ready[3, 0] == ready[1, 0]
    assert ready[:, 1].tolist() == [0, 0, 0, 1]


def test_what_says_nothing_is_left_out_and_a_constant_with_gaps_says_something() -> None:
    gap = np.nan
    values = np.array([[7.0, gap, 7.0, 1.0], [7.0, gap, gap, 2.0], [7.0, gap, 7.0, 3.0]])
    preparation = prepare(values)
    assert preparation.sources == (3, 2)
    assert preparation.apply(values)[:, 1].tolist() == [0, 1, 0]


def test_nothing_but_constants_leaves_no_column() -> None:
    preparation = prepare(np.ones((4, 2)))
    assert preparation.apply(np.ones((4, 2))).shape == (4, 0)


def test_values_below_zero_in_a_later_period_do_not_break_a_logged_column() -> None:
    values = np.random.default_rng(1).lognormal(0, 2, (500, 1))
    preparation = prepare(values)
    assert preparation.columns[0].log
    later = preparation.apply(np.array([[-3.0], [0.0]]))
    assert later[0, 0] == later[1, 0]
