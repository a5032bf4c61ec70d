"""Matrix factorisation of implicit feedback: a few numbers for each person and product whose product says who likes what.

Hu, Koren & Volinsky (2008), "Collaborative filtering for implicit feedback datasets": preference is 1 where there was anything,
with confidence 1 + α·weight, and 0 elsewhere with confidence 1 (equations 2 to 5). Each half step solves a least-squares
problem for each row; a few steps of conjugate gradients from the last solution do (Takács, Pilászy & Tikk 2011).

People's numbers are not kept: they follow from the products' numbers and what the person did, so a new person is served too
and a stored model holds nothing of anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

__all__ = ["FACTORS", "Factors", "fit_factors", "place_people"]

FloatMatrix = npt.NDArray[np.float32]

FACTORS = 64
_ROUNDS = 12
_STEPS = 3
_FOLD_STEPS = 8
# Entries whose factors are gathered at once: 4 bytes × 64 × 2 each.
_ENTRIES_MOST = 500_000


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """Products × factors, and the constants that they were fitted with."""

    products: FloatMatrix
    confidence: float = 5.0
    penalty: float = 60.0


def fit_factors(
    weights: csr_array, *, factors: int = FACTORS, seed: int = 0, rounds: int = _ROUNDS
) -> Factors:
    """Factors of the products.

    Args:
        weights: People × products, above 0.
        factors: How many numbers each gets.
        seed: Of the start; the same people and seed give the same.
        rounds: Of both half steps.
    """
    draw = np.random.default_rng(seed)
    by_person = csr_array(weights, dtype=np.float32)
    by_product = csr_array(by_person.T)
    found = Factors((draw.standard_normal((weights.shape[1], factors)) * 0.1).astype(np.float32))
    people = np.zeros((weights.shape[0], factors), dtype=np.float32)
    products = found.products
    for _ in range(rounds):
        people = _solved(people, by_person, products, found, _STEPS)
        products = _solved(products, by_product, people, found, _STEPS)
    return Factors(products, found.confidence, found.penalty)


def place_people(factors: Factors, weights: csr_array) -> FloatMatrix:
    """The factors of people (rows of `weights`), given those of the products."""
    start = np.zeros((weights.shape[0], factors.products.shape[1]), dtype=np.float32)
    rows = csr_array(weights, dtype=np.float32)
    return _solved(start, rows, factors.products, factors, _FOLD_STEPS)


def _solved(
    start: FloatMatrix, rows: csr_array, other: FloatMatrix, constants: Factors, steps: int
) -> FloatMatrix:
    """A few steps towards the least-squares solution of every row, in blocks of rows."""
    gram = other.T @ other + np.float32(constants.penalty) * np.eye(
        other.shape[1], dtype=np.float32
    )
    solved = np.empty_like(start)
    for first, last in _blocks(rows.indptr):
        solved[first:last] = _conjugate_gradients(
            start[first:last], rows[first:last], other, gram, constants.confidence, steps
        )
    return solved


def _conjugate_gradients(
    x: FloatMatrix,
    rows: csr_array,
    other: FloatMatrix,
    gram: FloatMatrix,
    confidence: float,
    steps: int,
) -> FloatMatrix:
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    near = other[rows.indices]
    extra = np.float32(confidence) * rows.data

    def applied(vectors: FloatMatrix) -> FloatMatrix:
        dots = np.einsum("ij,ij->i", near, vectors[row])
        return np.asarray(vectors @ gram + _summed(rows, extra * dots, other))

    x = x.copy()
    residual = _summed(rows, 1 + extra, other) - applied(x)
    direction = residual.copy()
    size = (residual**2).sum(axis=1)
    for _ in range(steps):
        turned = applied(direction)
        along = (direction * turned).sum(axis=1)
        step = np.divide(size, along, out=np.zeros_like(size), where=along > 1e-20)[:, None]
        x += step * direction
        residual -= step * turned
        fresh = (residual**2).sum(axis=1)
        grown = np.divide(fresh, size, out=np.zeros_like(size), where=size > 1e-20)[:, None]
        direction = residual + grown * direction
        size = fresh
    return x


def _summed(rows: csr_array, values: npt.NDArray[np.float32], other: FloatMatrix) -> FloatMatrix:
    """Of each row the sum of others' factors, weighted by `values`."""
    return np.asarray(csr_array((values, rows.indices, rows.indptr), shape=rows.shape) @ other)


def _blocks(starts: npt.NDArray[np.integer]) -> list[tuple[int, int]]:
    """Runs of rows of at most so many entries, or one row."""
    edges, rows = [0], len(starts) - 1
    while edges[-1] < rows:
        reach = int(np.searchsorted(starts, starts[edges[-1]] + _ENTRIES_MOST, side="right")) - 1
        edges.append(min(rows, max(reach, edges[-1] + 1)))
    return list(pairwise(edges))
