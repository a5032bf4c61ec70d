"""A loaded recommender that answers for many people or for one, from what they did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.interactions import CodeArray, Interactions, Pairs
from aimwell.predict.recommend.judging import people_blocks
from aimwell.predict.recommend.lists import make_lists
from aimwell.predict.recommend.reading import coded
from aimwell.predict.recommend.reasons import reasons
from aimwell.predict.recommend.recommender import Recommender
from aimwell.predict.recommend.rules import Exclusions, Rules, allowed_products
from aimwell.stats.threads import one_blas_thread

__all__ = ["RECOMMENDATIONS", "Purchase", "ReadyRecommender"]

RECOMMENDATIONS = pa.schema(
    [
        ("profile_id", pa.string()),
        ("rank", pa.int32()),
        ("sku", pa.string()),
        ("score", pa.float64()),
        ("why", pa.string()),
    ]
)
"""One row a place of a person's list. `score` orders this list; it is no probability, and scores of people do not compare."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """A product that a person bought: on so many days, the last so many days ago, the first `span` days before the last."""

    sku: str
    days: int = 1
    since: float = 0.0
    span: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ReadyRecommender:
    """A recommender, the products as they stand, and the rules, worked out once for everybody.

    Args:
        recommender: What was learnt.
        catalogue: Of its products, in their order, as of the moment.
        rules: What is asked for.
        products: Which products somebody may get.
        exclusions: What rules have left out so far.
    """

    recommender: Recommender
    catalogue: Catalogue
    rules: Rules
    products: npt.NDArray[np.bool_]
    exclusions: Exclusions

    @classmethod
    def prepare(
        cls, recommender: Recommender, catalogue: Catalogue, rules: Rules
    ) -> ReadyRecommender:
        """Apply what of the rules concerns products alone. Raises PredictError where a rule names what is not there."""
        exclusions = Exclusions()
        products = allowed_products(rules, catalogue, exclusions)
        return cls(recommender, catalogue, rules, products, exclusions)

    def batches(
        self, ids: pa.Array, interactions: Interactions, groups: CodeArray | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Rows of RECOMMENDATIONS, block by block of people, in the order of `ids`.

        Args:
            ids: Who gets recommendations; also people who never did anything.
            interactions: What people did, of the recommender's products in their order.
            groups: Of each of the ids, the place among the recommender's groups.
        """
        places = coded(ids, interactions.people)
        for block in people_blocks(len(ids), len(self.catalogue)):
            known = np.flatnonzero(places[block] >= 0)
            pairs = interactions.pairs(places[block][known])
            pairs = replace(pairs, person=known[pairs.person])
            of_block = None if groups is None else groups[block]
            yield self._batch(ids.take(pa.array(block)), pairs, of_block)

    def one(self, purchases: Sequence[Purchase], group: str | None = None) -> pa.RecordBatch:
        """The list of one person whose purchases are at hand, in milliseconds; `profile_id` is null.

        Args:
            purchases: What they bought; products that the recommender does not know say nothing.
            group: Of the recommender's division.
        """
        place = coded(pa.array([one.sku for one in purchases], pa.string()), self.catalogue.skus)
        order = np.argsort(place, kind="stable")
        order = order[place[order] >= 0]
        days, since, span = (
            np.array([getattr(one, name) for one in purchases], dtype=np.float64)[order]
            for name in ("days", "since", "span")
        )
        size = len(order)
        pairs = Pairs(
            np.zeros(size, dtype=np.int64), place[order], days, np.zeros(size), since, span
        )
        names = self.recommender.popular.groups
        of_one = np.array([names.index(group) if group in names else 0])
        return self._batch(pa.nulls(1, pa.string()), pairs, of_one)

    def _batch(self, ids: pa.Array, pairs: Pairs, groups: CodeArray | None) -> pa.RecordBatch:
        people = len(ids)
        with one_blas_thread():
            lists = make_lists(
                self.recommender,
                pairs,
                people,
                self.rules,
                products=self.products,
                catalogue=self.catalogue,
                exclusions=self.exclusions,
                groups=groups,
            )
        why = reasons(self.recommender, lists, pairs, people, self.catalogue.called, groups)
        return pa.record_batch(
            [
                ids.take(pa.array(lists.person)),
                pa.array(lists.rank).cast(pa.int32()),
                self.catalogue.skus.take(pa.array(lists.product)),
                pa.array(lists.score),
                why,
            ],
            schema=RECOMMENDATIONS,
        )
