"""Buying again: which products people buy repeatedly, and which of a person's own is due.

After Bhagat, Muralidharan, Lobzhanidze & Vishwanath (2018), "Buy it again: modeling repeat purchase recommendations" (KDD):
the share of a product's buyers who ever buy it again, times the chance that this person does so within the horizon by a rate
that is smoothed by the product's usual gap. As in their modified Poisson-Gamma model, a rate falls with the distance from the
person's own usual gap: shortly after a purchase nothing is due, and long after it the person has given it up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.recommend.interactions import Interactions, Pairs
from aimwell.stats.samples import FloatArray

__all__ = ["Repeats", "due_chance", "fit_repeats"]

# Shares and gaps of a product are drawn to those of all products as if so many average buyers had it too.
_PRIOR_BUYERS = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """One entry a product.

    Args:
        share: Of its buyers, who bought it on two days or more (smoothed).
        gap_days: Days from one purchase to the next of those who did (smoothed); NaN where nobody ever did, of any product.
    """

    share: FloatArray
    gap_days: FloatArray


def fit_repeats(interactions: Interactions) -> Repeats:
    """How often and how soon each product is bought again."""
    pairs = interactions.pairs()
    products = len(interactions.skus)
    bought, again = pairs.days > 0, pairs.days > 1

    def counted(values: FloatArray) -> FloatArray:
        return np.bincount(pairs.product, weights=values, minlength=products).astype(np.float64)

    buyers, repeaters = counted(bought.astype(float)), counted(again.astype(float))
    usual_share = repeaters.sum() / max(1.0, buyers.sum())
    share = (repeaters + _PRIOR_BUYERS * usual_share) / (buyers + _PRIOR_BUYERS)
    gaps = counted(np.where(again, pairs.span, 0.0))
    counts = counted(np.where(again, pairs.days - 1, 0.0))
    if not counts.sum():
        return Repeats(share, np.full(products, np.nan))
    usual_gap = gaps.sum() / counts.sum()
    return Repeats(share, (gaps + _PRIOR_BUYERS * usual_gap) / (counts + _PRIOR_BUYERS))


def due_chance(repeats: Repeats, pairs: Pairs, horizon_days: float) -> FloatArray:
    """How strongly each bought pair is expected again within the horizon, 0 to 1; 0 for what was never bought.

    With k repeats over `span` days, a mean gap m = span / k (of who has none: the product's) and t days since the last purchase,
    the rate is (k + 1) / (span + 2·|m − t| + g) up to t = 2·m and (k + 1) / (span + t + g) from there on, where the
    1 and the gap g are one purchase in the product's usual time.
    """
    gap = repeats.gap_days[pairs.product]
    bought = (pairs.days > 0) & ~np.isnan(gap)
    k = np.maximum(pairs.days - 1, 0)
    span, since = np.nan_to_num(pairs.span), np.nan_to_num(pairs.since)
    mean = np.where(k > 0, span / np.maximum(k, 1), gap)
    late = np.where(since < 2 * mean, 2 * np.abs(mean - since), since)
    rate = (k + 1) / np.maximum(span + late + gap, 1e-9)
    chance = repeats.share[pairs.product] * -np.expm1(-rate * horizon_days)
    return np.where(bought, chance, 0.0)
