"""A fitted recommender: what it takes to find products for anybody, and nothing of anybody.

For *new* products one of METHODS is used, for those that are *bought again* one of AGAIN_METHODS; both tuples begin with the
simplest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from aimwell.predict.recommend.candidates import Candidates, best_of_rows
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.factors import Factors, place_people
from aimwell.predict.recommend.interactions import CodeArray, Pairs
from aimwell.predict.recommend.popularity import Popularity
from aimwell.predict.recommend.repeats import Repeats, due_chance
from aimwell.stats.samples import FloatArray

__all__ = ["AGAIN_METHODS", "METHODS", "AgainMethod", "Method", "Recommender"]

Method = Literal[
    "popularity",
    "recent popularity",
    "popularity by group",
    "item-to-item, cosine",
    "item-to-item, jaccard",
    "item-to-item, bm25",
    "matrix factorisation",
]
AgainMethod = Literal["bought last", "bought most often", "due again"]
METHODS: tuple[Method, ...] = (
    "popularity",
    "recent popularity",
    "popularity by group",
    "item-to-item, cosine",
    "item-to-item, jaccard",
    "item-to-item, bm25",
    "matrix factorisation",
)
AGAIN_METHODS: tuple[AgainMethod, ...] = ("bought last", "bought most often", "due again")


@dataclass(frozen=True, slots=True, eq=False)
class Recommender:
    """Everything that is learnt of products.

    Args:
        catalogue: Products that can be recommended, ascending, and what was known of them when it was fitted.
        method, again_method: How new products, and those bought before, are found.
        popular: For the popularity methods, and to fill up lists of the others.
        by: The division of people whose groups `popular` knows; None: none.
        neighbours: Products × products, likeness to the nearest.
        factors: For matrix factorisation alone.
        repeats: How often and how soon products are bought again.
        horizon_days: How far ahead it was judged.
        chances: Of 'new' and 'again', the share of the products at each rank that were bought on later time.
    """

    catalogue: Catalogue
    method: Method
    again_method: AgainMethod
    popular: Popularity
    by: str | None
    neighbours: csr_array
    factors: Factors | None
    repeats: Repeats
    horizon_days: int
    chances: Mapping[str, tuple[float, ...]]

    @property
    def skus(self) -> pa.Array:
        """The products, in the order in which everything else counts them."""
        return self.catalogue.skus

    def new(self, pairs: Pairs, people: int, allowed: np.ndarray, *, depth: int) -> Candidates:
        """What the method proposes to each of so many people, bought or not; nothing of a popularity method.

        Args:
            pairs: What the people did.
            people: How many there are.
            allowed: People × products: what may be proposed at all.
            depth: Products a person, about: the best.
        """
        if self.method.startswith("item-to-item"):
            found = csr_array(self._weights(pairs, people) @ self.neighbours)
            person = np.repeat(np.arange(people), np.diff(found.indptr))
            some = allowed[person, found.indices]
            starts = np.concatenate([[0], np.cumsum(np.bincount(person[some], minlength=people))])
            best = best_of_rows(starts, found.data[some], depth)
            return _by_method(person[some][best], found.indices[some][best], found.data[some][best])
        if self.factors is not None:
            weights = self._weights(pairs, people)
            some_people = np.flatnonzero(np.diff(weights.indptr))
            score = place_people(self.factors, weights[some_people]) @ self.factors.products.T
            score[~allowed[some_people] | (score <= 0)] = -np.inf
            keep = min(depth, score.shape[1])
            columns = np.argpartition(-score, keep - 1, axis=1)[:, :keep]
            row = np.repeat(np.arange(len(some_people)), keep)
            product = columns.reshape(-1)
            value = score[row, product]
            real = np.isfinite(value)
            return _by_method(some_people[row[real]], product[real], value[real])
        return _by_method(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))

    def filled(
        self,
        people: CodeArray,
        groups: CodeArray | None,
        allowed: np.ndarray,
        *,
        depth: int,
    ) -> Candidates:
        """The most popular products that each of these people may get.

        Args:
            people: Places of people, rows of `allowed`.
            groups: Of everybody, the place among `popular.groups`; what is popular with everybody where there are none.
            allowed: People × products.
            depth: Products a person, at most.
        """
        row = np.zeros(len(people), dtype=np.int64)
        if groups is not None and self.by is not None:
            row = groups[people]
        person, product, score = [], [], []
        for group in np.unique(row):
            listed = self.popular.product[group]
            listed = listed[listed >= 0]
            those = people[row == group]
            fits = allowed[np.ix_(those, listed)]
            fits &= np.cumsum(fits, axis=1) <= depth
            at, place = np.nonzero(fits)
            person.append(those[at])
            product.append(listed[place])
            score.append(self.popular.share[group][place])
        if not person:
            return _by_method(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
        found = _by_method(*(np.concatenate(part) for part in (person, product, score)))
        return Candidates(
            found.person, found.product, found.score, np.ones(len(found), dtype=np.int8)
        )

    def again(self, pairs: Pairs, allowed: np.ndarray) -> Candidates:
        """Of what each person bought, what may be bought again."""
        score = self.again_scores(pairs)
        some = (score > 0) & allowed[pairs.person, pairs.product]
        return _by_method(pairs.person[some], pairs.product[some], score[some])

    def again_scores(self, pairs: Pairs) -> FloatArray:
        """How strongly each pair speaks for buying again; 0 for what was never bought."""
        if self.again_method == "due again":
            return due_chance(self.repeats, pairs, self.horizon_days)
        since = np.where(np.isnan(pairs.since), np.inf, np.maximum(pairs.since, 0))
        lately = 1 / (1 + since)
        if self.again_method == "bought last":
            return np.where(pairs.days > 0, lately, 0.0)
        # The fraction orders those that were bought equally often.
        return np.where(pairs.days > 0, pairs.days + lately / 2, 0.0)

    def _weights(self, pairs: Pairs, people: int) -> csr_array:
        shape = (people, len(self.skus))
        found = csr_array((pairs.weight, (pairs.person, pairs.product)), shape=shape)
        found.eliminate_zeros()
        return found


def _by_method(person: Any, product: Any, score: Any) -> Candidates:
    return Candidates(
        np.asarray(person, dtype=np.int64),
        np.asarray(product, dtype=np.int64),
        np.asarray(score, dtype=np.float64),
        np.zeros(len(person), dtype=np.int8),
    )
