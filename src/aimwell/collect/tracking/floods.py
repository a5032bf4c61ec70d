"""Robots that do not say what they are: floods of new ids, each of which is shown one page and never comes again.

Only a message without any sign of a browser's script can be of a flood: its context says nothing but the user agent
and address. All client libraries tell more, so a crowd of real visitors at the same moment, with the very same
browser, is none. What is held for a flood is marked and nothing else; whoever of them does anything more counts with
all that they did (see `unify.machines`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aimwell.store.sql import sql

if TYPE_CHECKING:
    from aimwell.collect.tracking.taking import Flush

__all__ = ["BARE_AGENT_LENGTH", "FLOOD_IDS_MIN", "FLOOD_SPAN", "bare_agent", "mark_floods"]

FLOOD_IDS_MIN = 500
"""So many new ids of one source and user agent within the span are a flood."""
FLOOD_SPAN = timedelta(minutes=10)
BARE_AGENT_LENGTH = 300
_TOLD_BY_ANY_PROGRAM = frozenset({"userAgent", "ip"})


def bare_agent(context: Mapping[str, Any]) -> str | None:
    """The user agent ("": none is told) of a context without a browser's signs; None where it has any."""
    if not context.keys() <= _TOLD_BY_ANY_PROGRAM:
        return None
    agent = context.get("userAgent")
    return agent[:BARE_AGENT_LENGTH] if isinstance(agent, str) else ""


def mark_floods(flush: Flush) -> None:
    """Make `flooding` (n) of the taken messages that belong to a flood: pages without signs, their ids seen but once."""
    session = flush.session
    session.materialise(
        "single",
        sql(
            """
            SELECT t.n, t.source, t.origin_id, m.bare_agent AS agent, t.received_at
            FROM taken AS t JOIN messages AS m ON m.n = t.n
            WHERE m.bare_agent IS NOT NULL AND t.origin_id IN (
              SELECT origin_id FROM taken GROUP BY origin_id HAVING count(*) = 1
            )
            """
        ),
    )
    session.materialise("flooding", sql("SELECT n FROM single WHERE FALSE"))
    [(first,)] = session.rows(sql("SELECT min(received_at) FROM single"))
    if first is None:
        return
    flush.bind_lake("events", "all_events")
    # One id may stand on both sides of a flush; so this may say too many, never too few, and the last step is exact.
    session.materialise(
        "floods",
        sql(
            """
            SELECT source, agent, span FROM (
              SELECT source, agent, CAST(floor(epoch(received_at) / :seconds) AS bigint) AS span, origin_id FROM single
              UNION ALL
              SELECT source, left(coalesce(json_extract_string(envelope, '$.context.userAgent'), ''), :length) AS agent,
                     CAST(floor(epoch(received_at) / :seconds) AS bigint) AS span, origin_id
              FROM all_events
              WHERE received_at >= :since AND source IN (SELECT source FROM single)
                AND message_type IN ('page', 'screen')
                AND len(list_filter(coalesce(json_keys(envelope, '$.context'), []),
                                    lambda one: NOT one IN ('userAgent', 'ip'))) = 0
            ) AS every
            GROUP BY source, agent, span HAVING count(DISTINCT origin_id) >= :least
            """,
            seconds=int(FLOOD_SPAN.total_seconds()),
            length=BARE_AGENT_LENGTH,
            since=first - FLOOD_SPAN,
            least=FLOOD_IDS_MIN,
        ),
    )
    session.materialise(
        "flooding",
        sql(
            """
            SELECT s.n FROM single AS s JOIN floods AS f ON f.source = s.source AND f.agent = s.agent
             AND f.span = CAST(floor(epoch(s.received_at) / :seconds) AS bigint)
            WHERE NOT s.origin_id IN (SELECT origin_id FROM all_events)
            """,
            seconds=int(FLOOD_SPAN.total_seconds()),
        ),
    )
