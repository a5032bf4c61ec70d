"""Queries of what people did before a moment, in order: one act is an event of a name on a day, however often it came.

Only people who bought are read. Purchases are those that the renewal model counts: orders that were not wholly returned. What
machines did is left out.
"""

from __future__ import annotations

from sqlglot import exp

from aimwell.definitions.leaves.event_fields import ORDER_EVENTS
from aimwell.store.sql import sql, union_all

__all__ = ["PURCHASE", "act_names", "latest_acts", "people_acts"]

PURCHASE = "Order Completed"


def people_acts(zone: str) -> exp.Expr:
    """One row a person, day (of the firm's zone) and event: profile_id, event, day, acts, revenue (0 where there is none)."""
    bought = sql(
        """
        SELECT profile_id, :purchase AS event, ordered_at AS moment, revenue FROM purchases WHERE kept
        """,
        purchase=PURCHASE,
    )
    did = [
        sql(
            """
            SELECT a.profile_id, a.event, a.occurred_at AS moment, CAST(0 AS decimal(18, 4)) AS revenue
            FROM :source AS a
            SEMI JOIN (SELECT profile_id FROM purchases WHERE kept) AS b ON b.profile_id = a.profile_id
            WHERE NOT a.machine AND NOT a.event IN :orders
            """,
            source=exp.Table(this=exp.to_identifier(source)),
            orders=list(ORDER_EVENTS),
        )
        for source in ("activity_events", "activity_touches")
    ]
    return sql(
        """
        SELECT profile_id, event, day, CAST(count(*) AS double) AS acts, CAST(sum(revenue) AS double) AS revenue
        FROM (SELECT profile_id, event, CAST(timezone(:zone, moment) AS date) AS day, revenue FROM :acts AS a) AS d
        GROUP BY profile_id, event, day
        """,
        zone=zone,
        acts=exp.Subquery(this=union_all([bought, *did])),
    )


def act_names(most: int) -> exp.Expr:
    """The commonest events of the table `people_acts`, beside purchases: event; ties by name."""
    return sql(
        """
        SELECT event FROM people_acts WHERE event <> :purchase
        GROUP BY event ORDER BY count(*) DESC, event LIMIT :most
        """,
        purchase=PURCHASE,
        most=most,
    )


def latest_acts(until: exp.Expr, most: int) -> exp.Expr:
    """The last acts of each person of the table `people_acts`, the oldest first, a purchase the last of its day:
    profile_id, event, ago (days from then to `until`), acts, revenue.

    Args:
        until: The last day that is seen.
        most: How many of a person.
    """
    return sql(
        """
        SELECT profile_id, event, CAST(ago AS double) AS ago, acts, revenue FROM (
          SELECT profile_id, event, date_diff('day', day, :until) AS ago, acts, revenue,
                 row_number() OVER (
                   PARTITION BY profile_id
                   ORDER BY day DESC, CASE WHEN event = :purchase THEN 0 ELSE 1 END, event
                 ) AS place
          FROM people_acts
        ) AS p
        WHERE place <= :most ORDER BY profile_id, place DESC
        """,
        until=until,
        purchase=PURCHASE,
        most=most,
    )
