"""What is read of people's baskets in the order of time: each with the next one."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.predict.patterns.queries import placed_items
from aimwell.store.sql import sql

__all__ = ["basket_strata", "bind_followed", "lines_had", "lines_in", "lines_next"]

_DAY_SECONDS = 86_400


def bind_followed(moment: Moment, *, within_days: int) -> None:
    """Make `followed` stand for people's baskets whose days after are over, and `first_had` for when they first had what.

    Needs `basket_list` and `basket_items`. `followed`: row (from 0), profile_id, order_id, basket, next_basket (null: none
    within the days), month, third (of size), before (orders before: 0 none, 1 to three, 2 more). `first_had`: profile_id,
    item, basket.
    """
    last: datetime = moment.as_of - timedelta(days=within_days)
    moment.session.materialise(
        "followed",
        sql(
            """
            WITH numbered AS (
              SELECT profile_id, order_id, at, size, basket,
                     row_number() OVER (PARTITION BY profile_id ORDER BY basket) - 1 AS earlier,
                     lead(basket) OVER (PARTITION BY profile_id ORDER BY basket) AS next_basket,
                     lead(at) OVER (PARTITION BY profile_id ORDER BY basket) AS next_at
              FROM basket_list WHERE profile_id IS NOT NULL
            ),
            ranked AS (
              SELECT n.*, row_number() OVER (ORDER BY basket) - 1 AS row,
                     row_number() OVER (ORDER BY size, basket) AS place, count(*) OVER () AS baskets
              FROM numbered AS n WHERE at <= :last
            )
            SELECT row, profile_id, order_id, basket,
                   CASE WHEN epoch(next_at) - epoch(at) <= :seconds THEN next_basket END AS next_basket,
                   12 * year(CAST(timezone(:zone, at) AS date)) + month(CAST(timezone(:zone, at) AS date)) AS month,
                   CASE WHEN 3 * place <= baskets THEN 0 WHEN 3 * place <= 2 * baskets THEN 1 ELSE 2 END AS third,
                   CASE WHEN earlier = 0 THEN 0 WHEN earlier <= 3 THEN 1 ELSE 2 END AS before
            FROM ranked
            """,
            seconds=within_days * _DAY_SECONDS,
            last=last,
            zone=moment.stores.settings.timezone,
        ),
    )
    moment.session.materialise(
        "first_had",
        sql(
            """
            SELECT i.profile_id, i.item, min(b.basket) AS basket
            FROM basket_items AS i
            JOIN basket_list AS b ON b.profile_id = i.profile_id AND b.order_id = i.order_id
            WHERE i.item IS NOT NULL
            GROUP BY i.profile_id, i.item
            """
        ),
    )


def basket_strata() -> exp.Expr:
    """One row a followed basket, in order: month (a number), third, before, whether a basket followed in time."""
    return sql(
        """
        SELECT month, third, before, next_basket IS NOT NULL AS came_back FROM followed ORDER BY row
        """
    )


def lines_in(least: int) -> exp.Expr:
    """One row an item of a followed basket: row and place (of the item among `known_items`)."""
    return sql(
        """
        SELECT f.row, k.place
        FROM followed AS f
        JOIN basket_items AS i ON i.profile_id = f.profile_id AND i.order_id = f.order_id
        JOIN :placed AS k ON k.item = i.item
        """,
        placed=placed_items(least),
    )


def lines_had(least: int) -> exp.Expr:
    """One row a followed basket and an item that the person had in it or before it."""
    return sql(
        """
        SELECT f.row, k.place
        FROM followed AS f
        JOIN first_had AS h ON h.profile_id = f.profile_id AND h.basket <= f.basket
        JOIN :placed AS k ON k.item = h.item
        """,
        placed=placed_items(least),
    )


def lines_next(least: int) -> exp.Expr:
    """One row a followed basket and an item that the person has for the first time in the next one."""
    return sql(
        """
        SELECT f.row, k.place
        FROM followed AS f
        JOIN first_had AS h ON h.profile_id = f.profile_id AND h.basket = f.next_basket
        JOIN :placed AS k ON k.item = h.item
        """,
        placed=placed_items(least),
    )
