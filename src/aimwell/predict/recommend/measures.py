"""How good ranked lists are, by what people bought later: one figure a person, and means with intervals over people.

With h(r) = 1 where the product at rank r was bought, n products bought and lists of k:
recall = Σ h ÷ n; NDCG = Σ h(r)/log2(r + 1) ÷ Σ_{r ≤ min(k, n)} 1/log2(r + 1) (Järvelin & Kekäläinen 2002, gain 1);
average precision = Σ h(r)·precision(r) ÷ min(k, n), whose mean is MAP; hit = whether any was bought.
Novelty is the mean of −log2 of the share of people who had bought the product before (Vargas & Castells 2011): what everybody has
is no news. Coverage is the share of the products that anybody is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtri

from aimwell.predict.recommend.interactions import CodeArray
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["MEASURES", "ListQuality", "judge_lists", "mean_estimate"]

MEASURES = ("recall", "ndcg", "average precision", "hit")
_METHOD = "normal interval of the mean over people"


@dataclass(frozen=True, slots=True, eq=False)
class ListQuality:
    """Of people who bought something later: `each` by MEASURES, one value a person; and what concerns all lists.

    Args:
        each: Measure → a value of each person who is judged, in their order.
        coverage: Share of the products that somebody is shown.
        novelty: Bits; None where nobody is shown anything.
        by_rank: Share of the lists whose product at rank 1, 2 … was bought.
    """

    each: dict[str, FloatArray]
    coverage: float
    novelty: float | None
    by_rank: tuple[float, ...]

    def estimate(self, measure: str) -> Estimate:
        """The mean over people with its interval."""
        return mean_estimate(self.each[measure])


def mean_estimate(values: FloatArray, *, confidence: float = DEFAULT_CONFIDENCE) -> Estimate:
    """The mean of independent people's values, with the normal interval of means."""
    if len(values) < 2:
        return Estimate(
            estimate=None,
            lower=None,
            upper=None,
            confidence=confidence,
            method=_METHOD,
            reason=f"{len(values)} people are too few for an interval",
        )
    mean = float(values.mean())
    reach = float(ndtri(0.5 + confidence / 2) * values.std(ddof=1) / np.sqrt(len(values)))
    return Estimate(
        estimate=mean,
        lower=mean - reach,
        upper=mean + reach,
        confidence=confidence,
        method=_METHOD,
    )


def judge_lists(
    person: CodeArray,
    rank: CodeArray,
    product: CodeArray,
    truth: csr_array,
    *,
    k: int,
    bought_share: FloatArray,
) -> ListQuality:
    """Compare lists with what was bought.

    Args:
        person, rank, product: One entry a place of a list, by person and rank; ranks count from 1.
        truth: People × products, above 0 where bought; only people who bought something are judged.
        k: Length of the lists that was asked for; an empty place is a miss.
        bought_share: Of each product, the share of people who had bought it before.
    """
    people, products = truth.shape
    counts = np.diff(truth.indptr)
    bought = np.repeat(np.arange(people), counts) * products + truth.indices
    keys = person * products + product
    hit = np.isin(keys, bought)
    discount = 1 / np.log2(np.arange(2, k + 2))
    before: CodeArray = np.cumsum(hit) - hit.astype(np.int64)
    first = np.searchsorted(person, np.arange(people))
    hits_so_far = before - np.append(before, hit.sum())[first][person] + 1

    def summed(values: FloatArray) -> FloatArray:
        return np.bincount(person, weights=values, minlength=people).astype(np.float64)

    hits = summed(hit.astype(float))
    gained = summed(hit * discount[rank - 1])
    precise = summed(hit * hits_so_far / rank)
    judged = counts > 0
    reachable = np.minimum(counts, k)[judged]
    ideal = np.cumsum(discount)[reachable - 1]
    listed = judged[person]
    # A product that nobody had bought is as new as one that half a person had.
    share = np.maximum(bought_share, 0.5 / max(1, people))[product[listed]]
    by_rank = np.bincount(rank[listed & hit] - 1, minlength=k)[:k] / max(1, int(judged.sum()))
    return ListQuality(
        each={
            "recall": hits[judged] / counts[judged],
            "ndcg": gained[judged] / ideal,
            "average precision": precise[judged] / reachable,
            "hit": (hits[judged] > 0).astype(float),
        },
        coverage=len(np.unique(product[listed])) / max(1, products),
        novelty=float(-np.log2(share).mean()) if len(share) else None,
        by_rank=tuple(float(one) for one in by_rank),
    )
