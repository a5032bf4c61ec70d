"""Which sets of items are often in one basket, counted by products of sparse matrices.

A set can only be as frequent as the sets within it (Agrawal and Srikant 1994), so sets of one size more are sought only
from those found. The baskets of all pairs are one product Xᵀ X of the matrix baskets × items; those of larger sets the
product of the sets' own columns with X. Columns are taken in pieces, so memory is bounded whatever the number of items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy import sparse

from aimwell.errors import PredictError
from aimwell.predict.purchases import IntArray
from aimwell.stats.samples import FloatArray

__all__ = [
    "PERIODS",
    "Baskets",
    "Itemsets",
    "by_part",
    "find_itemsets",
    "halves_of",
    "least_baskets",
    "pairs_with",
    "size_classes",
]

PERIODS = 2
_SIZE_CLASSES = 5
_LARGEST = 4
_CELLS = 4_000_000  # of one piece, about at most
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Baskets:
    """Baskets × items, 1 where the item is in the basket.

    Args:
        matrix: Counts of 0 and 1; one row a basket, one column an item.
        items: What each column stands for.
        period: Of each basket: 0 in the first half of time, 1 in the second.
        size_class: Of each basket: 0 for the smallest ones; each class holds about as many lines.
    """

    matrix: sparse.csc_array
    items: tuple[str, ...]
    period: IntArray
    size_class: IntArray

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def part(self) -> IntArray:
        """The period and the size class of each basket as one number."""
        part: IntArray = self.period * _SIZE_CLASSES + self.size_class
        return part

    @property
    def parts(self) -> sparse.csr_array:
        """Parts × baskets: which part each basket belongs to."""
        rows = np.arange(len(self))
        shape = (PERIODS * _SIZE_CLASSES, len(self))
        return sparse.csr_array((np.ones(len(self), np.int32), (self.part, rows)), shape=shape)


@dataclass(frozen=True, slots=True, eq=False)
class Itemsets:
    """Frequent sets, the smaller ones first.

    Args:
        members: One row a set: columns of `Baskets.items` in ascending order, then −1.
        counts: Baskets that hold the set, by part (period, then size class).
        totals: All baskets, by part.
        frequent: How many items alone are frequent.
        least: In how many baskets a set must be.
    """

    members: IntArray
    counts: IntArray
    totals: IntArray
    frequent: int
    least: int

    def __len__(self) -> int:
        return len(self.members)

    @property
    def sizes(self) -> IntArray:
        """How many items each set has."""
        sizes: IntArray = (self.members >= 0).sum(axis=1)
        return sizes

    def find(self, members: IntArray) -> IntArray:
        """The rows of sets that are among the frequent ones, written as `members` is."""
        order = np.lexsort(self.members.T[::-1])
        known, wanted = _as_one(self.members[order]), _as_one(members)
        found: IntArray = order[np.searchsorted(known, wanted)]
        return found


def _as_one(members: IntArray) -> np.ndarray:
    """Each row as one value that sorts as the row does."""
    rows = np.ascontiguousarray(members + 1, dtype=">u4")
    return rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()


def halves_of(at: FloatArray) -> IntArray:
    """0 in the first half of the time from the first to the last basket, 1 in the second; any number that grows with time."""
    middle = at.min() + (at.max() - at.min()) / 2 if len(at) else 0.0
    later: IntArray = (at > middle).astype(np.int64)
    return later


def size_classes(size: IntArray) -> IntArray:
    """Classes of baskets by their number of different products, each of about equally many lines, so that the few very large baskets are told apart too."""
    lines = np.bincount(size, weights=np.arange(1, size.max(initial=0) + 2)[size]).cumsum()
    below = np.r_[0.0, lines[:-1]] / max(lines[-1], 1.0) if len(lines) else np.zeros(1)
    classes = np.minimum((below * _SIZE_CLASSES).astype(np.int64), _SIZE_CLASSES - 1)
    found: IntArray = classes[size]
    return found


def least_baskets(support: float, baskets: int) -> int:
    """In how many baskets a set must be for a support, 0–1; at least in one."""
    return max(1, ceil(support * baskets * (1 - _ROUNDING)))


def find_itemsets(baskets: Baskets, *, support: float, largest: int = 3) -> Itemsets:
    """Every set of up to `largest` items that is in at least the share `support` of the baskets.

    Raises:
        PredictError: A support that is not above 0 and at most 1, or a size that is not 2 to 4.
    """
    if not 0.0 < support <= 1.0:
        raise PredictError(
            f"The support is {support}. It is a share of baskets, above 0 and up to 1."
        )
    if not 2 <= largest <= _LARGEST:
        raise PredictError(f"Sets of up to {largest} items were asked for; 2 to {_LARGEST} can be.")
    least, parts = least_baskets(support, len(baskets)), baskets.parts
    kept, columns = _frequent(baskets, least)
    levels = [(np.arange(len(kept))[:, None], by_part(parts, columns))]
    for _size in range(2, largest + 1):
        levels.append(_extended(columns, parts, levels[-1][0], least))
    return _together(baskets, kept, levels, largest, least)


def pairs_with(baskets: Baskets, column: int, *, least: int) -> Itemsets:
    """The items that are in at least `least` baskets, and their pairs with the one item of `column` that are."""
    kept, columns = _frequent(baskets, least)
    place = int(np.searchsorted(kept, column))
    alone = np.arange(len(kept))[:, None]
    # The one column is spread over the others in pieces, so that a popular item does not fill the memory.
    counts = np.concatenate(
        [
            by_part(baskets.parts, _holding(columns, pair))
            for pair in _pieces(columns, np.column_stack([np.full(len(kept), place), alone[:, 0]]))
        ]
    )
    others = np.flatnonzero((counts.sum(axis=1) >= least) & (alone[:, 0] != place))
    pairs = np.sort(np.column_stack([others, np.full(len(others), place)]), axis=1)
    levels = [(alone, by_part(baskets.parts, columns)), (pairs, counts[others])]
    return _together(baskets, kept, levels, 2, least)


def _frequent(baskets: Baskets, least: int) -> tuple[IntArray, sparse.csc_array]:
    """The columns of items that are frequent by themselves, and these columns alone."""
    kept = np.flatnonzero(np.asarray(baskets.matrix.sum(axis=0)).ravel() >= least)
    return kept, baskets.matrix[:, kept]


def _together(
    baskets: Baskets,
    kept: IntArray,
    levels: list[tuple[IntArray, IntArray]],
    largest: int,
    least: int,
) -> Itemsets:
    """The sets of all sizes as one table, in columns of the baskets."""
    members = [
        np.pad(
            kept[sets] if len(sets) else sets,
            ((0, 0), (0, largest - sets.shape[1])),
            constant_values=-1,
        )
        for sets, _counts in levels
    ]
    totals = np.bincount(baskets.part, minlength=PERIODS * _SIZE_CLASSES)
    counts = np.concatenate([counts for _sets, counts in levels])
    return Itemsets(np.concatenate(members), counts, totals, len(kept), least)


def _extended(
    columns: sparse.csc_array, parts: sparse.csr_array, sets: IntArray, least: int
) -> tuple[IntArray, IntArray]:
    """The frequent sets of one item more, and their baskets by part."""
    rows = columns.tocsr()
    found: list[IntArray] = []
    counts: list[IntArray] = []
    for some in _pieces(columns, sets):
        together = (_holding(columns, some).T @ rows).tocoo()
        more = (together.data >= least) & (together.col > some[together.row, -1])
        larger = np.column_stack([some[together.row[more]], together.col[more]])
        larger = larger[np.lexsort(larger.T[::-1])]
        found.append(larger)
        counts.extend(by_part(parts, _holding(columns, few)) for few in _pieces(columns, larger))
    size = sets.shape[1] + 1
    none = np.zeros((0, size), np.int64)
    return (
        np.concatenate([none, *found]).astype(np.int64),
        np.concatenate([np.zeros((0, parts.shape[0]), np.int64), *counts]),
    )


def _pieces(columns: sparse.csc_array, sets: IntArray) -> Iterator[IntArray]:
    """The sets in pieces, of which neither the columns nor the product with all items takes more than `_CELLS` cells."""
    if not len(sets):
        return
    cells = np.diff(columns.indptr)[sets[:, 0]] + columns.shape[1]
    yield from np.split(sets, np.flatnonzero(np.diff(np.cumsum(cells) // _CELLS)) + 1)


def _holding(columns: sparse.csc_array, sets: IntArray) -> sparse.csc_array:
    """Baskets × sets, 1 where the basket holds the whole set."""
    held = columns[:, sets[:, 0]]
    for place in range(1, sets.shape[1]):
        held = held.multiply(columns[:, sets[:, place]]).tocsc()
    return held


def by_part(parts: sparse.csr_array, held: sparse.csc_array) -> IntArray:
    """Columns × parts: how many rows of each part have a 1 in the column."""
    found: IntArray = (parts @ held).toarray().T.astype(np.int64)
    return found
