"""Queries of messages and of the answers to them.

An answer counts for the last message before it of the same campaign and channel; an order for the last message of any channel. What
machines did is no answer. A click says that the message was opened.
"""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from sqlglot import exp

from aimwell.definitions.kinds.prediction import Answer
from aimwell.store.sql import sql

__all__ = ["ANSWERS", "Answer", "message_counts"]

_TOUCHES = """
    SELECT profile_id, lower(coalesce(channel, regexp_extract(event, '^[^ ]+'))) AS channel, coalesce(campaign, '') AS campaign,
           occurred_at AS at
    FROM touches WHERE profile_id IS NOT NULL AND NOT machine AND :test
    """
_QUERIES: dict[Answer, str] = {
    "click": _TOUCHES.replace(":test", "event LIKE '%Clicked'"),
    "open": _TOUCHES.replace(":test", "(event LIKE '%Opened' OR event LIKE '%Clicked')"),
    "order": """
    SELECT profile_id, '' AS channel, '' AS campaign, ordered_at AS at FROM purchases WHERE kept
    """,
}
ANSWERS: tuple[Answer, ...] = get_args(Answer)
"""What counts as an answer."""


def message_counts(answer: Answer, *, seconds: int, last: datetime, cut: datetime) -> exp.Expr:
    """One row a person, channel and period: profile_id, channel, period, sent, answered.

    Args:
        answer: What counts.
        seconds: Within which time after the message.
        last: Messages sent from then on do not count, because their time is not over.
        cut: Where the later period begins. Period 0: sent so long before it that the time was over then; 2: sent from it on; 1:
            between.
    """
    kind = "''" if answer == "order" else "channel"
    name = "''" if answer == "order" else "campaign"
    return sql(
        """
        WITH sent AS (
          SELECT profile_id, channel, campaign, at, :kind AS key_channel, :name AS key_campaign
          FROM (
            SELECT DISTINCT profile_id, lower(coalesce(channel, regexp_extract(event, '^[^ ]+'))) AS channel,
                   coalesce(campaign, '') AS campaign, occurred_at AS at
            FROM touches WHERE profile_id IS NOT NULL AND event LIKE '%Sent'
          ) AS d
        ),
        stream AS (
          SELECT profile_id, key_channel AS channel, key_campaign AS campaign, at, 0 AS answer FROM sent
          UNION ALL
          SELECT profile_id, channel, campaign, at, 1 AS answer FROM :answers AS a
        ),
        followed AS (
          SELECT profile_id, channel, campaign, at, answer,
                 max(CASE WHEN answer = 0 THEN at END) OVER (
                   PARTITION BY profile_id, channel, campaign ORDER BY at, answer
                   ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                 ) AS sent_at
          FROM stream
        ),
        answered AS (
          SELECT DISTINCT profile_id, channel, campaign, sent_at FROM followed
          WHERE answer = 1 AND sent_at IS NOT NULL AND epoch(at) - epoch(sent_at) <= :seconds
        )
        SELECT s.profile_id, s.channel,
               CASE WHEN epoch(s.at) + :seconds < epoch(:cut) THEN 0 WHEN s.at >= :cut THEN 2 ELSE 1 END AS period,
               CAST(count(*) AS double) AS sent, CAST(count(a.profile_id) AS double) AS answered
        FROM sent AS s
        LEFT JOIN answered AS a ON a.profile_id = s.profile_id AND a.sent_at = s.at
          AND a.channel = s.key_channel AND a.campaign = s.key_campaign
        WHERE s.at < :last
        GROUP BY s.profile_id, s.channel,
          CASE WHEN epoch(s.at) + :seconds < epoch(:cut) THEN 0 WHEN s.at >= :cut THEN 2 ELSE 1 END
        ORDER BY s.profile_id, s.channel, period
        """,
        kind=sql(kind),
        name=sql(name),
        answers=exp.Subquery(this=sql(_QUERIES[answer])),
        seconds=seconds,
        last=last,
        cut=cut,
    )
