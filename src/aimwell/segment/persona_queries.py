"""What a division of people does differently, counted: products, traits, weekdays and hours.

`grouped` stands for the people: profile_id and group.
"""

from __future__ import annotations

from sqlglot import exp

from aimwell.store.sql import sql

__all__ = ["order_spread", "product_counts", "time_counts", "trait_counts"]


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
        SELECT b.own AS "group", b.sku, any_value(f.name) AS name, count(*) AS buyers
        FROM bought AS b JOIN liked AS k ON k.sku = b.sku LEFT JOIN product_facts AS f ON f.sku = b.sku
        GROUP BY b.own, b.sku ORDER BY b.sku, b.own
        """,
        smallest=smallest,
    )


def trait_counts(traits: exp.Expr, values_max: int) -> exp.Expr:
    """One row a group, trait and value: group, name, value and people.

    Args:
        traits: A query of the values that hold: profile_id, name, value.
        values_max: Traits with more different values (ids, dates) are left out, and those that Aimwell made.
    """
    return sql(
        """
        WITH held AS (
          SELECT g."group" AS own, t.name, t.value
          FROM :traits AS t JOIN grouped AS g ON g.profile_id = t.profile_id
          WHERE NOT t.name LIKE 'cluster:%'
        ),
        plain AS (
          SELECT name FROM held GROUP BY name
          HAVING count(DISTINCT value) BETWEEN 2 AND :values_max
        )
        SELECT h.own AS "group", h.name, h.value, count(*) AS people
        FROM held AS h JOIN plain AS p ON p.name = h.name
        GROUP BY h.own, h.name, h.value ORDER BY h.name, h.value, h.own
        """,
        traits=exp.Subquery(this=traits),
        values_max=values_max,
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
