"""What is read for recommendations, as queries over a session cut at a moment."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from aimwell.store.sql import sql

__all__ = [
    "CARTS",
    "VIEWS",
    "bought_ahead",
    "listed_products",
    "person_products",
    "product_table",
]

VIEWS = ("Product Viewed", "Product Clicked")
CARTS = ("Product Added", "Product Added to Wishlist")

_VIEW, _CART, _LOOKED_MOST = 0.1, 0.3, 0.8


def person_products(zone: str, as_of: datetime) -> exp.Expr:
    """One row per person and product: `profile_id`, `sku`, `days`, `looked`, `since`, `span` (see `Interactions`).

    What was sent back whole counts as never bought. A view weighs 0.1, a cart 0.3, both at most 0.8 of a purchase.
    """
    return sql(
        """
        WITH bought AS (
          SELECT profile_id, sku,
                 count(DISTINCT CASE WHEN kind = 'sale' THEN CAST(timezone(:zone, ordered_at) AS date) END) AS days,
                 max(CASE WHEN kind = 'sale' THEN epoch(ordered_at) END) AS last_at,
                 min(CASE WHEN kind = 'sale' THEN epoch(ordered_at) END) AS first_at
          FROM order_lines WHERE profile_id IS NOT NULL AND sku IS NOT NULL AND goods
          GROUP BY profile_id, sku
          HAVING sum(quantity) > 0 AND max(CASE WHEN kind = 'sale' THEN 1 ELSE 0 END) = 1
        ),
        looked AS (
          SELECT profile_id, sku,
                 least(sum(CASE WHEN event IN :views THEN CAST(:view AS double) ELSE CAST(:cart AS double) END),
                       CAST(:most AS double)) AS looked
          FROM activity_events
          WHERE profile_id IS NOT NULL AND sku IS NOT NULL AND NOT machine AND (event IN :views OR event IN :carts)
          GROUP BY profile_id, sku
        )
        SELECT coalesce(b.profile_id, l.profile_id) AS profile_id, coalesce(b.sku, l.sku) AS sku,
               CAST(coalesce(b.days, 0) AS real) AS days, CAST(coalesce(l.looked, 0) AS real) AS looked,
               CAST((epoch(:moment) - b.last_at) / 86400.0 AS real) AS since,
               CAST((b.last_at - b.first_at) / 86400.0 AS real) AS span
        FROM bought AS b FULL OUTER JOIN looked AS l ON l.profile_id = b.profile_id AND l.sku = b.sku
        """,
        zone=zone,
        moment=as_of,
        views=list(VIEWS),
        carts=list(CARTS),
        view=_VIEW,
        cart=_CART,
        most=_LOOKED_MOST,
    )


def bought_ahead() -> exp.Expr:
    """One row per person and product bought within the horizon, returns netted: `profile_id`, `sku`."""
    return sql(
        """
        SELECT profile_id, sku FROM order_lines_ahead
        WHERE profile_id IS NOT NULL AND sku IS NOT NULL AND goods
        GROUP BY profile_id, sku
        HAVING sum(quantity) > 0 AND max(CASE WHEN kind = 'sale' THEN 1 ELSE 0 END) = 1
        """
    )


def product_table() -> exp.Expr:
    """One row per product that was sold, looked at or listed: `sku`, `price` and `margin`.

    `price` is the mean of what a unit was sold for, `margin` the share of its revenue that was margin; null where unknown.
    """
    return sql(
        """
        WITH sold AS (
          SELECT sku, CASE WHEN sum(quantity) > 0
                        THEN CAST(sum(revenue) AS double) / CAST(sum(quantity) AS double) END AS price,
                 CASE WHEN sum(revenue) > 0 AND count(margin) = count(*)
                        THEN sum(margin) / CAST(sum(revenue) AS double) END AS margin
          FROM line_margins WHERE kind = 'sale' AND goods AND sku IS NOT NULL GROUP BY sku
        ),
        seen AS (
          SELECT sku FROM sold
          UNION SELECT sku FROM products
          UNION SELECT sku FROM activity_events WHERE sku IS NOT NULL
        )
        SELECT e.sku, s.price, s.margin
        FROM seen AS e LEFT JOIN sold AS s ON s.sku = e.sku ORDER BY e.sku
        """
    )


def listed_products() -> exp.Expr:
    """One row per listed product, the newest of each: `sku`, `name`, `category`, `price`, `stock` (null: unknown)."""
    return sql(
        """
        SELECT p.sku, f.name, f.category, p.price, p.stock
        FROM (
          SELECT sku, arg_max(CAST(price AS double), (set_at, received_at, price)) AS price,
                 arg_max(stock, (set_at, received_at, stock)) AS stock
          FROM (
            SELECT sku, price, set_at, received_at,
                   TRY_CAST(json_extract_string(properties, '$.stock') AS double) AS stock
            FROM products
          ) AS l
          GROUP BY sku
        ) AS p
        LEFT JOIN product_facts AS f ON f.sku = p.sku
        ORDER BY p.sku
        """
    )
