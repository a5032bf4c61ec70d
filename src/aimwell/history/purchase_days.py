"""Days on which people bought: what waits between purchases are counted from."""

from __future__ import annotations

from sqlglot import exp

from aimwell.store.sql import identifier, sql

__all__ = ["purchase_days"]


def purchase_days(zone: str, suffix: str = "") -> exp.Expr:
    """One row a day on which a person bought: profile_id, day, last_at (of its last purchase), spent (net of returns).

    Several purchases of one day are one; an order that was wholly returned is none.

    Args:
        zone: The firm's time zone, in which days are counted.
        suffix: "" or "_ahead", as of the moment's tables.
    """
    return sql(
        """
        SELECT profile_id, CAST(timezone(:zone, ordered_at) AS date) AS day, max(ordered_at) AS last_at,
               sum(CAST(revenue AS decimal(38, 6))) AS spent
        FROM :orders AS o WHERE kept
        GROUP BY profile_id, CAST(timezone(:zone, ordered_at) AS date)
        """,
        zone=zone,
        orders=exp.Table(this=identifier(f"purchases{suffix}")),
    )
