"""What is new in people's next basket, against what others alike have new in theirs.

Each basket of a person is looked at with the next one, if that comes within some days. A person is at risk of B until
they first buy it, so they are a case of B once at most, as in a test of survival (Mantel 1966): what is bought again is
no finding, and nobody's liking for B counts twice. Compared are baskets of one stratum (as: the same month, as large, as
many orders before), those with A in them with those without, among people who never had B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from aimwell.predict.patterns.findings import written_findings
from aimwell.predict.patterns.found import Finding
from aimwell.predict.patterns.itemsets import by_part
from aimwell.predict.purchases import IntArray

__all__ = ["Followed", "find_next"]

BASKETS_MIN = 20  # with the first item
CASES_MIN = 5  # who had the second new after the first
_CELLS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Baskets × items.

    Args:
        basket: 1 where the item is in the basket.
        had: 1 where the person had it by then, in this basket or an earlier one.
        later: 1 where the person has it for the first time in the next basket, which came within the days.
        items: What each column stands for.
        stratum: Of each basket, from 0.
        half: Of each stratum: 0 for the earlier time, 1 for the later.
    """

    basket: sparse.csc_array
    had: sparse.csc_array
    later: sparse.csc_array
    items: tuple[str, ...]
    stratum: IntArray
    half: IntArray

    @property
    def strata(self) -> sparse.csr_array:
        """Strata × baskets: which stratum each basket is of."""
        people = np.arange(len(self.stratum))
        shape = (len(self.half), len(people))
        return sparse.csr_array(
            (np.ones(len(people), np.int32), (self.stratum, people)), shape=shape
        )


def find_next(followed: Followed, *, after: int | None = None) -> tuple[tuple[Finding, ...], int]:
    """Pairs "after A comes B" of enough baskets, the surest strong ones first, and how many pairs were asked for.

    `after`: The column of the one item that is asked for; None: all items that enough baskets have.
    """
    strata, basket, later = followed.strata, followed.basket, followed.later
    held = np.asarray(basket.sum(axis=0)).ravel()
    came = np.asarray(later.sum(axis=0)).ravel()
    firsts = np.flatnonzero(held >= BASKETS_MIN) if after is None else np.array([after])
    thens = np.flatnonzero(came >= CASES_MIN)
    tests = len(firsts) * len(thens) - len(np.intersect1d(firsts, thens))
    a, b = _pairs(basket[:, firsts], later[:, thens])
    a, b = firsts[a], thens[b]
    kept = a != b
    a, b = a[kept], b[kept]
    none = np.zeros((0, len(followed.half)), np.int64)
    pieces: list[list[IntArray]] = [[none], [none], [none], [none]]
    totals = np.bincount(followed.stratum, minlength=len(followed.half))
    held_by, had_by, came_by = (by_part(strata, one) for one in (basket, followed.had, later))
    step = max(1, _CELLS // max(1, basket.shape[0] // 10))
    for start in range(0, len(a), step):
        first = basket[:, a[start : start + step]]
        then = b[start : start + step]
        pieces[0].append(by_part(strata, first.multiply(later[:, then]).tocsc()))
        past = by_part(strata, first.multiply(followed.had[:, then]).tocsc())
        pieces[1].append(held_by[a[start : start + step]] - past)
        pieces[2].append(came_by[then])
        pieces[3].append(totals - had_by[then])
    joint, exposed, cases, everybody = (np.concatenate(one) for one in pieces)
    named = [((followed.items[x],), followed.items[y]) for x, y in zip(a, b, strict=True)]
    found = written_findings(
        named,
        joint=joint,
        exposed=exposed,
        cases=cases,
        totals=everybody,
        half=followed.half,
        tests=max(tests, len(named)),
    )
    return found, tests


def _pairs(first: sparse.csc_array, then: sparse.csc_array) -> tuple[IntArray, IntArray]:
    """The pairs of columns that came after each other often enough, in order."""
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    right = then.tocsr()
    step = max(1, _CELLS // max(1, then.shape[1]))
    for start in range(0, first.shape[1], step):
        counts = (first[:, start : start + step].T @ right).tocoo()
        enough = counts.data >= CASES_MIN
        rows.append(counts.row[enough].astype(np.int64) + start)
        columns.append(counts.col[enough].astype(np.int64))
    a, b = np.concatenate(rows), np.concatenate(columns)
    order = np.lexsort((b, a))
    return a[order], b[order]
