"""Elasticities of all categories and products of some weeks, in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aimwell.predict.pricing.elasticity import (
    Slopes,
    drawn_in,
    pooled_slope,
    slopes,
    without_levels,
)
from aimwell.predict.pricing.panel import PriceWeeks, usable_products
from aimwell.predict.purchases import IntArray
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["Fitted", "fit_elasticities", "weeks_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Everything found of the products in `used` (their numbers); rows are theirs, levels taken out."""

    read: PriceWeeks
    used: IntArray
    names: Any
    code: IntArray
    x: FloatArray
    units: FloatArray
    lines: FloatArray
    pooled: dict[int, Estimate]
    own: FloatArray
    drawn: FloatArray
    error: FloatArray
    spread: dict[int, float]


def fit_elasticities(read: PriceWeeks) -> Fitted | None:
    """Fit the elasticities of the products that can tell anything; None where none can."""
    usable = usable_products(read)
    used = np.flatnonzero(usable)
    if not len(used):
        return None
    rows = read.rows(usable[read.product])
    names, code = rows.category
    week = weeks_of(rows.week, code[rows.product])
    taken = without_levels(
        np.column_stack([rows.price, rows.units, rows.lines]), rows.product, week
    )
    x, units, lines = taken.T
    many = len(read.skus)
    own = slopes(x, units, rows.product, rows.week, many)
    pooled: dict[int, Estimate] = {}
    spread: dict[int, float] = {}
    drawn, error = np.full(many, np.nan), np.full(many, np.nan)
    for one in np.unique(code[used]):
        of = code[rows.product] == one
        pooled[int(one)] = pooled_slope(x[of], units[of], rows.product[of])
        products = used[code[used] == one]
        part = Slopes(own.slope[products], own.variance[products])
        if pooled[int(one)].defined:
            drawn[products], error[products], spread[int(one)] = drawn_in(part, pooled[int(one)])
    return Fitted(rows, used, names, code, x, units, lines, pooled, own.slope, drawn, error, spread)


def weeks_of(week: IntArray, category: IntArray) -> IntArray:
    """Numbers of the weeks of each category."""
    both = category * (int(week.max()) + 1) + week
    return np.asarray(np.unique(both, return_inverse=True)[1], dtype=np.int64)
