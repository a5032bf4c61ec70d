"""What is read of the baskets: goods of orders that were not wholly returned."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.store.sql import sql

__all__ = [
    "basket_facts",
    "basket_lines",
    "bind_basket_items",
    "item_names",
    "kept_lines",
    "known_items",
    "placed_items",
    "unit_earnings",
]

_BY = {"sku": "l.sku", "category": "p.category"}
BY = tuple(_BY)
"""What baskets can be looked at by."""


def kept_lines() -> exp.Expr:
    """Order lines of goods with a positive quantity, of orders that are not known to be wholly returned.

    Columns: profile_id (null: anonymous), order_id, ordered_at, sku.
    """
    return sql(
        """
        SELECT l.profile_id, l.order_id, l.ordered_at, l.sku
        FROM order_lines AS l
        ANTI JOIN (SELECT profile_id, order_id FROM purchases WHERE NOT kept) AS r
          ON r.profile_id = l.profile_id AND r.order_id = l.order_id
        WHERE l.kind = 'sale' AND l.goods AND l.quantity > 0 AND l.sku IS NOT NULL
        """
    )


def bind_basket_items(moment: Moment, by: str) -> None:
    """Make `basket_items` stand for the different items of each basket, and `basket_list` for the baskets.

    A product without a category is in the basket, but no item.

    `basket_items`: profile_id, order_id, item, at, products. `basket_list`: profile_id, order_id, at, size (different
    products), basket (its number by time, from 0).
    """
    moment.session.materialise(
        f"basket_items_{by}",
        sql(
            """
            SELECT l.profile_id, l.order_id, :item AS item, min(l.ordered_at) AS at,
                   count(DISTINCT l.sku) AS products
            FROM :lines AS l LEFT JOIN product_facts AS p ON p.sku = l.sku
            GROUP BY l.profile_id, l.order_id, :item
            """,
            item=sql(_BY[by]),
            lines=kept_lines(),
        ),
    )
    moment.session.bind("basket_items", exp.select("*").from_(f"basket_items_{by}"))
    moment.session.materialise(
        f"basket_list_{by}",
        sql(
            """
            SELECT b.*, row_number() OVER (ORDER BY at, order_id, profile_id NULLS FIRST) - 1 AS basket
            FROM (
              SELECT profile_id, order_id, min(at) AS at, CAST(sum(products) AS bigint) AS size
              FROM basket_items GROUP BY profile_id, order_id
            ) AS b
            """
        ),
    )
    moment.session.bind("basket_list", exp.select("*").from_(f"basket_list_{by}"))


def known_items(least: int) -> exp.Expr:
    """item, and in how many baskets, of those in at least so many, by name."""
    return sql(
        "SELECT item, count(*) AS baskets FROM basket_items WHERE item IS NOT NULL GROUP BY item HAVING count(*) >= :least ORDER BY item",
        least=least,
    )


def placed_items(least: int) -> exp.Expr:
    """item and place: its row among `known_items`, from 0."""
    return sql(
        "SELECT item, row_number() OVER (ORDER BY item) - 1 AS place FROM :known AS known",
        known=known_items(least),
    )


def basket_lines(least: int) -> exp.Expr:
    """One row a line: basket and column (the place of its item among `known_items`)."""
    return sql(
        """
        SELECT b.basket, k.place
        FROM basket_items AS i
        JOIN basket_list AS b
          ON b.order_id = i.order_id AND b.profile_id IS NOT DISTINCT FROM i.profile_id
        JOIN :placed AS k ON k.item = i.item
        """,
        placed=placed_items(least),
    )


def basket_facts() -> exp.Expr:
    """One row a basket, by number: seconds (of its time since 1970) and size."""
    return sql("SELECT epoch(at) AS seconds, size FROM basket_list ORDER BY basket")


def item_names(skus: list[str]) -> exp.Expr:
    """sku and name of products that have one."""
    return sql(
        "SELECT sku, name FROM product_facts WHERE sku IN :skus AND name IS NOT NULL ORDER BY sku",
        skus=skus,
    )


def unit_earnings(skus: list[str], *, since: datetime) -> exp.Expr:
    """One row a product sold since then: sku, price (revenue of a unit), margin (of a unit; null: unknown) and assumed.

    Assumed is a margin that rests on `margin_default` for some line.
    """
    return sql(
        """
        SELECT m.sku, CAST(sum(m.revenue) / sum(m.quantity) AS double) AS price,
               CASE WHEN count(m.margin) = count(*)
                 THEN sum(m.margin) / CAST(sum(m.quantity) AS double) END AS margin,
               count(m.margin) = count(*)
                 AND count(coalesce(l.unit_cost, p.unit_cost)) < count(*) AS assumed
        FROM line_margins AS m
        JOIN order_lines AS l ON l.line_id = m.line_id
        LEFT JOIN product_facts AS p ON p.sku = m.sku
        WHERE m.kind = 'sale' AND m.goods AND m.quantity > 0 AND m.ordered_at >= :since AND m.sku IN :skus
        GROUP BY m.sku ORDER BY m.sku
        """,
        since=since,
        skus=skus,
    )
