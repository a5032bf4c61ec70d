"""The parts from which computed traits are made: queries over the cut session, each with one row a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from aimwell.definitions.kinds.survey import AnswerKind

__all__ = ["COMPUTED_PARTS"]

_ORDERS = """
    SELECT profile_id, min(ordered_at) FILTER (WHERE kept) AS first_at, max(ordered_at) FILTER (WHERE kept) AS last_at
    FROM purchases GROUP BY profile_id
    """


def _commonest(column: str, source: str, time: str) -> str:
    """The most frequent value of a column; of equals the one that was newest."""
    return f"""
    SELECT profile_id, arg_max({column}, (n, latest, {column})) AS {column} FROM (
      SELECT profile_id, {column}, count(*) AS n, max({time}) AS latest
      FROM {source} AND {column} IS NOT NULL GROUP BY profile_id, {column}
    ) AS counted
    GROUP BY profile_id
    """  # noqa: S608 - names of this file


_SALES = "orders WHERE kind = 'sale' AND profile_id IS NOT NULL"
_MANNER = f"""
    SELECT coalesce(p.profile_id, s.profile_id) AS profile_id, p.payment_method, s.shop_id
    FROM ({_commonest("payment_method", _SALES, "ordered_at")}) AS p
    FULL JOIN ({_commonest("shop_id", _SALES, "ordered_at")}) AS s ON s.profile_id = p.profile_id
    """  # noqa: S608 - texts of this file

_CATEGORY = """
    SELECT profile_id, arg_min(category, (-orders, -revenue, category)) AS category FROM (
      SELECT l.profile_id, f.category, count(DISTINCT l.order_id) AS orders, sum(l.revenue) AS revenue
      FROM order_lines AS l JOIN product_facts AS f ON f.sku = l.sku
      WHERE l.goods AND l.kind = 'sale' AND l.profile_id IS NOT NULL AND f.category IS NOT NULL
      GROUP BY l.profile_id, f.category
    ) AS counted
    GROUP BY profile_id
    """

# What was put into the cart and not taken out again since the last order. Who takes out a product without saying
# how many takes out all of it. What is told of a price is text that anybody may have sent.
_CART = """
    WITH ordered AS (
      SELECT profile_id, max(ordered_at) AS last_at FROM orders
      WHERE kind = 'sale' AND profile_id IS NOT NULL GROUP BY profile_id
    ),
    moves AS (
      SELECT e.profile_id, e.sku, e.event, e.quantity, e.occurred_at,
             CASE WHEN e.event = 'Product Added' THEN coalesce(
               TRY_CAST(json_extract_string(e.properties, '$.price') AS decimal(18, 4)),
               CAST(e.revenue / nullif(coalesce(e.quantity, 1), 0) AS decimal(18, 4))
             ) END AS price,
             max(CASE WHEN e.event = 'Product Removed' AND e.quantity IS NULL THEN e.occurred_at END)
               OVER (PARTITION BY e.profile_id, e.sku) AS emptied_at
      FROM events AS e LEFT JOIN ordered AS o ON o.profile_id = e.profile_id
      WHERE e.event IN ('Product Added', 'Product Removed') AND e.sku IS NOT NULL
        AND e.machine IS NULL AND (o.last_at IS NULL OR e.occurred_at > o.last_at)
    ),
    items AS (
      SELECT profile_id, sku,
             sum(CASE WHEN event = 'Product Added' THEN coalesce(quantity, 1) ELSE -quantity END) AS units,
             min(CASE WHEN event = 'Product Added' THEN occurred_at END) AS since,
             arg_max(price, (occurred_at, price)) FILTER (WHERE price >= 0) AS price
      FROM moves WHERE emptied_at IS NULL OR occurred_at > emptied_at
      GROUP BY profile_id, sku
    ),
    prices AS (
      SELECT sku, arg_max(price, (set_at, received_at, price)) AS price FROM products
      WHERE price IS NOT NULL GROUP BY sku
    )
    SELECT i.profile_id, CAST(sum(i.units) AS double) AS units, min(i.since) AS since,
           CASE WHEN count(*) = count(coalesce(i.price, p.price))
                THEN CAST(sum(i.units * coalesce(i.price, p.price)) AS double) END AS value
    FROM items AS i LEFT JOIN prices AS p ON p.sku = i.sku
    WHERE i.units > 0 AND i.since IS NOT NULL GROUP BY i.profile_id
    """


def _counts(column: str, values: range) -> str:
    counts = (f"count(*) FILTER (WHERE {column} = {value})" for value in values)
    return f"[{', '.join(counts)}]"


# One pass with a counter a value, as in `feature_parts`; a day without a time (midnight where the firm is) tells no hour.
_HOURS = f"""
    SELECT profile_id, CASE WHEN list_max(hours) > 0 THEN list_position(hours, list_max(hours)) - 1 END AS hour,
           list_position(weekdays, list_max(weekdays)) AS weekday
    FROM (
      SELECT profile_id, {_counts("hour", range(24))} AS hours, {_counts("weekday", range(1, 8))} AS weekdays
      FROM (
        SELECT profile_id, CASE WHEN firms <> date_trunc('day', firms) THEN hour(moment) END AS hour,
               isodow(moment) AS weekday
        FROM (
          SELECT d.profile_id, timezone(coalesce(z.timezone, :zone), d.moment_at) AS moment,
                 timezone(:zone, d.moment_at) AS firms
          FROM (
            SELECT profile_id, ordered_at AS moment_at FROM purchases WHERE kept
            UNION ALL
            SELECT profile_id, occurred_at FROM events
            WHERE NOT event IN ('Order Completed', 'Order Refunded') AND machine IS NULL
          ) AS d
          JOIN profiles AS z ON z.profile_id = d.profile_id
        ) AS l
      ) AS t
      GROUP BY profile_id
    ) AS counted
    """  # noqa: S608 - numbers of this file

# Messages of tracking clients tell it in their envelope, rows of files in a property.
_DEVICE = f"""
    WITH told AS (
      SELECT profile_id, occurred_at, properties, envelope FROM events
      WHERE machine IS NULL AND (
        contains(envelope, 'evice') OR contains(envelope, 'userAgent') OR contains(properties, 'evice')
      )
    ),
    read AS (
      SELECT profile_id, occurred_at,
             json_extract_string(envelope, '$.context.device.type') AS context,
             json_extract_string(properties, '$.device.type') AS own,
             json_extract_string(properties, '$.device_type') AS flat,
             json_extract_string(properties, '$.device') AS word,
             lower(json_extract_string(envelope, '$.context.userAgent')) AS agent
      FROM told
    ),
    used AS (
      SELECT profile_id, occurred_at,
             left(lower(coalesce(
               context, own, flat, CASE WHEN NOT starts_with(word, '{{') THEN word END,
               CASE WHEN contains(agent, 'ipad') OR contains(agent, 'tablet') THEN 'tablet'
                    WHEN contains(agent, 'mobi') THEN 'mobile' WHEN agent IS NOT NULL THEN 'desktop' END
             )), 40) AS device
      FROM read
    )
    {_commonest("device", "used WHERE TRUE", "occurred_at")}
    """  # noqa: S608 - texts of this file

_VISITS = """
    SELECT profile_id, count(*) FILTER (WHERE gap IS NULL OR gap > 1800000000) AS visits,
           CAST(CAST(coalesce(sum(gap) FILTER (WHERE gap <= 1800000000), 0) AS bigint) AS double) / 1000000 AS seconds,
           max(occurred_at) AS last_at
    FROM (
      SELECT profile_id, occurred_at,
             epoch_us(occurred_at) - lag(epoch_us(occurred_at)) OVER (PARTITION BY profile_id ORDER BY occurred_at) AS gap
      FROM events WHERE NOT event IN ('Order Completed', 'Order Refunded') AND machine IS NULL
    ) AS followed
    GROUP BY profile_id
    """

# Questions of which no survey says otherwise are feedback.
_ANSWERS = f"""
    SELECT a.profile_id, count(*) AS answers,
           {", ".join(f"max(a.answered_at) FILTER (coalesce(k.data, 'feedback') = '{kind}') AS {kind}_at" for kind in get_args(AnswerKind))}
    FROM answers AS a LEFT JOIN question_kinds AS k ON k.survey = a.survey AND k.question = a.question
    GROUP BY a.profile_id
    """  # noqa: S608 - words of the program

COMPUTED_PARTS: Mapping[str, str] = {
    "o": _ORDERS,
    "s": _MANNER,
    "c": _CATEGORY,
    "k": _CART,
    "h": _HOURS,
    "d": _DEVICE,
    "b": _VISITS,
    "v": _commonest("category", "events WHERE machine IS NULL", "occurred_at"),
    "t": _commonest(
        "channel", "touches WHERE event LIKE '% Clicked' AND NOT machine", "occurred_at"
    ),
    "a": _ANSWERS,
}
"""Letter → query: times of orders, manner of buying, category, cart, hours, device, visits, what is viewed, clicks, answers."""
