"""What a division of people does differently, counted: products, weekdays and hours, discounts, channels.

`grouped` stands for the people: profile_id and group.
"""

from __future__ import annotations

from sqlglot import exp

from aimwell.store.sql import sql

__all__ = ["channel_counts", "discount_sums", "order_spread", "product_counts", "time_counts"]


def product_counts(smallest: int) -> exp.Expr:
    """One row a group and product: group, sku, name and buyers (people of the group who ever bought it).

    Args:
        smallest: Products with fewer buyers in all groups together are left out.
    """
    return sql(
        """
        WITH bought AS (
          SELECT DISTINCT g.profile_id, g."group" AS own, l.sku
          FROM order_lines AS l JOIN grouped AS g ON g.profile_id = l.profile_id
          WHERE l.goods AND l.kind = 'sale' AND l.sku IS NOT NULL
        ),
        liked AS (
          SELECT sku FROM bought GROUP BY sku HAVING count(*) >= :smallest
        )
        SELECT b.own AS "group", b.sku, max(f.name) AS name, count(*) AS buyers
        FROM bought AS b JOIN liked AS k ON k.sku = b.sku LEFT JOIN product_facts AS f ON f.sku = b.sku
        GROUP BY b.own, b.sku ORDER BY b.sku, b.own
        """,
        smallest=smallest,
    )


def time_counts(zone: str) -> exp.Expr:
    """One row a group, weekday (1 Monday – 7 Sunday) and hour of the firm's time zone: group, weekday, hour, orders."""
    return sql(
        """
        SELECT g."group" AS "group", isodow(o.moment) AS weekday, hour(o.moment) AS hour, count(*) AS orders
        FROM (
          SELECT profile_id, timezone(:zone, ordered_at) AS moment FROM purchases WHERE kept
        ) AS o
        JOIN grouped AS g ON g.profile_id = o.profile_id
        GROUP BY g."group", isodow(o.moment), hour(o.moment)
        ORDER BY "group", weekday, hour
        """,
        zone=zone,
    )


def order_spread() -> exp.Expr:
    """One row a group: group and squares, the sum of the squares of its people's numbers of orders."""
    return sql(
        """
        SELECT own AS "group", CAST(sum(orders * orders) AS double) AS squares
        FROM (
          SELECT g."group" AS own, g.profile_id, count(*) AS orders
          FROM purchases AS o JOIN grouped AS g ON g.profile_id = o.profile_id
          WHERE o.kept GROUP BY g."group", g.profile_id
        ) AS p
        GROUP BY own ORDER BY own
        """
    )


def discount_sums() -> exp.Expr:
    """One row a group, over its people who bought: group, people, orders, reduced (orders with a discount or a coupon),
    oo, od, dd (sums of the squares and products of a person's orders and reduced orders), discount and gross (money)."""
    return sql(
        """
        SELECT own AS "group", count(*) AS people, CAST(sum(orders) AS double) AS orders,
               CAST(sum(reduced) AS double) AS reduced, CAST(sum(orders * orders) AS double) AS oo,
               CAST(sum(orders * reduced) AS double) AS od, CAST(sum(reduced * reduced) AS double) AS dd,
               CAST(sum(discount) AS double) AS discount, CAST(sum(gross) AS double) AS gross
        FROM (
          SELECT g."group" AS own, g.profile_id, count(*) AS orders, sum(o.discount) AS discount,
                 sum(o.gross) AS gross,
                 count(*) FILTER (WHERE o.discount > 0 OR o.coupon IS NOT NULL) AS reduced
          FROM purchases AS o JOIN grouped AS g ON g.profile_id = o.profile_id
          WHERE o.kept GROUP BY g."group", g.profile_id
        ) AS p
        GROUP BY own ORDER BY own
        """
    )


def channel_counts() -> exp.Expr:
    """One row a group and channel: group, channel, reached (people who got a message there) and reacted (those of them who
    opened or clicked one, not by machines)."""
    return sql(
        """
        SELECT own AS "group", channel, count(*) AS reached, count(*) FILTER (WHERE reacted) AS reacted
        FROM (
          SELECT g."group" AS own, g.profile_id, t.channel,
                 bool_or(NOT t.machine AND (t.event LIKE '%Opened' OR t.event LIKE '%Clicked')) AS reacted
          FROM touches AS t JOIN grouped AS g ON g.profile_id = t.profile_id
          WHERE t.channel IS NOT NULL GROUP BY g."group", g.profile_id, t.channel
        ) AS p
        GROUP BY own, channel ORDER BY own, channel
        """
    )
