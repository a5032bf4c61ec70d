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
           count(*) FILTER (WHERE kept AND ordered_at >= :days_180 AND ordered_at < :days_90) AS orders_90_before,
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
# equal counts is the earlier one. Points on the circle are added up as decimals, as doubles in another order differ in
# the last bit.
_HABITS = f"""
    SELECT profile_id, CASE WHEN list_max(hours) > 0 THEN list_position(hours, list_max(hours)) - 1 END AS hour,
           CASE WHEN list_max(hours) > 0 THEN CAST(list_max(hours) AS double) / orders END AS hour_share,
           list_position(weekdays, list_max(weekdays)) AS weekday,
           CAST(list_max(weekdays) AS double) / orders AS weekday_share,
           CAST(weekdays[6] + weekdays[7] AS double) / orders AS weekend_share, season
    FROM (
      SELECT profile_id, CAST(count(*) AS double) AS orders,
             {_counts("hour", range(24))} AS hours, {_counts("weekday", range(1, 8))} AS weekdays,
             sqrt(power(CAST(sum(CAST(cos(angle) AS decimal(18, 12))) AS double), 2)
                  + power(CAST(sum(CAST(sin(angle) AS decimal(18, 12))) AS double), 2)) / count(*) AS season
      FROM local GROUP BY profile_id
    ) AS c
    """  # noqa: S608 - numbers of this file

_EVENTS = """
    SELECT profile_id, max(occurred_at) AS last_at,
           count(*) FILTER (WHERE occurred_at >= :days_30) AS events_30,
           count(*) FILTER (WHERE occurred_at >= :days_90) AS events_90,
           count(*) FILTER (WHERE occurred_at >= :days_30 AND event = 'Product Viewed') AS views_30,
           count(*) FILTER (WHERE occurred_at >= :days_30 AND event = 'Product Added') AS adds_30,
           count(*) FILTER (WHERE occurred_at >= :days_30 AND event IN ('Products Searched', 'Product Searched'))
             AS searches_30
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

# Money is added up as decimals and divided last, so that whatever order rows come in gives the same to the last bit.
_MIX = """
    SELECT profile_id,
           CAST(max(paid) FILTER (WHERE category IS NOT NULL) AS double)
             / nullif(CAST(sum(paid) FILTER (WHERE category IS NOT NULL) AS double), 0) AS favourite_share,
           CAST(sum(revenue) AS double) / nullif(CAST(sum(quantity) AS double), 0) AS unit_price
    FROM (
      SELECT l.profile_id, f.category, sum(l.revenue) AS revenue, sum(l.quantity) AS quantity,
             sum(CASE WHEN l.revenue > 0 THEN l.revenue END) AS paid
      FROM order_lines AS l LEFT JOIN product_facts AS f ON f.sku = l.sku
      WHERE l.goods AND l.kind = 'sale' AND l.profile_id IS NOT NULL
      GROUP BY l.profile_id, f.category
    ) AS m
    GROUP BY profile_id
    """

_SUBSCRIPTIONS = """
    SELECT profile_id, count(*) AS running, min(latest.started_at) AS since
    FROM (
      SELECT profile_id, subscription_id,
             arg_max(struct_pack(state := state, started_at := started_at, ended_at := ended_at), (set_at, received_at))
               AS latest
      FROM subscriptions WHERE profile_id IS NOT NULL GROUP BY profile_id, subscription_id
    ) AS s
    WHERE latest.state IN ('trial', 'active', 'past_due')
      AND (latest.ended_at IS NULL OR CAST(latest.ended_at AS timestamptz) > :as_of)
    GROUP BY profile_id
    """

_USAGE = """
    SELECT profile_id, max(occurred_at) AS last_at,
           count(*) FILTER (WHERE occurred_at >= :days_90) AS periods_90
    FROM usage WHERE amount > 0 AND profile_id IS NOT NULL GROUP BY profile_id
    """

_REVIEWS = """
    SELECT profile_id, count(*) FILTER (WHERE reviewed_at >= :days_365) AS reviews_365,
           CAST(sum(CAST(rating / nullif(rating_max, 0) AS decimal(18, 6))) AS double)
             / nullif(count(rating / nullif(rating_max, 0)), 0) AS mark
    FROM reviews WHERE profile_id IS NOT NULL GROUP BY profile_id
    """

_ANSWERS = """
    SELECT profile_id, count(*) FILTER (WHERE answered_at >= :days_365) AS surveys_365
    FROM (SELECT DISTINCT profile_id, survey, answered_at FROM answers WHERE profile_id IS NOT NULL) AS a
    GROUP BY profile_id
    """

_PAYMENTS = """
    SELECT profile_id, count(*) FILTER (WHERE latest.state IN ('late', 'failed') AND latest.set_at >= :days_365) AS late_365
    FROM (
      SELECT profile_id, payment_id,
             arg_max(struct_pack(state := state, set_at := set_at), (set_at, received_at)) AS latest
      FROM payments WHERE profile_id IS NOT NULL GROUP BY profile_id, payment_id
    ) AS p
    GROUP BY profile_id
    """

_LOYALTY = """
    SELECT profile_id, CAST(sum(balance) AS double) AS balance
    FROM (
      SELECT profile_id, programme, CAST(arg_max(balance, (set_at, received_at)) AS decimal(18, 4)) AS balance
      FROM loyalty WHERE profile_id IS NOT NULL GROUP BY profile_id, programme
    ) AS y
    GROUP BY profile_id
    """

PARTS: Mapping[str, str] = {
    "o": _ORDERS,
    "r": _RETURNS,
    "g": _PREVIOUS,
    "l": _LINES,
    "h": _HABITS,
    "e": _EVENTS,
    "t": _TOUCHES,
    "c": _MIX,
    "s": _SUBSCRIPTIONS,
    "u": _USAGE,
    "v": _REVIEWS,
    "a": _ANSWERS,
    "d": _PAYMENTS,
    "y": _LOYALTY,
}
"""Letter → query: orders, returns that belong to no known order, the order before the last, lines, habits of time,
events, messages, the mix of what is bought, subscriptions that run, usage, reviews, answers to surveys, payments, loyalty."""
