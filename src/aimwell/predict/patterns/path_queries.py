"""What is read of the ways that people took before a moment, and of what they did after it."""

from __future__ import annotations

from datetime import timedelta

from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.store.sql import sql

__all__ = ["OF", "bind_ways", "outcome_people", "path_counts", "step_people", "stratum_counts"]

_STEPS = {
    "events": """
        SELECT profile_id, event AS step, occurred_at AS at FROM activity
        WHERE NOT machine AND profile_id IS NOT NULL AND occurred_at >= :since
        """,
    "categories": """
        SELECT a.profile_id, coalesce(a.category, p.category) AS step, a.at
        FROM (
          SELECT profile_id, category, sku, occurred_at AS at FROM activity_events
          WHERE NOT machine AND profile_id IS NOT NULL
          UNION ALL
          SELECT profile_id, CAST(NULL AS varchar), sku, ordered_at FROM order_lines
          WHERE kind = 'sale' AND goods AND profile_id IS NOT NULL
        ) AS a LEFT JOIN product_facts AS p ON p.sku = a.sku
        WHERE a.at >= :since
        """,
    "products": """
        SELECT profile_id, sku AS step, occurred_at AS at FROM activity_events
        WHERE NOT machine AND profile_id IS NOT NULL AND occurred_at >= :since
        UNION ALL
        SELECT profile_id, sku, ordered_at FROM order_lines
        WHERE kind = 'sale' AND goods AND profile_id IS NOT NULL AND ordered_at >= :since
        """,
}
OF = tuple(_STEPS)
"""What the steps of a path can be."""


def outcome_people(to: str) -> exp.Expr:
    """profile_id of those who ordered ('order' and 'silence') or did the event within the horizon."""
    if to in ("order", "silence"):
        return sql("SELECT DISTINCT profile_id FROM purchases_ahead WHERE kept")
    return sql(
        "SELECT DISTINCT profile_id FROM activity_ahead WHERE event = :event AND NOT machine AND profile_id IS NOT NULL",
        event=to,
    )


def bind_ways(moment: Moment, *, of: str, to: str, window: timedelta) -> None:
    """Make `acts` stand for what people did within the window before the moment, and `ways` for these people.

    `acts`: profile_id, step, at. `ways`: profile_id, stratum_key (acts in doubling classes, days since the last in thirds of
    the window, orders before: 0, 1, to four, more), hit (whether the outcome came).
    """
    session = moment.session
    since = moment.as_of - window
    session.materialise(
        "acts",
        sql(
            "SELECT DISTINCT profile_id, step, at FROM :steps AS s WHERE step IS NOT NULL",
            steps=sql(_STEPS[of], since=since),
        ),
    )
    session.materialise(
        "ways",
        sql(
            """
            WITH active AS (
              SELECT profile_id, count(*) AS acts, max(at) AS last_at FROM acts GROUP BY profile_id
            ),
            bought AS (
              SELECT profile_id, count(*) AS orders FROM purchases WHERE kept GROUP BY profile_id
            )
            SELECT a.profile_id,
                   100 * CASE WHEN a.acts < 2 THEN 0 WHEN a.acts < 4 THEN 1 WHEN a.acts < 8 THEN 2
                              WHEN a.acts < 16 THEN 3 WHEN a.acts < 32 THEN 4 WHEN a.acts < 64 THEN 5
                              WHEN a.acts < 128 THEN 6 ELSE 7 END
                     + 10 * CASE WHEN 3 * (epoch(a.last_at) - epoch(:since)) < :seconds THEN 0
                                 WHEN 3 * (epoch(a.last_at) - epoch(:since)) < 2 * :seconds THEN 1 ELSE 2 END
                     + CASE WHEN b.orders IS NULL THEN 0 WHEN b.orders = 1 THEN 1 WHEN b.orders <= 4 THEN 2 ELSE 3 END
                     AS stratum_key,
                   CASE WHEN :silence THEN o.profile_id IS NULL ELSE o.profile_id IS NOT NULL END AS hit
            FROM active AS a
            LEFT JOIN bought AS b ON b.profile_id = a.profile_id
            LEFT JOIN :outcome AS o ON o.profile_id = a.profile_id
            WHERE NOT :silence OR b.orders IS NOT NULL
            """,
            since=since,
            seconds=window.total_seconds(),
            silence=to == "silence",
            outcome=outcome_people(to),
        ),
    )


def stratum_counts() -> exp.Expr:
    """One row a stratum: stratum_key, people and hits."""
    return sql(
        """
        SELECT stratum_key, count(*) AS people, count(*) FILTER (hit) AS hits
        FROM ways GROUP BY stratum_key ORDER BY stratum_key
        """
    )


def step_people(most: int) -> exp.Expr:
    """The steps that most people took: step and people."""
    return sql(
        """
        SELECT a.step, count(DISTINCT a.profile_id) AS people
        FROM acts AS a JOIN ways AS w ON w.profile_id = a.profile_id
        GROUP BY a.step ORDER BY people DESC, step LIMIT :most
        """,
        most=most,
    )


def path_counts(steps: list[str], *, longest: int) -> exp.Expr:
    """One row a path and stratum: first, second, third (null: a path of two), stratum_key, people, hits.

    Who took a path did its steps in this order, at different times, with whatever else between.
    """
    return sql(
        """
        WITH kept AS (
          SELECT a.profile_id, a.step, a.at
          FROM acts AS a JOIN ways AS w ON w.profile_id = a.profile_id
          WHERE a.step IN :steps
        ),
        firsts AS (SELECT profile_id, step, min(at) AS at FROM kept GROUP BY profile_id, step),
        lasts AS (SELECT profile_id, step, max(at) AS at FROM kept GROUP BY profile_id, step),
        pairs AS (
          SELECT f.profile_id, f.step AS first, k.step AS second, min(k.at) AS at
          FROM firsts AS f JOIN kept AS k ON k.profile_id = f.profile_id AND k.at > f.at
          GROUP BY f.profile_id, f.step, k.step
        ),
        paths AS (
          SELECT profile_id, first, second, CAST(NULL AS varchar) AS third FROM pairs
          UNION ALL
          SELECT p.profile_id, p.first, p.second, l.step
          FROM pairs AS p JOIN lasts AS l ON l.profile_id = p.profile_id AND l.at > p.at
          WHERE :longest >= 3
        )
        SELECT p.first, p.second, p.third, w.stratum_key, count(*) AS people, count(*) FILTER (w.hit) AS hits
        FROM paths AS p JOIN ways AS w ON w.profile_id = p.profile_id
        GROUP BY p.first, p.second, p.third, w.stratum_key
        ORDER BY p.first, p.second, p.third NULLS FIRST, w.stratum_key
        """,
        steps=steps,
        longest=longest,
    )
