"""Queries of acts by local time: one act is one block of hours of one day in which a person did something.

Hours are those of the person's own time zone where it is known, else of the firm's. Ten pages of one visit are one act, or whoever
looks around for long would outweigh everybody. What machines did is left out. What is dated by the day alone (midnight of the
firm's zone) has a weekday and no hour.
"""

from __future__ import annotations

from typing import get_args

from sqlglot import exp

from aimwell.definitions.kinds.prediction import Signal
from aimwell.store.sql import sql, union_all

__all__ = ["SIGNALS", "Signal", "act_counts"]

SIGNALS: tuple[Signal, ...] = get_args(Signal)

_SOURCES: dict[Signal, tuple[str, str]] = {
    "orders": ("activity_orders", "event = 'Order Completed'"),
    "clicks": ("activity_touches", "event LIKE '%Clicked'"),
    "opens": ("activity_touches", "event LIKE '%Opened'"),
    "visits": ("activity_events", "NOT event IN ('Order Completed', 'Order Refunded')"),
}


def act_counts(signal: Signal, zone: str, block_hours: int, suffix: str = "") -> exp.Expr:
    """One row a person who acted: profile_id; `day_0` (Monday) … `day_6`, acts on each weekday; `block_0` (the first hours after
    midnight) …, acts of which the hour is known in each block of hours.

    Args:
        signal: What counts as an act.
        zone: The firm's time zone.
        block_hours: Hours in a block; a divisor of 24.
        suffix: "" or "_ahead", as of the moment's tables. `profiles` must be bound.
    """
    counted = [
        exp.alias_(
            sql(
                "CAST(count(CASE WHEN :kind = :number THEN 1 END) AS double)",
                kind=exp.column(kind),
                number=number,
            ),
            f"{kind}_{number}",
        )
        for kind, count in (("day", 7), ("block", 24 // block_hours))
        for number in range(count)
    ]
    query = sql(
        """
        SELECT profile_id
        FROM (
          SELECT DISTINCT profile_id, CAST(moment AS date) AS date, isodow(moment) - 1 AS day,
                 CASE WHEN firms <> date_trunc('day', firms) THEN hour(moment) // :block END AS block
          FROM (
            SELECT a.profile_id, timezone(coalesce(p.timezone, :zone), a.occurred_at) AS moment,
                   timezone(:zone, a.occurred_at) AS firms
            FROM :acts AS a LEFT JOIN profiles AS p ON p.profile_id = a.profile_id
          ) AS m
        ) AS d
        GROUP BY profile_id ORDER BY profile_id
        """,
        zone=zone,
        block=block_hours,
        acts=exp.Subquery(this=_acts(signal, suffix)),
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - as it is written above
    return query.select(*counted, copy=False)


def _acts(signal: Signal, suffix: str) -> exp.Expr:
    """profile_id and occurred_at of all acts of people."""
    wanted = _SOURCES.values() if signal == "any" else [_SOURCES[signal]]
    return union_all(
        [
            sql(
                """
                SELECT profile_id, occurred_at FROM :source AS s
                WHERE profile_id IS NOT NULL AND NOT machine AND :test
                """,
                source=exp.Table(this=exp.to_identifier(f"{source}{suffix}")),
                test=exp.paren(sql(test)),
            )
            for source, test in wanted
        ]
    )
