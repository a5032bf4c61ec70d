"""Dated statements, as a trait of a person or what a product is: kept when they say something new.

Without a date the first statement about something holds from 1970 on, so that a look at the past sees it too;
a later one that differs holds from when it was collected. With dates, only changes are kept.
"""

from __future__ import annotations

from datetime import UTC, datetime

from aimwell.store.engine import Session
from aimwell.store.sql import sql, union_all

__all__ = ["ALWAYS", "make_news"]

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""From when an undated first statement holds."""


def make_news(session: Session, *, now: datetime, first: datetime = ALWAYS) -> None:
    """Make `news` (k1, k2, v, set_at): statements of `said` that tell something which `before` does not.

    `said` has `n`, the keys `k1` and `k2`, the struct `v` and `set_at` (null: undated); `before` has what the
    same source said earlier: k1, k2, v, set_at. Of several statements about one thing at one moment the most
    frequent counts, and of those the last. `first` is from when an undated first statement holds.
    """
    session.materialise(
        "chosen",
        sql(
            """
            SELECT k1, k2, v, set_at FROM (
              SELECT *, row_number()
                          OVER (PARTITION BY k1, k2, set_at ORDER BY votes DESC, last DESC) AS place
              FROM (SELECT k1, k2, v, set_at, count(*) AS votes, max(n) AS last FROM said GROUP BY ALL) AS c
            ) AS ranked WHERE place = 1
            """
        ),
    )
    session.bind(
        "dated",
        sql(
            """
            SELECT k1, k2, v, set_at FROM (
              SELECT *, lag(v) OVER (PARTITION BY k1, k2 ORDER BY set_at) AS prior,
                     row_number() OVER (PARTITION BY k1, k2 ORDER BY set_at) AS nth
              FROM chosen WHERE set_at IS NOT NULL
            ) AS followed WHERE nth = 1 OR v IS DISTINCT FROM prior
            """
        ),
    )
    # What was said before about the same thing, as of the statement's own moment.
    dated = sql(
        """
        SELECT s.k1, s.k2, s.v, s.set_at
        FROM dated AS s ASOF LEFT JOIN before AS b
          ON s.k1 = b.k1 AND s.k2 = b.k2 AND s.set_at >= b.set_at
        WHERE b.set_at IS NULL OR s.v IS DISTINCT FROM b.v
        """
    )
    undated = sql(
        """
        SELECT s.k1, s.k2, s.v, CASE WHEN b.set_at IS NULL THEN :always ELSE :now END AS set_at
        FROM chosen AS s LEFT JOIN (
          SELECT k1, k2, arg_max(v, set_at) AS v, max(set_at) AS set_at FROM before GROUP BY k1, k2
        ) AS b ON s.k1 = b.k1 AND s.k2 = b.k2
        WHERE s.set_at IS NULL AND (b.set_at IS NULL OR s.v IS DISTINCT FROM b.v)
        """,
        always=first,
        now=now,
    )
    session.materialise("news", union_all([dated, undated]))
