"""Queries of messages and of the answers to them.

An answer counts for the last message before it of the same campaign and channel; an order for the last message of any channel. What
machines did is no answer. A click says that the message was opened.
"""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from sqlglot import exp

from aimwell.definitions.kinds.prediction import Answer
from aimwell.store.sql import identifier, sql

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
_ALL_AT_ONCE = """
    SELECT s.profile_id, s.channel, s.at, t.answered
    FROM (SELECT DISTINCT profile_id, channel, campaign, at FROM sent) AS s
    JOIN told AS t ON t.profile_id = s.profile_id AND t.at = s.at
    """
"""Where an answer may be to any channel: all messages of a moment are one in the stream, and each is answered or none."""
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
    by_channel = answer != "order"
    return sql(
        """
        WITH sent AS (
          SELECT profile_id, lower(coalesce(channel, regexp_extract(event, '^[^ ]+'))) AS channel,
                 coalesce(campaign, '') AS campaign, occurred_at AS at
          FROM touches WHERE profile_id IS NOT NULL AND event LIKE '%Sent'
        ),
        stream AS (
          SELECT profile_id, :kind AS channel, :name AS campaign, at, 0 AS answer FROM sent
          UNION ALL
          SELECT profile_id, channel, campaign, at, 1 AS answer FROM :answers AS a
        ),
        followed AS (
          SELECT profile_id, channel, at, answer,
                 lead(answer) OVER (PARTITION BY profile_id, channel, campaign ORDER BY at, answer) AS next_answer,
                 lead(at) OVER (PARTITION BY profile_id, channel, campaign ORDER BY at, answer) AS next_at
          FROM stream
        ),
        told AS (
          SELECT profile_id, channel, at,
                 CASE WHEN next_answer = 1 AND epoch(next_at) - epoch(at) <= :seconds THEN 1 END AS answered
          FROM followed
          WHERE answer = 0 AND (next_at IS NULL OR next_answer = 1 OR next_at > at)
        )
        SELECT profile_id, channel,
               CASE WHEN epoch(at) + :seconds < epoch(:cut) THEN 0 WHEN at >= :cut THEN 2 ELSE 1 END AS period,
               CAST(count(*) AS double) AS sent, CAST(count(answered) AS double) AS answered
        FROM :messages AS m
        WHERE at < :last
        GROUP BY profile_id, channel,
          CASE WHEN epoch(at) + :seconds < epoch(:cut) THEN 0 WHEN at >= :cut THEN 2 ELSE 1 END
        ORDER BY profile_id, channel, period
        """,
        kind=sql("channel" if by_channel else "''"),
        name=sql("campaign" if by_channel else "''"),
        answers=exp.Subquery(this=sql(_QUERIES[answer])),
        messages=exp.Table(this=identifier("told"))
        if by_channel
        else exp.Subquery(this=sql(_ALL_AT_ONCE)),
        seconds=seconds,
        last=last,
        cut=cut,
    )
