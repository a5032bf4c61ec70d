"""Each person's lines on discount, beside what was on discount where and when they bought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import identifier, sql

__all__ = ["DiscountLines", "read_discount_lines"]

_PRIOR_LINES = 10.0
_SURE_OF = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class DiscountLines:
    """Each person's lines: how many, how many on discount, what is usual for them, and spend in all and on discount."""

    profiles: pa.Array
    lines: FloatArray
    hits: FloatArray
    usual: FloatArray
    spend: FloatArray
    hit_spend: FloatArray


def read_discount_lines(moment: Moment, suffix: str) -> DiscountLines:
    """Lines of goods before the moment, or (`_ahead`) after it."""
    tables = {
        name: exp.Table(this=identifier(f"{name}{suffix}"))
        for name in ("order_lines", "product_facts")
    }
    table = moment.session.table(
        sql(
            """
            WITH bought AS (
              SELECT l.profile_id, coalesce(p.category, '') AS category,
                     date_trunc('week', timezone(:zone, l.ordered_at)) AS week,
                     CASE WHEN l.discount > 0 THEN 1.0 ELSE 0.0 END AS hit, CAST(l.revenue AS double) AS revenue
              FROM :order_lines AS l LEFT JOIN :product_facts AS p ON p.sku = l.sku
              WHERE l.kind = 'sale' AND l.goods AND l.quantity > 0
            ),
            cells AS (
              SELECT category, week, CAST(count(*) AS double) AS lines, CAST(sum(hit) AS double) AS hits
              FROM bought GROUP BY category, week
            ),
            wholes AS (SELECT category, sum(hits) / sum(lines) AS share FROM cells GROUP BY category),
            own AS (
              SELECT profile_id, category, week, CAST(count(*) AS double) AS lines, CAST(sum(hit) AS double) AS hits,
                     sum(revenue) AS spend, sum(CASE WHEN hit > 0 THEN revenue ELSE 0 END) AS hit_spend
              FROM bought WHERE profile_id IS NOT NULL GROUP BY profile_id, category, week
            )
            SELECT o.profile_id, sum(o.lines) AS lines, sum(o.hits) AS hits,
                   sum(o.lines * (c.hits - o.hits + :prior * w.share) / (c.lines - o.lines + :prior)) / sum(o.lines)
                     AS usual,
                   sum(o.spend) AS spend, sum(o.hit_spend) AS hit_spend
            FROM own AS o
            JOIN cells AS c ON c.category = o.category AND c.week = o.week
            JOIN wholes AS w ON w.category = o.category
            GROUP BY o.profile_id ORDER BY o.profile_id
            """,
            zone=moment.stores.settings.timezone,
            prior=_PRIOR_LINES,
            **tables,
        )
    )
    numbers = {
        name: np.asarray(table.column(name).to_numpy(), dtype=np.float64)
        for name in ("lines", "hits", "usual", "spend", "hit_spend")
    }
    numbers["usual"] = np.clip(numbers["usual"], _SURE_OF, 1 - _SURE_OF)
    return DiscountLines(table.column("profile_id").combine_chunks(), **numbers)
