"""Frequent sets: against counting by hand, the published figures of Online Retail, and odd baskets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from aimwell.errors import PredictError
from aimwell.predict.patterns import itemsets as counting
from aimwell.predict.patterns.itemsets import (
    Baskets,
    Itemsets,
    find_itemsets,
    halves_of,
    least_baskets,
    pairs_with,
    size_classes,
)


def made(baskets: Sequence[set[int]], items: int) -> Baskets:
    lines = [(row, item) for row, basket in enumerate(baskets) for item in sorted(basket)]
    columns = np.array(lines, dtype=np.int64).reshape(-1, 2)
    ones = np.ones(len(columns), np.int32)
    return Baskets(
        sparse.csc_array((ones, (columns[:, 0], columns[:, 1])), shape=(len(baskets), items)),
        tuple(f"i{number}" for number in range(items)),
        halves_of(np.arange(len(baskets), dtype=np.float64)),
        size_classes(np.array([len(basket) for basket in baskets])),
    )


def as_dict(found: Itemsets) -> dict[tuple[int, ...], int]:
    return {
        tuple(int(one) for one in members if one >= 0): int(count)
        for members, count in zip(found.members, found.counts.sum(axis=1), strict=True)
    }


def by_hand(baskets: Sequence[set[int]], least: int, largest: int) -> dict[tuple[int, ...], int]:
    items = sorted(set().union(*baskets))
    counts = {
        chosen: sum(set(chosen) <= basket for basket in baskets)
        for size in range(1, largest + 1)
        for chosen in combinations(items, size)
    }
    return {chosen: count for chosen, count in counts.items() if count >= least}


shelves = st.lists(st.sets(st.integers(0, 6), min_size=1), min_size=1, max_size=25)


@settings(max_examples=120, deadline=None)
@given(shelves, st.integers(1, 6), st.integers(2, 4))
def test_sets_are_those_counted_by_hand(baskets: list[set[int]], least: int, largest: int) -> None:
    found = find_itemsets(made(baskets, 7), support=min(1.0, least / len(baskets)), largest=largest)
    assert as_dict(found) == by_hand(baskets, min(least, len(baskets)), largest)
    assert found.totals.sum() == len(baskets)
    assert (found.counts <= found.totals).all()


def test_pieces_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    baskets = made([set(rng.choice(30, 6, replace=False).tolist()) for _ in range(400)], 30)
    whole = find_itemsets(baskets, support=0.01)
    monkeypatch.setattr(counting, "_CELLS", 70)
    pieces = find_itemsets(baskets, support=0.01)
    assert as_dict(pieces) == as_dict(whole)
    assert len(whole.find(whole.members)) == len(whole)
    assert (whole.find(whole.members) == np.arange(len(whole))).all()


def test_pairs_with_one_item_are_among_all_pairs() -> None:
    rng = np.random.default_rng(4)
    baskets = made([set(rng.choice(12, 4, replace=False).tolist()) for _ in range(200)], 12)
    found = as_dict(pairs_with(baskets, 5, least=3))
    whole = as_dict(find_itemsets(baskets, support=3 / 200, largest=2))
    assert found == {sets: n for sets, n in whole.items() if len(sets) == 1 or 5 in sets}


def test_a_support_that_hits_a_count_exactly_counts_it() -> None:
    assert least_baskets(0.1, 30) == 3
    assert least_baskets(0.07, 100) == 7
    assert least_baskets(1e-9, 5) == 1


def test_classes_of_size_hold_about_as_many_lines_and_never_split_a_size() -> None:
    size = np.repeat([1, 2, 5, 50, 400], [500, 250, 100, 10, 1])
    of_each = size_classes(size)
    classes = {int(one): set(of_each[size == one].tolist()) for one in set(size)}
    assert all(len(found) == 1 for found in classes.values())
    assert [min(classes[one]) for one in (1, 2, 5, 50, 400)] == [0, 1, 2, 3, 4]


def test_halves_are_of_time_not_of_baskets() -> None:
    assert halves_of(np.array([0.0, 1.0, 2.0, 10.0])).tolist() == [0, 0, 0, 1]
    assert halves_of(np.zeros(0)).tolist() == []


@pytest.mark.parametrize("support", [0.0, -0.1, 1.1, float("nan")])
def test_a_support_that_cannot_be_is_refused(support: float) -> None:
    with pytest.raises(PredictError, match="share of baskets"):
        find_itemsets(made([{0, 1}], 2), support=support)


@pytest.mark.parametrize("largest", [1, 5])
def test_sizes_that_are_not_sought_are_refused(largest: int) -> None:
    with pytest.raises(PredictError, match="2 to 4"):
        find_itemsets(made([{0, 1}], 2), support=0.5, largest=largest)


def test_nothing_frequent_is_no_error() -> None:
    found = find_itemsets(made([{0}, {1}, {2}], 3), support=0.9)
    assert len(found) == 0
    assert found.frequent == 0
