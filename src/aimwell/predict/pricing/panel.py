"""Units and prices of products by week: what elasticities are learnt from.

The price of a week is the mean, over its order lines, of the logarithm of what a unit really cost after discounts: each line counts
once, or one large order at a large buyer's price would be the price of the week.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.history.moment import Moment
from aimwell.predict.purchases import IntArray
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import sql

__all__ = ["WHOLE_SHOP", "PriceWeeks", "read_price_weeks", "usable_products"]

WHOLE_SHOP = "without a category"

_WEEKS_MIN = 12
_SOLD_SHARE_MIN = 0.6
_SPREAD_MIN = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class PriceWeeks:
    """One row a product and week with a sale, by product and week.

    Args:
        skus, labels, categories: Of each product, by its number; labels in words, or None.
        product, week: Numbers of the row's product and of its week (from 1970 on).
        price: Mean logarithm of what a unit cost.
        units, lines: Logarithms of the units and of the order lines sold.
    """

    skus: pa.Array
    labels: pa.Array
    categories: npt.NDArray[np.object_]
    product: IntArray
    week: IntArray
    price: FloatArray
    units: FloatArray
    lines: FloatArray

    def __len__(self) -> int:
        return len(self.product)

    def rows(self, which: npt.NDArray[np.bool_]) -> PriceWeeks:
        """Some of the rows, of the same products."""
        names = ("product", "week", "price", "units", "lines")
        return replace(self, **{name: getattr(self, name)[which] for name in names})

    @property
    def category(self) -> tuple[npt.NDArray[np.object_], IntArray]:
        """The names of the categories in order, and the number of each product's."""
        names, code = np.unique(self.categories.astype(str), return_inverse=True)
        return names.astype(object), code.astype(np.int64)


def read_price_weeks(moment: Moment) -> PriceWeeks:
    """Whole weeks (from Monday on, in the firm's zone) before the moment; goods that were sold for money."""
    zone = moment.stores.settings.timezone
    table = moment.session.table(
        sql(
            """
            SELECT sku, week, avg(price) AS price, ln(sum(units)) AS units, ln(CAST(count(*) AS double)) AS lines
            FROM (
              SELECT l.sku, CAST(date_trunc('week', timezone(:zone, l.ordered_at)) AS date) AS week,
                     ln(CAST(l.revenue AS double) / CAST(l.quantity AS double)) AS price,
                     CAST(l.quantity AS double) AS units
              FROM order_lines AS l
              WHERE l.kind = 'sale' AND l.goods AND l.quantity > 0 AND l.revenue > 0 AND l.sku IS NOT NULL
            ) AS sold
            GROUP BY sku, week ORDER BY sku, week
            """,
            zone=zone,
        )
    )
    facts: Mapping[str, tuple[str | None, str | None]] = {
        sku: (name, category)
        for sku, name, category in moment.session.rows(
            sql("SELECT sku, name, category FROM product_facts")
        )
    }
    coded = table.column("sku").combine_chunks().dictionary_encode()
    told = [facts.get(sku, (None, None)) for sku in coded.dictionary.to_pylist()]
    days = table.column("week").cast(pa.date32()).cast(pa.int32()).to_numpy()
    numbers = {
        name: np.asarray(table.column(name).to_numpy(), dtype=np.float64)
        for name in ("price", "units", "lines")
    }
    read = PriceWeeks(
        skus=coded.dictionary,
        labels=pa.array([name for name, _ in told], pa.string()),
        categories=np.array([category or WHOLE_SHOP for _, category in told], dtype=object),
        product=coded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        # Day 0 of 1970 was a Thursday: its week began three days before.
        week=(days.astype(np.int64) + 3) // 7,
        **numbers,
    )
    return read.rows(read.week < week_of(moment.as_of, zone))


def week_of(moment: datetime, zone: str) -> int:
    """The number of the week in which a moment lies."""
    local = moment.astimezone(ZoneInfo(zone)).date()
    return ((local - timedelta(days=local.weekday()) - date(1970, 1, 1)).days + 3) // 7


def usable_products(read: PriceWeeks) -> npt.NDArray[np.bool_]:
    """Which products can tell anything: sold in 12 weeks or more and in 60 % of those between the first and the last, at prices that
    vary (standard deviation of the logarithm 0.03 or more).

    A week without a sale has no price and no logarithm of units, so it is left out. Where there are many, it would be the weeks that
    sold by luck that teach, and the elasticity would come out too weak.
    """
    many = len(read.skus)
    weeks = np.bincount(read.product, minlength=many).astype(np.float64)
    first, last = np.full(many, np.inf), np.full(many, -np.inf)
    np.minimum.at(first, read.product, read.week.astype(np.float64))
    np.maximum.at(last, read.product, read.week.astype(np.float64))
    some = np.maximum(weeks, 1.0)
    mean = np.bincount(read.product, weights=read.price, minlength=many) / some
    around = (read.price - mean[read.product]) ** 2
    spread = np.sqrt(np.bincount(read.product, weights=around, minlength=many) / some)
    held = weeks >= _SOLD_SHARE_MIN * (last - first + 1)
    return np.asarray((weeks >= _WEEKS_MIN) & held & (spread >= _SPREAD_MIN))
