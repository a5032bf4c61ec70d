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
    """One row a person and time of the week: profile_id, weekday (0 Monday), block (of hours, 0 the first after midnight;
    null where the hour is not known), acts.

    Args:
        signal: What counts as an act.
        zone: The firm's time zone.
        block_hours: Hours in a block; a divisor of 24.
        suffix: "" or "_ahead", as of the moment's tables. `profiles` must be bound.
    """
    return sql(
        """
        SELECT profile_id, isodow(day) - 1 AS weekday, block, CAST(count(*) AS double) AS acts
        FROM (
          SELECT DISTINCT profile_id, CAST(moment AS date) AS day,
                 CASE WHEN firms <> date_trunc('day', firms) THEN hour(moment) // :block END AS block
          FROM (
            SELECT a.profile_id, timezone(coalesce(p.timezone, :zone), a.occurred_at) AS moment,
                   timezone(:zone, a.occurred_at) AS firms
            FROM :acts AS a LEFT JOIN profiles AS p ON p.profile_id = a.profile_id
          ) AS m
        ) AS d
        GROUP BY profile_id, isodow(day), block ORDER BY profile_id, weekday, block
        """,
        zone=zone,
        block=block_hours,
        acts=exp.Subquery(this=_acts(signal, suffix)),
    )


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
