"""The parts from which features are made: queries over the cut session, each with one row a person.

`bought` stands for purchases, `local` for the firm's local time of each kept one; `:days_N` for the moment N days
before `as_of`.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BOUGHT", "LOCAL", "PARTS"]

BOUGHT = "SELECT * FROM purchases"

# Orders of a file with days and no times lie at midnight: they tell no hour.
LOCAL = """
    SELECT profile_id, CASE WHEN moment <> date_trunc('day', moment) THEN hour(moment) END AS hour,
           isodow(moment) AS weekday,
           2 * pi() * dayofyear(moment) / 365.25 AS angle
    FROM (SELECT profile_id, timezone(:zone, ordered_at) AS moment FROM bought WHERE kept) AS m
    """

_ORDERS = """
    SELECT profile_id,
           count(*) FILTER (WHERE kept) AS orders, sum(revenue) AS revenue, sum(gross) AS gross,
           sum(discount) AS discount, max(revenue) FILTER (WHERE kept) AS largest,
           count(coupon) FILTER (WHERE kept) AS coupons,
           min(ordered_at) FILTER (WHERE kept) AS first_at, max(ordered_at) FILTER (WHERE kept) AS last_at,
           count(*) FILTER (WHERE kept AND ordered_at >= :days_30) AS orders_30,
           count(*) FILTER (WHERE kept AND ordered_at >= :days_90) AS orders_90,
           count(*) FILTER (WHERE kept AND ordered_at >= :days_365) AS orders_365,
           sum(revenue) FILTER (WHERE ordered_at >= :days_30) AS revenue_30,
           sum(revenue) FILTER (WHERE ordered_at >= :days_90) AS revenue_90,
           sum(revenue) FILTER (WHERE ordered_at >= :days_365) AS revenue_365,
           count(*) FILTER (WHERE kept AND ordered_at >= :days_365 AND ordered_at < :days_275)
             AS orders_year_ago
    FROM bought GROUP BY profile_id
    """

_RETURNS = """
    SELECT profile_id, sum(revenue) AS revenue,
           sum(revenue) FILTER (WHERE ordered_at >= :days_30) AS revenue_30,
           sum(revenue) FILTER (WHERE ordered_at >= :days_90) AS revenue_90,
           sum(revenue) FILTER (WHERE ordered_at >= :days_365) AS revenue_365
    FROM loose_returns GROUP BY profile_id
    """

_PREVIOUS = """
    SELECT b.profile_id, max(b.ordered_at) AS previous_at
    FROM bought AS b
    JOIN (SELECT profile_id, max(ordered_at) AS last_at FROM bought WHERE kept GROUP BY profile_id) AS n
      ON n.profile_id = b.profile_id AND b.ordered_at < n.last_at
    WHERE b.kept GROUP BY b.profile_id
    """

_LINES = """
    SELECT profile_id, count(*) AS products, count(DISTINCT category) AS categories
    FROM (
      SELECT DISTINCT profile_id, sku FROM order_lines
      WHERE goods AND kind = 'sale' AND profile_id IS NOT NULL AND sku IS NOT NULL
    ) AS d
    LEFT JOIN product_facts AS f ON f.sku = d.sku
    GROUP BY profile_id
    """


def _counts(column: str, values: range) -> str:
    """A list: of how many rows each value is."""
    counts = (f"count(*) FILTER (WHERE {column} = {value})" for value in values)
    return f"[{', '.join(counts)}]"


# One pass with a counter a value: several times faster than to group by person and value, and to join. The first of
# equal counts is the earlier one.
_HABITS = f"""
    SELECT profile_id, CASE WHEN list_max(hours) > 0 THEN list_position(hours, list_max(hours)) - 1 END AS hour,
           CASE WHEN list_max(hours) > 0 THEN CAST(list_max(hours) AS double) / orders END AS hour_share,
           list_position(weekdays, list_max(weekdays)) AS weekday,
           CAST(list_max(weekdays) AS double) / orders AS weekday_share,
           CAST(weekdays[6] + weekdays[7] AS double) / orders AS weekend_share, season
    FROM (
      SELECT profile_id, CAST(count(*) AS double) AS orders,
             {_counts("hour", range(24))} AS hours, {_counts("weekday", range(1, 8))} AS weekdays,
             sqrt(power(avg(cos(angle)), 2) + power(avg(sin(angle)), 2)) AS season
      FROM local GROUP BY profile_id
    ) AS c
    """  # noqa: S608 - numbers of this file

_EVENTS = """
    SELECT profile_id, max(occurred_at) AS last_at,
           count(*) FILTER (WHERE occurred_at >= :days_30) AS events_30,
           count(*) FILTER (WHERE occurred_at >= :days_90) AS events_90,
           count(*) FILTER (WHERE occurred_at >= :days_30 AND event = 'Product Viewed') AS views_30,
           count(*) FILTER (WHERE occurred_at >= :days_30 AND event = 'Product Added') AS adds_30
    FROM events WHERE NOT event IN ('Order Completed', 'Order Refunded') AND machine IS NULL GROUP BY profile_id
    """

_TOUCHES = """
    SELECT profile_id,
           max(occurred_at) FILTER (WHERE event LIKE '% Sent') AS last_at,
           count(*) FILTER (WHERE occurred_at >= :days_90 AND event LIKE '% Sent') AS sent_90,
           count(*) FILTER (WHERE occurred_at >= :days_30 AND event LIKE '% Opened') AS opens_30,
           count(*) FILTER (WHERE occurred_at >= :days_90 AND event LIKE '% Opened') AS opens_90,
           count(*) FILTER (WHERE occurred_at >= :days_30 AND event LIKE '% Clicked') AS clicks_30,
           count(*) FILTER (WHERE occurred_at >= :days_90 AND event LIKE '% Clicked') AS clicks_90
    FROM touches WHERE NOT machine GROUP BY profile_id
    """

PARTS: Mapping[str, str] = {
    "o": _ORDERS,
    "r": _RETURNS,
    "g": _PREVIOUS,
    "l": _LINES,
    "h": _HABITS,
    "e": _EVENTS,
    "t": _TOUCHES,
}
"""Letter → query: orders, returns that belong to no known order, the order before the last, lines, habits of time,
events, messages."""
