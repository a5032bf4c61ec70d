"""What happened with one person, newest first: orders, events, messages, answers, segments, consents, merges and more.

The lake's rows of the person are bound under the names of their tables. Nothing here is personal: the lake holds ids,
codes and figures only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlglot import exp

from aimwell.people.model import Happening
from aimwell.store.engine import Session
from aimwell.store.sql import sql, union_all

__all__ = ["TIMELINE_COLUMNS", "TIMELINE_TABLES", "lake_happenings"]

_PARTS: Mapping[str, str] = {
    "orders": """
        SELECT ordered_at AS moment_at,
               CASE kind WHEN 'return' THEN 'return' ELSE 'order' END AS kind,
               CASE kind WHEN 'sale' THEN 'order ' WHEN 'return' THEN 'return ' ELSE 'addition to order ' END
                 || order_id AS what,
               concat_ws(', ', :currency || ' ' || CAST(CAST(revenue AS decimal(18, 2)) AS varchar),
                         format('{:g} unit', CAST(quantity AS double)) || CASE abs(quantity) WHEN 1 THEN '' ELSE 's' END, 'coupon ' || coupon, shop_id,
                         payment_method) AS detail
        FROM orders
        """,
    "events": """
        SELECT occurred_at AS moment_at, 'event' AS kind, event AS what,
               concat_ws(', ', sku, category,
                         :currency || ' ' || CAST(CAST(revenue AS decimal(18, 2)) AS varchar),
                         CASE WHEN machine IS NOT NULL THEN 'by a machine' END) AS detail
        FROM events
        """,
    "touches": """
        SELECT occurred_at AS moment_at, 'message' AS kind, event AS what,
               concat_ws(', ', campaign, channel, CASE WHEN machine THEN 'by a machine' END) AS detail
        FROM touches
        """,
    "answers": """
        SELECT answered_at AS moment_at, 'answer' AS kind, survey || ': ' || question AS what,
               coalesce(value, format('{:g}', number), '') AS detail
        FROM answers
        """,
    "reviews": """
        SELECT reviewed_at AS moment_at, 'review' AS kind, concat_ws(' ', 'review of', coalesce(sku, 'the shop')) AS what,
               concat_ws(' of ', format('{:g}', CAST(rating AS double)), format('{:g}', CAST(rating_max AS double))) AS detail
        FROM reviews
        """,
    "memberships": """
        SELECT occurred_at AS moment_at, 'segment' AS kind, change || ' ' || segment AS what, '' AS detail
        FROM memberships WHERE change IN ('entered', 'left')
        """,
    "assignments": """
        SELECT assigned_at AS moment_at, 'arm' AS kind, experiment AS what, arm AS detail FROM assignments
        """,
    "traits": """
        SELECT CASE WHEN set_at < CAST('1970-01-02T00:00:00+00:00' AS timestamptz) THEN received_at ELSE set_at END
                 AS moment_at,
               'trait' AS kind, name AS what, coalesce(value, 'withdrawn') || ' (' || source || ')' AS detail
        FROM traits
        """,
    "subscriptions": """
        SELECT set_at AS moment_at, 'subscription' AS kind, concat_ws(' ', 'subscription', plan) AS what,
               concat_ws(', ', state, reason) AS detail
        FROM subscriptions
        """,
    "payments": """
        SELECT set_at AS moment_at, 'payment' AS kind, concat_ws(' ', kind, state) AS what,
               concat_ws(', ', :currency || ' ' || CAST(CAST(amount AS decimal(18, 2)) AS varchar), method) AS detail
        FROM payments
        """,
    "loyalty": """
        SELECT set_at AS moment_at, 'loyalty' AS kind, concat_ws(' ', 'loyalty', programme) AS what,
               concat_ws(', ', format('balance {:g}', CAST(balance AS double)), tier) AS detail
        FROM loyalty
        """,
    "usage": """
        SELECT occurred_at AS moment_at, 'usage' AS kind, name AS what,
               concat_ws(' ', format('{:g}', CAST(amount AS double)), unit) AS detail
        FROM usage
        """,
    "outcomes": """
        SELECT observed_at AS moment_at, 'outcome' AS kind, experiment || ': ' || name AS what,
               format('{:g}', CAST(value AS double)) AS detail
        FROM outcomes
        """,
}

TIMELINE_TABLES: tuple[str, ...] = tuple(_PARTS)
"""Lake tables that the time-line reads."""

TIMELINE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "events": ("origin_id", "event", "occurred_at", "sku", "category", "revenue", "machine"),
    "touches": ("origin_id", "event", "occurred_at", "campaign", "channel", "machine"),
}
"""Columns of the largest tables that it reads."""


def lake_happenings(
    session: Session, *, currency: str, now: datetime, since: datetime | None, limit: int
) -> tuple[list[Happening], int]:
    """The newest `limit` rows before `now` (and from `since` on), and how many there are in all."""
    parts = [
        sql(text, currency=currency) if ":currency" in text else sql(text)
        for text in _PARTS.values()
    ]
    every = exp.select("*").from_(exp.Subquery(this=union_all(parts), alias=_alias("parts")))
    every = every.where(sql("CAST(moment_at AS timestamptz) < :now", now=now))
    if since is not None:
        every = every.where(sql("CAST(moment_at AS timestamptz) >= :since", since=since))
    session.materialise("happenings", every)
    query = sql(
        "SELECT moment_at, kind, what, detail FROM happenings ORDER BY moment_at DESC, kind, what, detail LIMIT :most",
        most=limit,
    )
    rows = [Happening(*row) for row in session.rows(query)]
    return rows, int(session.rows(sql("SELECT count(*) FROM happenings"))[0][0])


def _alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name))
