"""What most people buy: overall, of late, and in a person's own group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aimwell.predict.recommend.interactions import CodeArray, Interactions
from aimwell.stats.samples import FloatArray

__all__ = ["Popularity", "popularity"]

_KEPT = 1_000
# A group's shares are drawn to everybody's as if so many average people were in it too.
_PRIOR_PEOPLE = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class Popularity:
    """The most popular products of each group, best first.

    Args:
        groups: Names; the first is everybody (''), and stands in for people of no known group.
        product: Groups × places; −1 behind the last.
        share: Of the group's people who bought it, in the time that counts.
    """

    groups: tuple[str, ...]
    product: CodeArray
    share: FloatArray


def popularity(
    interactions: Interactions,
    *,
    within_days: float | None = None,
    groups: Sequence[str] = (),
    group: CodeArray | None = None,
    keep: int = _KEPT,
) -> Popularity:
    """Shares of people who bought each product; views and carts count as what they weigh.

    Args:
        interactions: What people did.
        within_days: Only purchases so long before the moment and views; default: all time.
        groups, group: Names of groups, and each person's place among them (−1: none).
        keep: Products of a group at most.
    """
    pairs = interactions.pairs()
    weight = pairs.weight
    if within_days is not None:
        weight = np.where((pairs.days > 0) & ~(pairs.since <= within_days), pairs.looked, weight)
    products = len(interactions.skus)
    everybody = np.bincount(pairs.product, weights=weight, minlength=products) / max(
        1, len(interactions)
    )
    shares = [everybody]
    for place in range(len(groups)):
        assert group is not None  # noqa: S101 - names come with places
        inside = group[pairs.person] == place
        sums = np.bincount(pairs.product[inside], weights=weight[inside], minlength=products)
        people = int((group == place).sum())
        shares.append((sums + _PRIOR_PEOPLE * everybody) / (people + _PRIOR_PEOPLE))
    ranked = [_ranked(share, keep) for share in shares]
    return Popularity(
        ("", *groups),
        np.stack([product for product, _ in ranked]),
        np.stack([share for _, share in ranked]),
    )


def _ranked(share: FloatArray, keep: int) -> tuple[CodeArray, FloatArray]:
    order = np.lexsort((np.arange(len(share)), -share))[:keep]
    some = share[order] > 0
    return np.where(some, order, -1).astype(np.int64), np.where(some, share[order], 0.0)
