"""Which method finds what people buy later: lists as of an earlier moment against the purchases after it.

The simplest method that is not worse than the best by more than chance is chosen; worse is told by NDCG, person by person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from scipy.sparse import csr_array

from aimwell.errors import TooLittleDataError
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.interactions import CodeArray, Interactions
from aimwell.predict.recommend.lists import Lists, make_lists
from aimwell.predict.recommend.measures import MEASURES, ListQuality, judge_lists, mean_estimate
from aimwell.predict.recommend.recommender import Recommender
from aimwell.predict.recommend.rules import Exclusions, Kind, Rules
from aimwell.stats.estimate import Estimate
from aimwell.stats.threads import one_blas_thread

__all__ = ["CELLS_MOST", "Contest", "Judged", "hold_contest", "people_blocks", "split_truth"]

CELLS_MOST = 10_000_000
"""People × products that are looked at together, a byte or a few each."""

_PEOPLE_LEAST = 50


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One method on later time.

    Args:
        method: Its name.
        quality: Per person, and of all lists.
        worse_by: NDCG of the best method less this one's, person by person; None of the best itself.
    """

    method: str
    quality: ListQuality
    worse_by: Estimate | None

    @property
    def plain(self) -> dict[str, Any]:
        """As the registry keeps it."""
        found: dict[str, Any] = msgspec.to_builtins(
            {
                "method": self.method,
                **{name: self.quality.estimate(name) for name in MEASURES},
                "coverage": self.quality.coverage,
                "novelty": self.quality.novelty,
                "worse_by": self.worse_by,
            }
        )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """All methods for one question, by rising complexity.

    Args:
        kind: `new` or `again`.
        people: Who were judged: those who bought such a product later.
        share: Of those who bought anything later, who bought such a product.
        products: How many could be recommended.
        judged: The methods.
        chosen: The name of the one that is taken.
        reason: Why, in words.
    """

    kind: Kind
    people: int
    share: float
    products: int
    judged: tuple[Judged, ...]
    chosen: str
    reason: str

    @property
    def chances(self) -> tuple[float, ...]:
        """Of the chosen one, the share of the products at each rank that were bought, over all who bought anything."""
        quality = next(one for one in self.judged if one.method == self.chosen).quality
        return tuple(self.share * one for one in quality.by_rank)

    @property
    def plain(self) -> dict[str, Any]:
        """As the registry keeps it."""
        return {
            "people": self.people,
            "share": self.share,
            "products": self.products,
            "methods": [one.plain for one in self.judged],
            "chosen": self.chosen,
            "reason": self.reason,
        }


def split_truth(truth: csr_array, before: Interactions) -> dict[Kind, csr_array]:
    """What was bought later, parted into products that the person had not bought before and those that they had."""
    had = before.matrix((before.days > 0).astype(np.int8))
    again = csr_array(truth.multiply(had))
    again.eliminate_zeros()
    fresh = csr_array(truth - again)
    fresh.eliminate_zeros()
    for one in (fresh, again):
        one.sort_indices()
    return {"new": fresh, "again": again}


def hold_contest(
    recommenders: Mapping[str, Recommender],
    kind: Kind,
    before: Interactions,
    truth: csr_array,
    *,
    k: int,
    buyers: int,
    groups: CodeArray | None = None,
    most_people: int = 20_000,
    seed: int = 0,
) -> Contest:
    """Judge methods on people who bought a product of that kind later, and choose.

    Args:
        recommenders: Method → what was fitted to what is known before the moment, the simplest first.
        kind: `new` or `again`.
        before: What people did before the moment.
        truth: People × products of that kind, bought in the horizon.
        k: Length of the lists.
        buyers: People who bought anything in the horizon.
        groups: Of each person, the place among the recommenders' groups.
        most_people: Judged at most; a random part where there are more.
        seed: Of that part.

    Raises:
        TooLittleDataError: Too few people bought such products.
    """
    people = np.flatnonzero(np.diff(truth.indptr))
    if len(people) < _PEOPLE_LEAST:
        what = "that they had not bought before" if kind == "new" else "again"
        raise TooLittleDataError(
            f"judging recommendations of what is {'new' if kind == 'new' else 'bought again'}",
            needed={
                f"people known before who bought something {what} within the horizon": _PEOPLE_LEAST
            },
            present={
                f"people known before who bought something {what} within the horizon": len(people)
            },
            advice="Take a longer horizon, or collect more orders.",
        )
    if len(people) > most_people:
        draw = np.random.default_rng(seed)
        people = np.sort(draw.choice(people, most_people, replace=False))
    share = int((np.diff(truth.indptr) > 0).sum()) / max(1, buyers)
    held = before.take(people)
    wanted = csr_array(truth[people])
    had = _bought_share(before)
    qualities = {
        method: _quality(
            one,
            kind,
            held,
            wanted,
            k=k,
            share=had,
            groups=None if groups is None else groups[people],
        )
        for method, one in recommenders.items()
    }
    best, judged = _compared(qualities)
    chosen = _simplest(judged)
    return Contest(
        kind=kind,
        people=len(people),
        share=share,
        products=len(before.skus),
        judged=judged,
        chosen=chosen.method,
        reason=_reason(chosen, best, judged),
    )


