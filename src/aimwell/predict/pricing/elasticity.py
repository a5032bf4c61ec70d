"""Own-price elasticities: by how many per cent the units sold change when the price rises by one per cent.

ln(units) of product p in week t = level of p + effect of week t in the category + elasticity · ln(price) + rest. Levels and weeks are
taken out of both sides (Frisch and Waugh), so that only a product's own changes of price against those of its category teach.

Of a category: least squares over all its products, with an interval for which the weeks of a product hang together in any way
(clustered by product, Student's law with products − 1 degrees of freedom). Of a product: its own slope, with an interval that bears
weeks that resemble the ones before (Newey and West 1987, 4 weeks); then drawn towards the category's by empirical Bayes: how far
products differ beyond chance is found as Paule and Mandel (1982) do.

Sources: Cameron and Miller (2015), A practitioner's guide to cluster-robust inference, J. Human Resources 50(2), eq. 11-13; Morris (1983),
Parametric empirical Bayes inference, JASA 78(381).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from aimwell.predict.purchases import IntArray
from aimwell.stats.estimate import Estimate
from aimwell.stats.roots import root
from aimwell.stats.samples import FloatArray

__all__ = ["PRODUCTS_MIN", "Slopes", "drawn_in", "pooled_slope", "slopes", "without_levels"]

PRODUCTS_MIN = 5
_CONFIDENCE = 0.95
_METHOD = "least squares within products and weeks, clustered by product"
_LAGS = 4
_ROUNDS, _CLOSE = 1_000, 1e-9
_VARIANCE_MIN = 1e-8
_POWER_MIN = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Slopes of products with their variances; NaN where a product tells nothing."""

    slope: FloatArray
    variance: FloatArray


def without_levels(values: FloatArray, product: IntArray, week: IntArray) -> FloatArray:
    """Values (rows × columns) less the level of each product and the effect of each week, by turns until nothing is left of them.

    Args:
        values: One row a product and week.
        product, week: Numbers from 0 on. Weeks of different categories have different numbers.
    """
    found = np.array(values, dtype=np.float64)
    counts = [np.maximum(np.bincount(code), 1) for code in (product, week)]
    scale = float(np.abs(found).max(initial=1.0))
    for _ in range(_ROUNDS):
        largest = 0.0
        for code, count in zip((product, week), counts, strict=True):
            for column in range(found.shape[1]):
                mean = np.bincount(code, weights=found[:, column]) / count
                found[:, column] -= mean[code]
                largest = max(largest, float(np.abs(mean).max(initial=0.0)))
        if largest <= _CLOSE * scale:
            break
    return found


def pooled_slope(x: FloatArray, y: FloatArray, product: IntArray) -> Estimate:
    """The slope of y on x over some products' rows, both `without_levels`, with its clustered interval."""
    # A product that is alone in its weeks, or moves with all others, has nothing left by which it could teach.
    alone = np.bincount(product, weights=x * x) > _POWER_MIN
    rows = alone[product]
    x, y, product = x[rows], y[rows], product[rows]
    groups = np.unique(product)
    power = float(x @ x)
    if len(groups) < PRODUCTS_MIN:
        reason = (
            f"{len(groups)} products whose prices vary by themselves, of at least {PRODUCTS_MIN}"
        )
        return Estimate.missing(reason, method=_METHOD, confidence=_CONFIDENCE)
    slope = float(x @ y) / power
    scores = np.bincount(np.searchsorted(groups, product), weights=x * (y - slope * x))
    freedom = len(groups) - 1
    error = float(np.sqrt(len(groups) / freedom * (scores @ scores))) / power
    reach = float(stdtrit(freedom, (1 + _CONFIDENCE) / 2)) * error
    return Estimate(
        estimate=slope,
        lower=slope - reach,
        upper=slope + reach,
        confidence=_CONFIDENCE,
        method=_METHOD,
    )


def slopes(x: FloatArray, y: FloatArray, product: IntArray, week: IntArray, many: int) -> Slopes:
    """Each product's own slope and its variance.

    Args:
        x, y: `without_levels`, by product and week.
        product, week: Numbers of each row.
        many: How many products there are.
    """

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(product, weights=values, minlength=many), np.float64)

    weeks, power = np.bincount(product, minlength=many), total(x * x)
    told = (weeks > 3) & (power > _POWER_MIN)
    slope = np.divide(total(x * y), power, out=np.full(many, np.nan), where=told)
    score = x * (y - np.nan_to_num(slope)[product] * x)
    alone = total(score**2)
    spread = alone.copy()
    for lag in range(1, _LAGS + 1):
        near = product[lag:] == product[:-lag]
        # A week without a sale lies between: rows that stand further apart than the lag do not count.
        near &= week[lag:] - week[:-lag] <= _LAGS
        both = np.where(near, score[lag:] * score[:-lag], 0.0)
        weight = 2 * (1 - lag / (_LAGS + 1))
        spread += weight * np.bincount(product[lag:], weights=both, minlength=many)
    # Over a few dozen weeks the sum with neighbours is as often too small as too large: never less than that of weeks alone.
    # Levels, weeks and slopes took freedom from the rest.
    taken = 2 * told.sum() + len(np.unique(week))
    rows = max(len(x) - taken, 1)
    variance = np.divide(
        np.maximum(spread, alone) * len(x) / rows,
        power**2,
        out=np.full(many, np.nan),
        where=told,
    )
    return Slopes(slope, np.where(told, np.maximum(variance, _VARIANCE_MIN), np.nan))


def drawn_in(own: Slopes, usual: Estimate) -> tuple[FloatArray, FloatArray, float]:
    """Slopes of a category's products drawn towards its own, their standard errors, and by how much products differ beyond chance.

    Args:
        own: Of the products.
        usual: The category's slope; where it is missing the products' own stand.
    """
    if usual.estimate is None or usual.lower is None or usual.upper is None:
        return own.slope, np.sqrt(own.variance), float("nan")
    known = ~np.isnan(own.slope)
    off, variance = own.slope[known] - usual.estimate, own.variance[known]
    spread = _spread(off, variance)
    kept = np.divide(
        spread, spread + own.variance, out=np.zeros_like(own.variance), where=known & (spread > 0)
    )
    error_usual = (usual.upper - usual.lower) / 2 / 1.959964
    apart = np.nan_to_num(own.slope - usual.estimate)
    found = usual.estimate + kept * apart
    # How far products differ was only estimated, which makes those far from the usual less sure (Morris).
    doubt = 2 / max(len(off) - 3, 1) * apart**2 + error_usual**2
    error = np.sqrt(kept * np.nan_to_num(own.variance) + (1 - kept) ** 2 * doubt)
    # A product that tells nothing is one of its category.
    unknown: npt.NDArray[np.bool_] = ~known
    error[unknown] = np.sqrt(spread + error_usual**2)
    return found, error, float(np.sqrt(spread))


def _spread(off: FloatArray, variance: FloatArray) -> float:
    """The variance of true slopes around the usual one: that by which the deviations are as large as they should be."""

    def excess(spread: float) -> float:
        return float(np.sum(off**2 / (variance + spread))) - len(off)

    if not len(off) or excess(0.0) <= 0:
        return 0.0
    high = float(np.max(off**2)) + 1.0
    return root(excess, 0.0, high, within=1e-9)
