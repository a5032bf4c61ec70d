"""Products that come into question for some people, with what speaks for each; and the best of them in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.predict.recommend.interactions import CodeArray
from aimwell.stats.samples import FloatArray

__all__ = ["Candidates", "best_of_rows", "joined", "ranked"]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """One entry per person and product, in any order; nobody has a product twice.

    Args:
        person: Place among the people asked for.
        product: Place in the skus.
        score: Orders what is from one source; above 0.
        source: 0: by the method; 1: filled up by popularity, behind all of the method.
    """

    person: CodeArray
    product: CodeArray
    score: FloatArray
    source: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.person)

    def some(self, chosen: npt.NDArray[np.generic]) -> Candidates:
        """Those of a mask or of places."""
        return Candidates(
            self.person[chosen], self.product[chosen], self.score[chosen], self.source[chosen]
        )


def joined(*parts: Candidates) -> Candidates:
    """All of them."""
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("person", "product", "score", "source")
    ]
    return Candidates(*columns)


def ranked(
    candidates: Candidates,
    *,
    k: int,
    category: CodeArray | None = None,
    most_per_category: int | None = None,
) -> tuple[Candidates, CodeArray]:
    """The first `k` of each person by source, score and the order of products, and the rank of each from 1 on.

    Args:
        candidates: What comes into question.
        k: Products a person at most.
        category: Of each product; −1, unknown, is never too many.
        most_per_category: Products of one category a person at most.
    """
    order = np.lexsort(
        (candidates.product, -candidates.score, candidates.source, candidates.person)
    )
    best = candidates.some(order)
    if most_per_category is not None and category is not None:
        code = category[best.product]
        within = np.lexsort((np.arange(len(best)), code, best.person))
        place = np.empty(len(best), dtype=np.int64)
        place[within] = _place_in_run(best.person[within], code[within])
        best = best.some((place < most_per_category) | (code < 0))
    rank = _place_in_run(best.person) + 1
    first = rank <= k
    return best.some(first), rank[first]


def best_of_rows(
    starts: npt.NDArray[np.integer], values: npt.NDArray[np.floating], keep: int
) -> CodeArray:
    """Places of the highest `keep` values of each run, and of those equal to the last of them."""
    chosen = [
        begin + _highest(values[begin:end], keep)
        for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)


def _highest(values: npt.NDArray[np.floating], keep: int) -> CodeArray:
    if len(values) <= keep:
        return np.arange(len(values))
    return np.flatnonzero(values >= np.partition(values, len(values) - keep)[len(values) - keep])


def _place_in_run(*keys: CodeArray) -> CodeArray:
    """The place of each entry, from 0 on, in its run of equal keys."""
    size = len(keys[0])
    if not size:
        return np.zeros(0, dtype=np.int64)
    fresh = np.zeros(size, dtype=bool)
    fresh[0] = True
    for key in keys:
        fresh[1:] |= key[1:] != key[:-1]
    begins = np.flatnonzero(fresh)
    return np.arange(size) - np.repeat(begins, np.diff(np.append(begins, size)))