def people_blocks(people: int, products: int) -> list[np.ndarray]:
    """The places of all people in blocks that are looked at together."""
    size = max(1, CELLS_MOST // max(1, products))
    return [np.arange(first, min(first + size, people)) for first in range(0, people, size)]


def _quality(
    recommender: Recommender,
    kind: Kind,
    held: Interactions,
    wanted: csr_array,
    *,
    k: int,
    share: np.ndarray,
    groups: CodeArray | None,
) -> ListQuality:
    rules = Rules(kind=kind, k=k, in_stock=False)
    nothing = Catalogue.unknown(held.skus)
    everything = np.ones(len(held.skus), dtype=bool)
    parts: list[Lists] = []
    blocks = people_blocks(len(held), len(held.skus))
    with one_blas_thread():
        for block in blocks:
            parts.append(
                make_lists(
                    recommender,
                    held.pairs(block),
                    len(block),
                    rules,
                    products=everything,
                    catalogue=nothing,
                    exclusions=Exclusions(),
                    groups=None if groups is None else groups[block],
                )
            )
    person = np.concatenate(
        [part.person + block[0] for part, block in zip(parts, blocks, strict=True)]
    )
    rank, product = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("rank", "product")
    )
    return judge_lists(person, rank, product, wanted, k=k, bought_share=share)


def _compared(qualities: Mapping[str, ListQuality]) -> tuple[str, tuple[Judged, ...]]:
    """The method with the highest NDCG, and by how much each other one is worse."""
    means = {method: float(one.each["ndcg"].mean()) for method, one in qualities.items()}
    best = max(means, key=lambda method: means[method])
    gaps = {
        method: qualities[best].each["ndcg"] - one.each["ndcg"]
        for method, one in qualities.items()
        if method != best
    }
    return best, tuple(
        Judged(method, one, mean_estimate(gaps[method]) if method in gaps else None)
        for method, one in qualities.items()
    )


def _simplest(judged: Sequence[Judged]) -> Judged:
    """The first that is the best, or not worse than it by more than chance."""
    return next(one for one in judged if one.worse_by is None or (one.worse_by.lower or 0.0) <= 0)


def _reason(chosen: Judged, best: str, judged: Sequence[Judged]) -> str:
    simplest = judged[0]
    told = ""
    if simplest.worse_by is not None and simplest is not chosen:
        told = f"; {simplest.method} is worse by {_interval(simplest.worse_by)}"
    if chosen.worse_by is not None:
        return (
            f"{chosen.method} is taken: {best} has the highest NDCG, but by no more than chance "
            f"({_interval(chosen.worse_by)}), and it is simpler{told}."
        )
    if not told:
        return f"{chosen.method} is taken: nothing finds more of what people bought later, and nothing is simpler."
    return f"{chosen.method} is taken: every simpler method is worse by more than chance{told}."


def _interval(row: Estimate) -> str:
    return f"{row.estimate:.4f}, {row.lower:.4f} to {row.upper:.4f}"


def _bought_share(before: Interactions) -> np.ndarray:
    bought = before.product[before.days > 0]
    counts = np.bincount(bought, minlength=len(before.skus))
    return np.asarray(counts / max(1, len(before)))
