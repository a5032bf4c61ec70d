"""Recency, frequency and monetary value: quintiles and named groups, net of returns, as of a moment.

**Figures.** Recency is days since the last order, frequency the number of orders, monetary value the revenue of
all orders less all returns. An order that was wholly returned does not count. Only buyers have them.

**Quintiles.** 1 to 5, 5 is best. A person's quintile is 1 + ⌊5 × share of the buyers who did worse⌋: 5 means
that at least 80 % of the buyers did worse, 1 that fewer than 20 % did. So equal values always share a quintile,
nothing hangs on the order of rows, and every engine gives the same. (Tiles of equal size would tear equal people
apart: where most have bought once, some of them would get frequency 1 and others 3.) The price: a quintile need
not hold a fifth of the people, and where very many share the best value nobody is in the fifth.

**Groups.** From recency and FM, the mean of frequency and monetary value with halves rounded up. This is the
grid that is in use in most tools (recency against frequency, ten groups), with monetary value drawn in and its
"hibernating" parted from "lost", so that every one of the 25 cells has one of eleven names:

    recency   FM 1          FM 2                 FM 3                 FM 4            FM 5
    5         new           potential loyalists  potential loyalists  champions       champions
    4         promising     potential loyalists  potential loyalists  loyal           loyal
    3         about to sleep  about to sleep     needs attention      loyal           loyal
    2         hibernating   hibernating          at risk              at risk         can't lose them
    1         lost          lost                 at risk              at risk         can't lose them
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions.leaves.rfm import RfmGroup
from aimwell.history.moment import Moment
from aimwell.store.sql import sql

__all__ = ["GRID", "group_of", "rfm", "rfm_query"]

GRID: Mapping[int, tuple[RfmGroup, RfmGroup, RfmGroup, RfmGroup, RfmGroup]] = {
    5: ("new", "potential_loyalists", "potential_loyalists", "champions", "champions"),
    4: ("promising", "potential_loyalists", "potential_loyalists", "loyal", "loyal"),
    3: ("about_to_sleep", "about_to_sleep", "needs_attention", "loyal", "loyal"),
    2: ("hibernating", "hibernating", "at_risk", "at_risk", "cant_lose_them"),
    1: ("lost", "lost", "at_risk", "at_risk", "cant_lose_them"),
}
"""Recency → the groups of FM 1 to 5."""


def group_of(r: int, f: int, m: int) -> RfmGroup:
    """The named group of three quintiles."""
    return GRID[r][(f + m + 1) // 2 - 1]


def rfm(moment: Moment) -> pa.Table:
    """One row per buyer, by profile_id.

    Columns: profile_id, recency_days (a fraction counts), frequency (orders), monetary (workspace currency, net),
    r, f, m (quintiles 1–5), fm, group.
    """
    query = exp.select("*").from_(exp.Subquery(this=rfm_query(moment.as_of), alias="rfm"))
    return moment.session.table(query.order_by("profile_id"))


def rfm_query(as_of: datetime) -> exp.Expr:
    """The same rows as a query over the cut session."""
    cells = [
        (r, fm, group) for r, groups in GRID.items() for fm, group in enumerate(groups, start=1)
    ]
    group = exp.Case()
    for r, fm, name in cells:
        cell = sql("r = :r AND fm = :fm", r=r, fm=fm)
        group = group.when(cell, exp.Literal.string(name), copy=False)
    return sql(
        """
        WITH bought AS (
          SELECT profile_id, max(ordered_at) AS last_at, count(*) AS frequency, sum(revenue) AS revenue
          FROM purchases WHERE kept GROUP BY profile_id
        ),
        returned AS (
          SELECT profile_id, sum(revenue) AS revenue FROM loose_returns GROUP BY profile_id
        ),
        figures AS (
          SELECT b.profile_id, b.last_at, b.frequency,
                 CAST(b.revenue + coalesce(r.revenue, 0) AS decimal(38, 4)) AS monetary
          FROM bought AS b LEFT JOIN returned AS r ON r.profile_id = b.profile_id
        ),
        places AS (
          SELECT profile_id, last_at, frequency, monetary, count(*) OVER () AS buyers,
                 rank() OVER (ORDER BY last_at) - 1 AS less_recent,
                 rank() OVER (ORDER BY frequency) - 1 AS less_frequent,
                 rank() OVER (ORDER BY monetary) - 1 AS less_spent
          FROM figures
        ),
        quintiles AS (
          SELECT profile_id, last_at, frequency, monetary,
                 1 + 5 * less_recent // buyers AS r,
                 1 + 5 * less_frequent // buyers AS f,
                 1 + 5 * less_spent // buyers AS m
          FROM places
        ),
        cells AS (SELECT *, (f + m + 1) // 2 AS fm FROM quintiles)
        SELECT profile_id, (epoch(:as_of) - epoch(last_at)) / 86400.0 AS recency_days, frequency,
               CAST(monetary AS double) AS monetary, r, f, m, fm, :group AS "group"
        FROM cells
        """,
        as_of=as_of,
        group=group,
    )
