"""What people did from a moment on: the truth that models are trained on and lifts are measured by."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from aimwell.errors import HistoryError
from aimwell.history.moment import Moment
from aimwell.store.sql import identifier, sql

__all__ = ["outcomes"]

_ASKED = "asked_for"


def outcomes(
    moment: Moment, event: str = "Order Completed", *, people: pa.Array | None = None
) -> pa.Table:
    """One row per person known before `as_of`, by profile_id: what they did within the horizon.

    Args:
        moment: Opened with a horizon.
        event: What counts. For orders, returns are netted; for any other event what machines did is left out.
        people: Look at these profiles and no others, also at who was not known before `as_of`: an assignment may be the
            first that is known of somebody.

    Returns:
        `profile_id`; `bought` (whether it happened); `orders` (how often; orders that were wholly returned do
        not count); `revenue` and `margin` in the workspace currency. Revenue is net of returns, except of those
        that are known to belong to an order from before `as_of`; it can be negative where it is not known to
        which order a return belongs. Margin is null where any part of it is unknown, and 0 for who bought
        nothing; revenue is null where it happened and no revenue was reported.

    Raises:
        HistoryError: The moment has no horizon.
    """
    if moment.horizon is None:
        raise HistoryError("Outcomes need a horizon; open the moment with one, such as 90 days.")
    if people is None:
        moment.bind_known()
    else:
        moment.session.bind(_ASKED, pa.table({"profile_id": people}))
    whom = exp.Table(
        this=identifier("known" if people is None else _ASKED),
        alias=exp.TableAlias(this=exp.to_identifier("k")),
    )
    if event == "Order Completed":
        return moment.session.table(_of_orders(whom, moment.stores.settings.margin_default))
    return moment.session.table(_of_events(whom, event))


def _of_orders(whom: exp.Expr, margin_default: float | None) -> exp.Expr:
    # An order's margin is that of its lines and of what was given or taken on the order as a whole; an order
    # without lines has only the firm's usual margin to go by.
    return sql(
        """
        WITH later AS (
          SELECT profile_id, order_id, kind, coalesce(original_order_id, order_id) AS about, revenue
          FROM orders_ahead WHERE profile_id IS NOT NULL
        ),
        about_earlier AS (
          SELECT DISTINCT l.profile_id, l.about
          FROM later AS l JOIN orders AS s ON s.profile_id = l.profile_id AND s.order_id = l.about
          WHERE l.kind <> 'sale' AND s.kind = 'sale'
        ),
        counted AS (
          SELECT profile_id, order_id, kind = 'return' AS back, sum(revenue) AS revenue
          FROM (
            SELECT l.* FROM later AS l
            ANTI JOIN about_earlier AS e
              ON l.kind <> 'sale' AND e.profile_id = l.profile_id AND e.about = l.about
          ) AS c
          GROUP BY profile_id, order_id, kind = 'return'
        ),
        lines AS (
          SELECT profile_id, order_id, kind = 'return' AS back, sum(margin) AS margin,
                 count(*) - count(margin) AS unknown,
                 sum(CASE WHEN goods THEN revenue ELSE 0 END) AS revenue
          FROM line_margins_ahead WHERE profile_id IS NOT NULL
          GROUP BY profile_id, order_id, kind = 'return'
        ),
        earned AS (
          SELECT c.profile_id, c.revenue,
                 CASE
                   WHEN l.order_id IS NULL THEN CAST(c.revenue AS double) * CAST(:margin AS double)
                   WHEN l.unknown = 0 THEN l.margin + CAST(c.revenue - l.revenue AS double)
                 END AS margin
          FROM counted AS c
          LEFT JOIN lines AS l
            ON l.profile_id = c.profile_id AND l.order_id = c.order_id AND l.back = c.back
        ),
        money AS (
          SELECT profile_id, CAST(sum(revenue) AS double) AS revenue,
                 CASE WHEN count(margin) = count(*) THEN sum(margin) END AS margin
          FROM earned GROUP BY profile_id
        ),
        bought AS (
          SELECT profile_id, count(*) AS orders FROM purchases_ahead WHERE kept GROUP BY profile_id
        )
        SELECT k.profile_id, b.orders IS NOT NULL AS bought,
               CAST(coalesce(b.orders, 0) AS bigint) AS orders, coalesce(m.revenue, 0.0) AS revenue,
               CASE WHEN m.profile_id IS NULL THEN 0.0 ELSE m.margin END AS margin
        FROM :whom
        LEFT JOIN bought AS b ON b.profile_id = k.profile_id
        LEFT JOIN money AS m ON m.profile_id = k.profile_id
        ORDER BY k.profile_id
        """,
        margin=margin_default,
        whom=whom,
    )


def _of_events(whom: exp.Expr, event: str) -> exp.Expr:
    return sql(
        """
        WITH done AS (
          SELECT profile_id, count(*) AS times, CAST(sum(revenue) AS double) AS revenue
          FROM activity_ahead WHERE event = :event AND NOT machine GROUP BY profile_id
        )
        SELECT k.profile_id, d.times IS NOT NULL AS bought, CAST(coalesce(d.times, 0) AS bigint) AS orders,
               CASE WHEN d.profile_id IS NULL THEN 0.0 ELSE d.revenue END AS revenue,
               CASE WHEN d.profile_id IS NULL THEN CAST(0 AS double) END AS margin
        FROM :whom LEFT JOIN done AS d ON d.profile_id = k.profile_id
        ORDER BY k.profile_id
        """,
        event=event,
        whom=whom,
    )
