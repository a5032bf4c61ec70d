"""What is read of messages and of who responded to them, with what each person had bought before."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.store.sql import sql

__all__ = ["bind_contacts", "contact_strata", "item_people", "set_counts"]

_DAY_SECONDS = 86_400
_RESPONSES = {
    "click": """
        SELECT t.profile_id, t.campaign, t.occurred_at AS at FROM touches AS t
        WHERE t.event LIKE '%Clicked' AND NOT t.machine AND t.profile_id IS NOT NULL
        """,
    "order": """
        SELECT p.profile_id, CAST(NULL AS varchar) AS campaign, p.ordered_at AS at FROM purchases AS p WHERE p.kept
        """,
}
_DID = """
    SELECT a.profile_id, coalesce(a.campaign, json_extract_string(a.properties, '$.campaign')) AS campaign, a.occurred_at AS at
    FROM activity AS a
    WHERE a.event = :event AND NOT a.machine AND a.profile_id IS NOT NULL
    """


def bind_contacts(moment: Moment, *, to: str, within_days: int) -> None:
    """Make `contacts` stand for people's first message of each campaign, and `owned` for what they had when it came.

    A message is a touch whose name ends in 'Sent' or 'Received'. `to` is 'click', 'order', or the name of an event, which
    counts for the campaign that it names, or for each where it names none.

    Needs `basket_items`. `contacts`: contact (from 0), profile_id, campaign, at, half (0: the earlier half of the campaign's
    messages), stratum_key (campaign, half, orders before: 0, 1, to four, more), hit (whether a response came in the days).
    `owned`: contact, item.
    """
    last: datetime = moment.as_of - timedelta(days=within_days)
    moment.session.materialise(
        "contacts",
        sql(
            """
            WITH firsts AS (
              SELECT profile_id, campaign, min(occurred_at) AS at
              FROM touches
              WHERE (event LIKE '%Sent' OR event LIKE '%Received') AND campaign IS NOT NULL AND profile_id IS NOT NULL
              GROUP BY profile_id, campaign
            ),
            ranked AS (
              SELECT f.*, row_number() OVER (PARTITION BY campaign ORDER BY at, profile_id) AS place,
                     count(*) OVER (PARTITION BY campaign) AS people
              FROM firsts AS f WHERE at <= :last
            ),
            followed AS (
              SELECT profile_id, campaign, at, CASE WHEN 2 * place <= people THEN 0 ELSE 1 END AS half FROM ranked
            ),
            before AS (
              SELECT f.profile_id, f.campaign, count(*) AS orders
              FROM followed AS f
              JOIN purchases AS p ON p.profile_id = f.profile_id AND p.ordered_at < f.at AND p.kept
              GROUP BY f.profile_id, f.campaign
            ),
            responded AS (
              SELECT DISTINCT f.profile_id, f.campaign
              FROM followed AS f
              JOIN :responses AS r ON r.profile_id = f.profile_id AND r.at > f.at
                AND epoch(r.at) - epoch(f.at) <= :seconds
                AND (r.campaign IS NULL OR r.campaign = f.campaign)
            )
            SELECT row_number() OVER (ORDER BY f.campaign, f.profile_id) - 1 AS contact, f.profile_id, f.campaign, f.at,
                   f.half,
                   CASE WHEN b.orders IS NULL THEN 0 WHEN b.orders = 1 THEN 1 WHEN b.orders <= 4 THEN 2 ELSE 3 END
                     AS before,
                   r.profile_id IS NOT NULL AS hit
            FROM followed AS f
            LEFT JOIN before AS b ON b.profile_id = f.profile_id AND b.campaign = f.campaign
            LEFT JOIN responded AS r ON r.profile_id = f.profile_id AND r.campaign = f.campaign
            """,
            last=last,
            seconds=within_days * _DAY_SECONDS,
            responses=sql(_RESPONSES[to]) if to in _RESPONSES else sql(_DID, event=to),
        ),
    )
    moment.session.materialise(
        "owned",
        sql(
            """
            SELECT DISTINCT c.contact, c.campaign, i.item
            FROM contacts AS c JOIN basket_items AS i ON i.profile_id = c.profile_id AND i.at < c.at
            WHERE i.item IS NOT NULL
            """
        ),
    )


def contact_strata() -> exp.Expr:
    """One row a stratum: campaign, half, before, people and hits."""
    return sql(
        """
        SELECT campaign, half, before, count(*) AS people, count(*) FILTER (hit) AS hits
        FROM contacts GROUP BY campaign, half, before ORDER BY campaign, half, before
        """
    )


def item_people(most: int, *, least: int) -> exp.Expr:
    """The items that most people contacted by one campaign had, in at least so many: item."""
    return sql(
        """
        SELECT item FROM (
          SELECT item, campaign, count(*) AS people FROM owned GROUP BY item, campaign
        ) AS o
        WHERE people >= :least
        GROUP BY item ORDER BY max(people) DESC, item LIMIT :most
        """,
        most=most,
        least=least,
    )


def set_counts(items: list[str]) -> exp.Expr:
    """One row an item or a pair of items, and stratum: first, second (null: one item), campaign, half, before, people, hits."""
    return sql(
        """
        WITH kept AS (SELECT contact, item FROM owned WHERE item IN :items),
        sets AS (
          SELECT contact, item AS first, CAST(NULL AS varchar) AS second FROM kept
          UNION ALL
          SELECT a.contact, a.item, b.item FROM kept AS a JOIN kept AS b ON b.contact = a.contact AND b.item > a.item
        )
        SELECT s.first, s.second, c.campaign, c.half, c.before, count(*) AS people, count(*) FILTER (c.hit) AS hits
        FROM sets AS s JOIN contacts AS c ON c.contact = s.contact
        GROUP BY s.first, s.second, c.campaign, c.half, c.before
        ORDER BY s.first, s.second NULLS FIRST, c.campaign, c.half, c.before
        """,
        items=items,
    )
