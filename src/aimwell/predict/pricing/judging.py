"""How well elasticities foretold the units of later weeks, against "price changes nothing"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.predict.pricing.elasticity import PRODUCTS_MIN
from aimwell.predict.pricing.fitting import fit_elasticities, weeks_of
from aimwell.predict.pricing.panel import PriceWeeks
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["PriceJudgement", "judge_elasticities"]


@dataclass(frozen=True, slots=True)
class PriceJudgement:
    """How well units of later weeks were foretold by elasticities learnt before them.

    Levels are those of the products before, the weeks' common ups and downs are taken out of all.

    Args:
        way: 'no change with price', "the category's elasticity" or "the product's, drawn in".
        rows, products: Products' weeks that were judged, and of how many products.
        error: Mean squared error of ln(units); less is better.
        gain: By how much it is less than if price changed nothing; products independent.
        verdict: 'better', 'worse' or 'cannot tell', by the interval of `gain`.
    """

    way: str
    rows: int
    products: int
    error: float
    gain: Estimate
    verdict: str


def judge_elasticities(read: PriceWeeks, cut: int) -> tuple[tuple[PriceJudgement, ...], str]:
    """Learnt before the week `cut`, judged from it on."""
    earlier = read.rows(read.week < cut)
    fitted = fit_elasticities(earlier) if len(earlier) else None
    if fitted is None or not any(one.defined for one in fitted.pooled.values()):
        return (), (
            f"Not judged on later weeks: before them no category had {PRODUCTS_MIN} products whose prices vary enough."
        )
    many = len(read.skus)
    usual = np.full(many, np.nan)
    for one, estimate in fitted.pooled.items():
        if estimate.estimate is not None:
            usual[fitted.used[fitted.code[fitted.used] == one]] = estimate.estimate
    later = read.rows((read.week >= cut) & ~np.isnan(usual[read.product]))
    if not len(later):
        return (
            (),
            "Not judged: none of the products whose elasticity is known was sold in the later weeks.",
        )
    level = _levels(fitted.read, many)
    week = weeks_of(later.week, later.category[1][later.product])
    off = np.column_stack([later.price, later.units]) - level[later.product]
    size = np.bincount(week)
    for column in range(2):
        off[:, column] -= (np.bincount(week, weights=off[:, column]) / size)[week]
    x, y = off.T
    ways = {
        "no change with price": np.zeros(many),
        "the category's elasticity": usual,
        "the product's, drawn in": fitted.drawn,
    }
    nothing = y**2
    found = []
    for way, slope in ways.items():
        loss = (y - slope[later.product] * x) ** 2
        gain = paired_difference(nothing - loss, groups=later.product)
        found.append(
            PriceJudgement(
                way=way,
                rows=len(y),
                products=len(np.unique(later.product)),
                error=float(loss.mean()),
                gain=gain,
                verdict=verdict_of(gain),
            )
        )
    return tuple(found), ""


def _levels(read: PriceWeeks, many: int) -> FloatArray:
    """Mean logarithm of price and units of each product."""
    count = np.maximum(np.bincount(read.product, minlength=many), 1)
    columns = (
        np.bincount(read.product, weights=one, minlength=many) for one in (read.price, read.units)
    )
    return np.column_stack([column / count for column in columns])
