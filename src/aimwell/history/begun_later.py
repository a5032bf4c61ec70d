"""Who would be known had records begun later: for a moment whose tables begin at `since`.

Who did something before `since` and nothing from then on is not there; who did both was first seen at the first act that is left. Of
whom nothing was ever recorded but what they are (a list that was taken in) stays.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlglot import exp

from aimwell.store.sql import identifier, sql, union_all

__all__ = ["known_since"]


def known_since(since: datetime, before: Collection[str]) -> exp.Expr:
    """A query of the table `all_profiles`: profile_id, first_seen_at, timezone.

    Args:
        since: When records begin.
        before: Tables of what was done before that.
    """
    acts = [exp.select("profile_id").from_(exp.Table(this=identifier(name))) for name in before]
    return sql(
        """
        SELECT p.profile_id, p.timezone,
               CASE WHEN p.first_seen_at < :since THEN coalesce(a.first_at, :since) ELSE p.first_seen_at END AS first_seen_at
        FROM all_profiles AS p
        LEFT JOIN (
          SELECT profile_id, min(occurred_at) AS first_at FROM activity GROUP BY profile_id
        ) AS a ON a.profile_id = p.profile_id
        LEFT JOIN (SELECT DISTINCT profile_id FROM :acts AS d) AS b ON b.profile_id = p.profile_id
        WHERE p.first_seen_at >= :since OR a.profile_id IS NOT NULL OR b.profile_id IS NULL
        """,
        since=since,
        acts=union_all(acts),
    )
