"""Matrix factorisation: the exact solution of each half step, planted tastes, the same again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

import aimwell.predict.recommend.factors as factors
from aimwell.predict.recommend.factors import Factors, fit_factors, place_people


def planted(people: int = 90, products: int = 30, *, seed: int = 1) -> np.ndarray:
    """Three tastes; who has one buys nine tenths of their products of it."""
    draw = np.random.default_rng(seed)
    table = np.zeros((people, products))
    for person in range(people):
        own = draw.random(products) < np.where(np.arange(products) % 3 == person % 3, 0.5, 0.03)
        table[person, own] = 1
    return table


def exact(found: Factors, table: np.ndarray) -> np.ndarray:
    """Equation 4 of Hu, Koren & Volinsky, person by person."""
    y = found.products.astype(float)
    rows = []
    for weights in table:
        c = 1 + found.confidence * weights
        left = y.T @ (c[:, None] * y) + found.penalty * np.eye(y.shape[1])
        rows.append(np.linalg.solve(left, y.T @ (c * (weights > 0))))
    return np.array(rows)


def test_people_are_placed_by_the_least_squares_solution() -> None:
    table = planted()
    found = Factors(np.random.default_rng(2).normal(size=(30, 6)).astype(np.float32))
    assert place_people(found, csr_array(table)) == pytest.approx(exact(found, table), abs=2e-3)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = csr_array(planted())
    whole = fit_factors(table, factors=8, seed=1)
    monkeypatch.setattr(factors, "_ENTRIES_MOST", 7)
    parts = fit_factors(table, factors=8, seed=1)
    assert parts.products == pytest.approx(whole.products, abs=1e-4)


def test_planted_tastes_are_found() -> None:
    table = planted(300)
    found = fit_factors(csr_array(table), factors=8, seed=1)
    score = place_people(found, csr_array(table)) @ found.products.T
    score[table > 0] = -np.inf
    best = np.argmax(score, axis=1)
    assert (best % 3 == np.arange(300) % 3).mean() > 0.95


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    table = csr_array(planted())
    one, two, other = (fit_factors(table, factors=4, seed=seed).products for seed in (1, 1, 2))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


def test_who_did_nothing_has_no_taste() -> None:
    found = fit_factors(csr_array(planted()), factors=4)
    assert not place_people(found, csr_array((2, 30), dtype=np.float32)).any()
