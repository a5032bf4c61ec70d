"""What people did after a moment: the outcomes that models learn and campaigns are measured by."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from aimwell.errors import HistoryError
from aimwell.history.moment import Moment
from aimwell.store.sql import sql

__all__ = ["ORDER_EVENT", "outcomes"]

ORDER_EVENT = "Order Completed"
"""The event whose outcomes are orders, with revenue net of returns and margin."""

_ORDERS = """
WITH sales AS (
  SELECT profile_id,
         sum(CASE WHEN kind = 'sale' THEN 1 ELSE 0 END) AS orders,
         CAST(sum(revenue) AS double) AS revenue
  FROM orders_ahead WHERE profile_id IS NOT NULL GROUP BY profile_id
),
costs AS (
  SELECT profile_id,
         CAST(sum(CASE WHEN goods THEN CAST(revenue AS double) - margin ELSE 0 END) AS double) AS cost,
         sum(CASE WHEN margin IS NULL THEN 1 ELSE 0 END) AS unknown
  FROM line_margins_ahead WHERE profile_id IS NOT NULL GROUP BY profile_id
)
SELECT s.profile_id,
       s.orders > 0 AS bought,
       CAST(s.orders AS bigint) AS orders,
       s.revenue AS revenue,
       CASE WHEN c.profile_id IS NULL OR c.unknown > 0 THEN NULL ELSE s.revenue - c.cost END AS margin
FROM sales AS s LEFT JOIN costs AS c ON c.profile_id = s.profile_id
ORDER BY s.profile_id
"""

_EVENTS = """
SELECT profile_id,
       TRUE AS bought,
       CAST(count(*) AS bigint) AS orders,
       CAST(coalesce(sum(revenue), 0) AS double) AS revenue,
       CAST(NULL AS double) AS margin
FROM activity_ahead
WHERE event = :event AND NOT machine AND profile_id IS NOT NULL
GROUP BY profile_id
ORDER BY profile_id
"""


def outcomes(moment: Moment, *, event: str = ORDER_EVENT) -> pa.Table:
    """What each person did within the horizon of `moment`.

    Args:
        moment: Opened with a horizon.
        event: `Order Completed`, or the name of another event of the stream of activity.

    Returns:
        One row per profile that did anything of the kind (who is not there did nothing), ordered by
        `profile_id`: `bought` (at least one order or event), `orders` (their number), `revenue` (workspace
        currency; of orders: goods after discount, less what was returned within the horizon), `margin` (what
        the goods earned; null where the cost of any line is unknown, and for other events).

    Raises:
        HistoryError: The moment has no horizon.
    """
    if moment.horizon is None:
        raise HistoryError("Outcomes lie ahead: open the moment with a horizon, as 90 days.")
    query: exp.Expr = sql(_ORDERS) if event == ORDER_EVENT else sql(_EVENTS, event=event)
    return moment.session.table(query)
