"""Queries of purchase days: the gaps of each person (and item), how long they wait, and when they came again.

Days are those of the firm's time zone; several purchases of one day are one. An order that was wholly returned is none.
"""

from __future__ import annotations

from typing import Literal

from sqlglot import exp

from aimwell.history.purchase_days import purchase_days
from aimwell.store.sql import sql

__all__ = [
    "BY",
    "By",
    "gap_counts",
    "items_bought",
    "next_days",
    "purchase_gaps",
    "wait_counts",
    "waits",
]

By = Literal["person", "category", "product"]
BY: tuple[By, ...] = ("person", "category", "product")


def items_bought(by: By, zone: str, suffix: str = "") -> exp.Expr:
    """One row a day on which a person bought (an item): profile_id, item ('' by person), day.

    Args:
        by: What is an item: a product, a category, or nothing.
        zone: The firm's time zone.
        suffix: "" or "_ahead", as of the moment's tables.
    """
    if by == "person":
        return sql(
            "SELECT profile_id, CAST('' AS varchar) AS item, day FROM :days AS d",
            days=purchase_days(zone, suffix),
        )
    item = "sku" if by == "product" else "category"
    return sql(
        """
        SELECT DISTINCT l.profile_id, :item AS item, CAST(timezone(:zone, l.ordered_at) AS date) AS day
        FROM :lines AS l
        JOIN :orders AS o ON o.profile_id = l.profile_id AND o.order_id = l.order_id AND o.kept
        LEFT JOIN :facts AS f ON f.sku = l.sku
        WHERE l.kind = 'sale' AND l.goods AND l.quantity > 0 AND :item IS NOT NULL
        """,
        zone=zone,
        orders=exp.Table(this=exp.to_identifier(f"purchases{suffix}")),
        lines=exp.Table(this=exp.to_identifier(f"order_lines{suffix}")),
        facts=exp.Table(this=exp.to_identifier(f"product_facts{suffix}")),
        item=exp.column(item, table="l" if by == "product" else "f"),
    )


def purchase_gaps(days: exp.Expr) -> exp.Expr:
    """Each of these days with `place` (1 the first) and `gap`, the days since the one before it; null at the first."""
    return sql(
        """
        SELECT profile_id, item, day, row_number() OVER (PARTITION BY profile_id, item ORDER BY day) AS place,
               date_diff('day', lag(day) OVER (PARTITION BY profile_id, item ORDER BY day), day) AS gap
        FROM :days AS d
        """,
        days=days,
    )


def waits(until: exp.Expr, least: int) -> exp.Expr:
    """One row a person and item with at least so many gaps, of the table `purchase_gaps`: profile_id, item, gaps, log_sum
    and log_squares (of ln gap), median_gap, last_day, waited (days from then to `until`)."""
    # Sums of decimals are the same in every order of the rows; sums of doubles are not.
    return sql(
        """
        SELECT w.*, m.median_gap FROM (
          SELECT profile_id, item, CAST(count(gap) AS double) AS gaps,
                 CAST(coalesce(sum(CAST(ln(gap) AS decimal(18, 9))), 0) AS double) AS log_sum,
                 CAST(coalesce(sum(CAST(ln(gap) * ln(gap) AS decimal(18, 9))), 0) AS double) AS log_squares,
                 max(day) AS last_day, CAST(date_diff('day', max(day), :until) AS double) AS waited
          FROM purchase_gaps GROUP BY profile_id, item HAVING count(gap) >= :least
        ) AS w
        LEFT JOIN (
          SELECT profile_id, item, CAST(sum(gap) AS double) / count(*) AS median_gap FROM (
            SELECT profile_id, item, gap, count(*) OVER (PARTITION BY profile_id, item) AS gaps,
                   row_number() OVER (PARTITION BY profile_id, item ORDER BY gap) AS rank
            FROM purchase_gaps WHERE gap IS NOT NULL
          ) AS g
          WHERE rank * 2 BETWEEN gaps AND gaps + 2 GROUP BY profile_id, item
        ) AS m ON m.profile_id = w.profile_id AND m.item = w.item
        ORDER BY item, profile_id
        """,
        until=until,
        least=least,
    )


def wait_counts(until: exp.Expr) -> exp.Expr:
    """How many people bought an item once and wait since so many days: item, waited, people."""
    return sql(
        """
        SELECT item, waited, CAST(count(*) AS double) AS people FROM (
          SELECT item, CAST(date_diff('day', max(day), :until) AS double) AS waited
          FROM purchase_gaps GROUP BY profile_id, item HAVING count(*) = 1
        ) AS o
        GROUP BY item, waited ORDER BY item, waited
        """,
        until=until,
    )


def gap_counts(after: int) -> exp.Expr:
    """How many gaps of so many days followed purchase number `after` or a later one, over all people and items: gap, gaps."""
    return sql(
        """
        SELECT gap, CAST(count(*) AS double) AS gaps FROM purchase_gaps WHERE place > :after
        GROUP BY gap ORDER BY gap
        """,
        after=after,
    )


def next_days(days: exp.Expr) -> exp.Expr:
    """The first of the later days of each person and item: profile_id, item, day."""
    return sql(
        "SELECT profile_id, item, min(day) AS day FROM :days AS d GROUP BY profile_id, item",
        days=days,
    )
