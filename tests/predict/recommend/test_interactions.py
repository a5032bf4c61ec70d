"""Interactions as arrays: parts are the whole, what is handed out may be changed, nobody counts for too much."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from made_interactions import from_days, random_interactions


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 11), unique=True, min_size=1))
def test_the_pairs_of_some_are_theirs_of_everybody(seed: int, people: list[int]) -> None:
    made = random_interactions(12, 7, seed=seed)
    chosen = np.array(sorted(people))
    found, all_of_them = made.pairs(chosen), made.pairs()
    theirs = np.isin(all_of_them.person, chosen)
    assert chosen[found.person].tolist() == all_of_them.person[theirs].tolist()
    assert found.product.tolist() == all_of_them.product[theirs].tolist()
    taken = made.take(chosen)
    assert taken.pairs().days.tolist() == found.days.tolist()
    assert taken.people.to_pylist() == [made.people[one].as_py() for one in chosen]


def test_a_matrix_may_be_changed_without_harm() -> None:
    made = from_days([[1, 1, 0], [0, 2, 1]])
    found = made.matrix(np.array([0.0, 1.0, 0.0, 1.0]))
    found.eliminate_zeros()
    assert made.starts.tolist() == [0, 2, 4]
    assert made.product.tolist() == [0, 1, 1, 2]


def test_of_who_has_everything_only_the_latest_purchases_count() -> None:
    made = from_days(
        [[1, 1, 1, 0], [1, 0, 0, 0]],
        since=[[30, 10, 20, 0], [1, 0, 0, 0]],
        looked=[[0, 0, 0, 0.5], [0, 0, 0, 0]],
    )
    assert made.weights(most=2).toarray().tolist() == [[0, 1, 1, 0], [1, 0, 0, 0]]
    assert made.weights(most=9).toarray().tolist() == [[1, 1, 1, 0.5], [1, 0, 0, 0]]
