"""Likeness of products against plain formulas on whole tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

import aimwell.predict.recommend.neighbours as neighbours
from aimwell.predict.recommend.neighbours import WEIGHTINGS, Weighting, find_neighbours


def plain(table: np.ndarray, weighting: Weighting, shrink: float) -> np.ndarray:
    """Products × products, straight from the definitions."""
    size = table.shape[1]
    found = np.zeros((size, size))
    if weighting == "bm25":
        rarity = np.maximum(np.log(size) - np.log1p((table > 0).sum(axis=1)), 0)
        length = table.sum(axis=0)
        norm = 0.25 + 0.75 * length / length.mean()
        weighed = np.where(table > 0, table * 2.2 / (1.2 * norm + table), 0) * rarity[:, None]
        found = weighed.T @ weighed
    for i in range(size):
        for j in range(size):
            a, b = table[:, i], table[:, j]
            if weighting == "cosine" and (a * b).sum():
                found[i, j] = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
                found[i, j] *= (a * b).sum() / ((a * b).sum() + shrink)
            elif weighting == "jaccard" and (a * b).sum():
                both, either = ((a > 0) & (b > 0)).sum(), ((a > 0) | (b > 0)).sum()
                found[i, j] = both / either * both / (both + shrink)
    np.fill_diagonal(found, 0)
    return np.maximum(found, 0)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("shrink", [0.0, 3.0])
def test_the_likeness_is_that_of_the_definition(weighting: Weighting, shrink: float) -> None:
    table = (np.random.default_rng(3).random((40, 15)) < 0.3).astype(float)
    table[table > 0] = np.random.default_rng(4).choice([1.0, 0.5], int(table.sum()))
    found = find_neighbours(csr_array(table), weighting, keep=15, shrink=shrink).toarray()
    assert found == pytest.approx(plain(table, weighting, shrink), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(WEIGHTINGS),
    st.integers(1, 6),
    st.sampled_from([1, 30, 10**6]),
)
def test_blocks_change_nothing_and_only_the_nearest_are_kept(
    seed: int, weighting: Weighting, keep: int, cells: int
) -> None:
    table = (np.random.default_rng(seed).random((30, 10)) < 0.4).astype(float)
    whole = plain(table, weighting, 3.0)
    before, neighbours._CELLS_MOST = neighbours._CELLS_MOST, cells
    try:
        found = find_neighbours(csr_array(table), weighting, keep=keep, shrink=3.0)
    finally:
        neighbours._CELLS_MOST = before
    assert np.diff(found.indptr).max() <= keep
    for row in range(10):
        kept = np.sort(found[[row]].toarray()[0])[::-1][:keep]
        assert kept == pytest.approx(np.sort(whole[row])[::-1][:keep], abs=1e-6)


def test_what_one_person_bought_together_is_no_likeness_of_1() -> None:
    table = np.zeros((30, 4))
    table[0, :2] = 1
    table[5:25, 2:] = 1
    found = find_neighbours(csr_array(table), "cosine").toarray()
    assert found[0, 1] == pytest.approx(1 / 4)
    assert found[2, 3] == pytest.approx(20 / 23)


def test_a_product_alone_has_no_neighbour() -> None:
    found = find_neighbours(csr_array(np.array([[1.0, 0.0], [0.0, 1.0]])), "jaccard")
    assert found.nnz == 0
