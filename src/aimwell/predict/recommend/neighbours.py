"""Which products go with which: weighted co-occurrence among people, the nearest of each product kept.

Products are columns of people × products. Three weightings: *cosine*; *jaccard* (people of both over people of either);
*bm25*, where who bought much counts less and a product that everybody has is not everybody's neighbour (Robertson & Zaragoza
2009, section 3; used on products by the library `implicit`, with the same K1 and B).

Two products that one person bought, and nobody else either of them, have a cosine of 1. So the first two weightings are drawn to
0 where few people have both (as Koren 2008, section 3.1, does with correlations).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array

from aimwell.stats.samples import FloatArray

__all__ = ["SHRINK", "WEIGHTINGS", "Weighting", "find_neighbours"]

Weighting = Literal["cosine", "jaccard", "bm25"]
WEIGHTINGS: tuple[Weighting, ...] = ("cosine", "jaccard", "bm25")

SHRINK = 3.0
_K1, _B = 1.2, 0.75
# Sums of a block of products over all others that are held at once: 8 bytes each and as much for their places.
_CELLS_MOST = 8_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Weighted:
    """Columns whose products are the likeness (`union`: how many people have both), and the size of each product."""

    columns: csc_array
    size: FloatArray | None
    union: bool = False


def find_neighbours(
    weights: csr_array, weighting: Weighting, *, keep: int = 50, shrink: float = SHRINK
) -> csr_array:
    """The likeness of each product to its `keep` nearest others.

    Args:
        weights: People × products, above 0.
        weighting: See above.
        keep: Neighbours of a product; equal ones by the order of products.
        shrink: Cosine and jaccard are multiplied by n / (n + shrink), where n people have both.

    Returns:
        Products × products, row by row the neighbours of a product; nothing on the diagonal. Rows are sorted by place.
    """
    prepared = _prepared(csc_array(weights, dtype=np.float64), weighting)
    columns = prepared.columns
    rows = csr_array(columns)
    products = columns.shape[1]
    block = max(1, min(products, _CELLS_MOST // max(1, products)))
    starts, places, values = [np.zeros(1, dtype=np.int64)], [], []
    for first in range(0, products, block):
        likeness = csr_array(columns[:, first : first + block].T @ rows)
        for row in range(likeness.shape[0]):
            product = first + row
            begin, end = likeness.indptr[row : row + 2]
            near, value = likeness.indices[begin:end].astype(np.int64), likeness.data[begin:end]
            if prepared.size is not None:
                value = _shrunk(value, prepared, product, near, shrink)
            near, value = _nearest(near, value, product, keep)
            places.append(near)
            values.append(value)
            starts.append(starts[-1] + len(near))
    return csr_array(
        (_joined(values, np.float32), _joined(places, np.int64), np.concatenate(starts, axis=None)),
        shape=(products, products),
    )


def _joined(parts: list[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)


def _nearest(
    near: np.ndarray, value: np.ndarray, product: int, keep: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `keep` highest but the product itself, by place."""
    other = (near != product) & (value > 0)
    near, value = near[other], value[other]
    if len(near) > keep:
        least = np.partition(value, len(value) - keep)[len(value) - keep]
        some = value >= least
        near, value = near[some], value[some]
        best = np.lexsort((near, -value))[:keep]
        near, value = near[best], value[best]
    order = np.argsort(near, kind="stable")
    return near[order], value[order]


def _shrunk(
    value: FloatArray, prepared: _Weighted, product: int, near: np.ndarray, shrink: float
) -> FloatArray:
    """The likeness of a product to others, smaller where few people have both."""
    assert prepared.size is not None  # noqa: S101 - asked before
    own, others = prepared.size[product], prepared.size[near]
    both = value if prepared.union else value * np.sqrt(own * others)
    likeness = value / (own + others - value) if prepared.union else value
    return np.asarray(likeness * both / (both + shrink))


def _prepared(weights: csc_array, weighting: Weighting) -> _Weighted:
    if weighting == "jaccard":
        binary = weights.copy()
        binary.data = np.ones_like(binary.data)
        return _Weighted(binary, np.asarray(binary.sum(axis=0), dtype=np.float64), union=True)
    if weighting == "bm25":
        return _Weighted(_bm25(weights), None)
    size = np.asarray(weights.power(2).sum(axis=0))
    scale = np.divide(1.0, np.sqrt(size), out=np.zeros_like(size), where=size > 0)
    return _Weighted(csc_array(weights @ diags_array(scale)), size)


def _bm25(weights: csc_array) -> csc_array:
    """Products are the documents, people the words."""
    products = weights.shape[1]
    entries = weights.tocoo()
    held = np.bincount(entries.coords[0], minlength=weights.shape[0])
    rarity = np.maximum(np.log(products) - np.log1p(held), 0.0)
    length = np.asarray(weights.sum(axis=0))
    mean = length.mean() if products else 1.0
    norm = (1.0 - _B) + _B * length / mean if mean > 0 else np.ones(products)
    person, product = entries.coords
    data = entries.data * (_K1 + 1.0) / (_K1 * norm[product] + entries.data) * rarity[person]
    return csc_array((data, (person, product)), shape=weights.shape)
