"""Elasticities of categories and products of a workspace, judged on later weeks against "price changes nothing".

Prices were set by somebody, mostly when something else happened too (a season, an advertisement, a large buyer): what is found is how
units went along with price, and no promise of what a change of price will do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import stdtrit

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.pricing.elasticity import pooled_slope
from aimwell.predict.pricing.fitting import Fitted, fit_elasticities
from aimwell.predict.pricing.judging import PriceJudgement, judge_elasticities
from aimwell.predict.pricing.panel import read_price_weeks, week_of
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.store.stores import Stores

__all__ = ["CategoryElasticity", "PriceElasticities", "price_elasticities"]

ALL = "all categories"

_SMALLEST_GROUPS = 10


@dataclass(frozen=True, slots=True)
class CategoryElasticity:
    """A category.

    Args:
        category: Its name.
        products, rows: Products whose prices vary enough, and their weeks with a sale. Those alone in their weeks do not teach.
        elasticity: Per cent more units by one per cent more price; below −1 more revenue comes by a lower price.
        of_lines: The same of order lines instead of units. Far nearer to 0 than `elasticity`: large orders get lower prices, which
            is no answer of people to prices.
        spread: Standard deviation of the products' true elasticities around it; None where it is not known.
        against: Share of products that sold more at higher prices (0-1); half of them would by chance if price changed nothing.
        verdict: 'elastic' (below −1), 'inelastic' (−1 to 0), 'negative' (on which side of −1 is not sure), 'wrong sign' (above 0:
            prices follow demand here) or 'cannot tell', by the interval; 'order sizes' where `of_lines` is surely less than half
            as strong: then it is mostly large orders that got lower prices.
    """

    category: str
    products: int
    rows: int
    elasticity: Estimate
    of_lines: Estimate
    spread: float | None
    against: float
    verdict: str


@dataclass(frozen=True, slots=True, eq=False)
class PriceElasticities:
    """What was found.

    Args:
        categories: All together first where there are several, then by the number of products.
        products: One row a product whose price varies enough, see `price_elasticities`.
        sold: How many products were sold at all.
        judged: Each way on later weeks.
        reason: Why nothing was judged; empty where it was.
    """

    categories: tuple[CategoryElasticity, ...]
    products: pa.Table
    sold: int
    judged: tuple[PriceJudgement, ...]
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the products."""
        return {
            "products_sold": self.sold,
            "products_told": self.products.num_rows,
            "categories": [asdict(one) for one in self.categories],
            "judged": [asdict(one) for one in self.judged],
            "reason": self.reason,
        }


def price_elasticities(
    stores: Stores, *, as_of: datetime, check_weeks: int = 8
) -> PriceElasticities:
    """Own-price elasticities by category and product, from the changes of price in the order lines.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen; weeks end on Sundays.
        check_weeks: How many weeks before it the later period begins, on which they are judged.

    Returns:
        `products`, by category and sku: `sku`, `name`, `category`, `weeks`, `own` (the product's own slope), `elasticity` (drawn towards
        the category's; null where the category has fewer than 5 such products) with `lower` and `upper` (95 %), `verdict`.

    Raises:
        TooLittleDataError: Fewer than 10 products whose prices vary enough.
        PredictError: Nothing was sold for money, or the weeks are fewer than 1.
    """
    if not 1 <= check_weeks <= 520:
        raise PredictError(f"The later period must be 1 to 520 weeks; found {check_weeks}.")
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    with open_moment(
        stores, as_of=as_of, snapshot=snapshot, engine=stores.history_engine
    ) as moment:
        read = read_price_weeks(moment)
    if not len(read):
        raise PredictError(
            f"No goods with a product number were sold for money in a week that was over before {as_of:%Y-%m-%d}. Collect order "
            "lines with their products (sku), quantities and prices."
        )
    sold = len(np.unique(read.product))
    fitted = fit_elasticities(read)
    if fitted is None or len(fitted.used) < _SMALLEST_GROUPS:
        raise TooLittleDataError(
            "price elasticities",
            needed={"products whose price varies": _SMALLEST_GROUPS},
            present={"products whose price varies": 0 if fitted is None else len(fitted.used)},
            advice=f"Of {sold:,} products sold, one counts if it was sold in 12 weeks or more, in 60 % of those between the first "
            "and the last, at prices that vary by 3 % or more.",
        )
    cut = week_of(as_of, stores.settings.timezone) - check_weeks
    judged, reason = judge_elasticities(read, cut)
    return PriceElasticities(_categories(fitted), _products(fitted), sold, judged, reason)


def _categories(fitted: Fitted) -> tuple[CategoryElasticity, ...]:
    product = fitted.read.product
    every = np.ones(len(product), dtype=bool)
    found = [_category(fitted, ALL, every, None)]
    if len(fitted.pooled) == 1:
        (one,) = fitted.pooled
        return (_category(fitted, str(fitted.names[one]), every, fitted.spread.get(one)),)
    for one in fitted.pooled:
        rows = fitted.code[product] == one
        found.append(_category(fitted, str(fitted.names[one]), rows, fitted.spread.get(one)))
    return (found[0], *sorted(found[1:], key=lambda row: (-row.products, row.category)))


def _category(fitted: Fitted, name: str, rows: Any, spread: float | None) -> CategoryElasticity:
    product = fitted.read.product[rows]
    products = np.unique(product)
    slope = fitted.own[products]
    known = slope[~np.isnan(slope)]
    estimate = pooled_slope(fitted.x[rows], fitted.units[rows], product)
    of_lines = pooled_slope(fitted.x[rows], fitted.lines[rows], product)
    return CategoryElasticity(
        category=name,
        products=len(products),
        rows=int(rows.sum()),
        elasticity=estimate,
        of_lines=of_lines,
        spread=spread,
        against=float((known > 0).mean()) if len(known) else 0.0,
        verdict=_category_verdict(estimate, of_lines),
    )


def _category_verdict(units: Estimate, lines: Estimate) -> str:
    if units.lower is None or units.upper is None:
        return "cannot tell"
    if lines.lower is not None and units.upper < 0 and 2 * lines.lower > units.upper:
        return "order sizes"
    return _verdict(units.lower, units.upper)


def _verdict(lower: float, upper: float) -> str:
    if lower > 0:
        return "wrong sign"
    if upper < -1:
        return "elastic"
    if lower > -1 and upper < 0:
        return "inelastic"
    return "negative" if upper < 0 else "cannot tell"


def _products(fitted: Fitted) -> pa.Table:
    used, read = fitted.used, fitted.read
    weeks = np.bincount(read.product, minlength=len(read.skus))[used]
    reach = stdtrit(weeks - 2, (1 + DEFAULT_CONFIDENCE) / 2) * fitted.error[used]
    drawn, own = fitted.drawn[used], fitted.own[used]
    lower, upper = drawn - reach, drawn + reach
    rows = pa.array(used)
    table = pa.table(
        {
            "sku": read.skus.take(rows),
            "name": read.labels.take(rows),
            "category": pa.array(read.categories[used], pa.string()),
            "weeks": pa.array(weeks.astype(np.int64)),
            "own": pa.array(own, mask=np.isnan(own)),
            "elasticity": pa.array(drawn, mask=np.isnan(drawn)),
            "lower": pa.array(lower, mask=np.isnan(drawn)),
            "upper": pa.array(upper, mask=np.isnan(drawn)),
            "verdict": pa.array(
                [
                    "cannot tell" if np.isnan(low) else _verdict(low, high)
                    for low, high in zip(lower, upper, strict=True)
                ]
            ),
        }
    )
    return table.sort_by([("category", "ascending"), ("sku", "ascending")])
