"""Units sold by day: of each product or category, or of the whole shop; days are the firm's.

Demand is what was ordered, also by people whom nobody knows, and before returns: what came back was wanted all the same, and
had to be in stock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlglot import exp

from aimwell.errors import PredictError
from aimwell.history.moment import Moment
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import sql

__all__ = ["LEVELS", "Level", "Sales", "product_categories", "read_sales"]

Level = Literal["product", "category", "shop"]
LEVELS: tuple[Level, ...] = ("product", "category", "shop")

_SERIES: dict[Level, str] = {
    "product": "l.sku",
    "category": "f.category",
    "shop": "'the whole shop'",
}


@dataclass(frozen=True, slots=True, eq=False)
class Sales:
    """Units by day, without the days on which a series sold nothing.

    Args:
        first: Day 0, on which the shop first sold anything.
        days: Days from then to the last one that was seen.
        names: Of the series, in order; `labels` in words, None where there are none.
        begins: Where the rows of each series begin in `day` and `units`, and where the last one ends.
        day: Number of the day, in order within a series.
        units: Units sold on it, above 0.
        lines: How many lines the whole shop sold on each day.
    """

    first: date
    days: int
    names: pa.Array
    labels: pa.Array
    begins: npt.NDArray[np.int64]
    day: npt.NDArray[np.int64]
    units: FloatArray
    lines: FloatArray

    def __len__(self) -> int:
        return len(self.names)

    @property
    def start(self) -> npt.NDArray[np.int64]:
        """The first day of each series."""
        return np.asarray(self.day[self.begins[:-1]])

    @property
    def selling_days(self) -> npt.NDArray[np.int64]:
        """On how many days each series sold."""
        return np.diff(self.begins)

    @property
    def sold(self) -> FloatArray:
        """Units of each series in all."""
        return np.asarray(np.add.reduceat(self.units, self.begins[:-1]))

    def kept(self, which: npt.NDArray[np.bool_]) -> Sales:
        """Some of the series."""
        rows = np.repeat(which, self.selling_days)
        begins = np.concatenate([[0], np.cumsum(self.selling_days[which])]).astype(np.int64)
        mask = pa.array(which)
        return Sales(
            self.first,
            self.days,
            self.names.filter(mask),
            self.labels.filter(mask),
            begins,
            self.day[rows],
            self.units[rows],
            self.lines,
        )

    def by_period(self, which: npt.NDArray[np.int64], days: int, skip: int) -> FloatArray:
        """Units of some series, which stand in a row: periods × series.

        Args:
            which: Their numbers, one after the other.
            days: Days in a period.
            skip: Days to leave out at the beginning, so that the last period is whole.
        """
        found = np.zeros(((self.days - skip) // days, len(which)))
        number = self.begins[which + 1] - self.begins[which]
        column = np.repeat(np.arange(len(which)), number)
        offset = np.repeat(self.begins[which] - (np.cumsum(number) - number), number)
        rows = np.arange(len(column)) + offset
        period = (self.day[rows] - skip) // days
        known = period >= 0
        np.add.at(found, (period[known], column[known]), self.units[rows][known])
        return found


def read_sales(moment: Moment, level: Level) -> Sales:
    """What was sold before the moment; a series is a product, a category, or the shop.

    Raises:
        PredictError: Nothing was sold, or no product has a category.
    """
    zone = moment.stores.settings.timezone
    session = moment.session
    moment.materialise_once("sold", lambda: _sold(zone))
    ((first,),) = session.rows(sql("SELECT min(day) FROM sold"))
    if first is None:
        raise PredictError(
            f"Nothing was sold before {moment.as_of:%Y-%m-%d %H:%M %Z} that has a product number. Collect order lines with "
            "their products (sku), or give a later moment (as of)."
        )
    # Only days that are over count: a day that is half over looks like a bad one.
    local = moment.as_of.astimezone(ZoneInfo(zone))
    days = (local.date() - first).days
    table = session.table(
        sql(
            """
            SELECT series, date_diff('day', :first, day) AS day, CAST(sum(units) AS double) AS units
            FROM (
              SELECT l.day, l.units, :series AS series
              FROM sold AS l LEFT JOIN product_facts AS f ON f.sku = l.sku
            ) AS s
            WHERE series IS NOT NULL AND day < :last
            GROUP BY series, day ORDER BY series, day
            """,
            first=first,
            last=local.date(),
            series=sql(_SERIES[level]),
        )
    )
    if not table.num_rows:
        raise PredictError(
            "No product that was sold has a category. Collect products with their category, or forecast by product."
            if level == "category"
            else f"No day with a sale was over before {moment.as_of:%Y-%m-%d %H:%M %Z}. Give a later moment (as of)."
        )
    coded = table.column("series").combine_chunks().dictionary_encode()
    code = coded.indices.to_numpy(zero_copy_only=False)
    begins = np.searchsorted(code, np.arange(len(coded.dictionary) + 1)).astype(np.int64)
    return Sales(
        first=first,
        days=days,
        names=coded.dictionary,
        labels=_labels(moment, coded.dictionary, level),
        begins=begins,
        day=table.column("day").to_numpy().astype(np.int64),
        units=table.column("units").to_numpy().astype(np.float64),
        lines=_lines(moment, first, days),
    )


def _sold(zone: str) -> exp.Expr:
    """One row a product and day: sku, day, units, lines."""
    return sql(
        """
        SELECT l.sku, CAST(timezone(:zone, l.ordered_at) AS date) AS day, sum(l.quantity) AS units,
               count(*) AS lines
        FROM order_lines AS l
        WHERE l.kind = 'sale' AND l.goods AND l.quantity > 0 AND l.sku IS NOT NULL
        GROUP BY l.sku, CAST(timezone(:zone, l.ordered_at) AS date)
        """,
        zone=zone,
    )


def product_categories(moment: Moment) -> dict[str, str]:
    """The category of each product that has one."""
    return dict(
        moment.session.rows(
            sql("SELECT sku, category FROM product_facts WHERE category IS NOT NULL")
        )
    )


def _labels(moment: Moment, names: pa.Array, level: Level) -> pa.Array:
    if level != "product":
        return pa.nulls(len(names), pa.string())
    rows = moment.session.rows(
        sql("SELECT sku, name FROM product_facts WHERE sku IN (SELECT sku FROM sold)")
    )
    known = dict(rows)
    return pa.array([known.get(name) for name in names.to_pylist()], pa.string())


def _lines(moment: Moment, first: date, days: int) -> FloatArray:
    rows = moment.session.rows(
        sql(
            """
            SELECT date_diff('day', :first, day) AS day, CAST(sum(lines) AS double) AS lines FROM sold
            WHERE day < :last GROUP BY day ORDER BY day
            """,
            first=first,
            last=first + timedelta(days=days),
        )
    )
    found = np.zeros(days)
    for day, lines in rows:
        found[day] = lines
    return found
