"""What machines did, in the stream of what people do: marked in the lake, left out of people's figures.

A row of `events` bears in `machine` why it is held to be a machine's. Most reasons stand for ever. A *flood* is held
for one because of what the others around it did, so it is taken back for whoever does anything more: then all they
did counts as a person's.
"""

from __future__ import annotations

from sqlglot import exp

from aimwell.store.engine import Session
from aimwell.store.sql import identifier, sql

__all__ = ["PAGES", "give_back"]

PAGES = ("Page Viewed", "Screen Viewed", "Time on Page")
"""Events of whoever only looks: one of whom nothing else is known is a visitor, not yet somebody."""

_FLOOD = "flood"


def give_back(session: Session, events: str, *, raw: str) -> exp.Expr | None:
    """A query: the rows of `events` (which have `profile_id`) without marks of floods for those who did anything more.

    None where no row is marked so, as in most lakes: then nothing needs to be read twice. That is looked up in `raw`,
    which holds all these rows and is quick to read.
    """
    source = exp.Table(this=identifier(events))
    held = exp.Table(this=identifier(raw))
    if not session.rows(
        sql("SELECT 1 FROM :held WHERE machine = :flood LIMIT 1", held=held, flood=_FLOOD)
    ):
        return None
    return sql(
        """
        SELECT e.* REPLACE (CASE WHEN e.machine = :flood AND h.profile_id IS NOT NULL THEN NULL ELSE e.machine END
                            AS machine)
        FROM :events AS e
        LEFT JOIN (SELECT DISTINCT profile_id FROM :events WHERE machine IS NULL) AS h ON h.profile_id = e.profile_id
        """,
        events=source,
        flood=_FLOOD,
    )
