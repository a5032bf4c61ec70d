"""What people of an experiment were shown, by the touches; and to whom an event happened."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from aimwell.decide.timing_log import sibling
from aimwell.store.sql import sql

__all__ = ["elsewhere", "happened", "shown"]


def shown(experiment: str) -> exp.Expr:
    """A row a person, the arm that was theirs at the moment, and the arm whose message or page they were shown; how often.

    A touch tells whose it is by its `action`, which names an arm; its `campaign` is the experiment.
    """
    return sql(
        """
        WITH given AS (
          SELECT profile_id, CASE WHEN arm = 'nothing' THEN 'control' ELSE arm END AS arm, assigned_at
          FROM assignments WHERE experiment = :experiment AND profile_id IS NOT NULL
        ), seen AS (
          SELECT DISTINCT profile_id, action AS seen, occurred_at FROM touches
          WHERE campaign = :experiment AND profile_id IS NOT NULL AND NOT machine
            AND (event LIKE '%Viewed' OR event LIKE '%Opened' OR event LIKE '%Clicked') AND action IN (SELECT arm FROM given)
        ), told AS (
          SELECT s.profile_id, s.seen, s.occurred_at, arg_max(g.arm, g.assigned_at) AS arm
          FROM seen AS s JOIN given AS g ON g.profile_id = s.profile_id AND g.assigned_at <= s.occurred_at
          GROUP BY s.profile_id, s.seen, s.occurred_at
        )
        SELECT profile_id, arm, seen, count(*) AS times FROM told GROUP BY profile_id, arm, seen ORDER BY profile_id, arm, seen
        """,
        experiment=experiment,
    )


def happened(event: str, *, since: datetime, until: datetime) -> exp.Expr:
    """The people to whom this happened from `since` on and before `until`: an event, or a touch that no machine made."""
    return sql(
        """
        SELECT DISTINCT profile_id FROM (
          SELECT profile_id, event, occurred_at FROM touches WHERE NOT machine
          UNION ALL SELECT profile_id, event, occurred_at FROM events
        ) AS a
        WHERE event = :event AND occurred_at >= :since AND occurred_at < :until AND profile_id IS NOT NULL
        ORDER BY profile_id
        """,
        event=event,
        since=since,
        until=until,
    )


def elsewhere(experiment: str, *, since: datetime, until: datetime) -> exp.Expr:
    """The arms that people of the experiment were given in others from `since` on and before `until`: experiment, person, arm.

    A campaign and the experiment of its times are no others: all who are in the latter got a message.
    """
    return sql(
        """
        WITH own AS (SELECT DISTINCT profile_id FROM assignments WHERE experiment = :experiment AND profile_id IS NOT NULL)
        SELECT a.experiment, a.profile_id, arg_min(a.arm, (a.assigned_at, a.origin_id)) AS arm
        FROM assignments AS a JOIN own AS o ON o.profile_id = a.profile_id
        WHERE a.experiment NOT IN (:experiment, :sibling) AND a.assigned_at >= :since AND a.assigned_at < :until
        GROUP BY a.experiment, a.profile_id ORDER BY a.experiment, a.profile_id
        """,
        experiment=experiment,
        sibling=sibling(experiment),
        since=since,
        until=until,
    )
