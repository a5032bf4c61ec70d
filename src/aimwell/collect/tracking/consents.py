"""Answers about consent that come with messages: the categories of a consent banner, and the browser's own signal.

A banner's answer comes with every message until it changes, so of each run of equal answers the first and the last
stand. What comes late then finds its place, and the last word is always there.

The browser's signal (`Sec-GPC: 1`) says no to advertising by others: `ad_audience` is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import sqlalchemy as sa

from aimwell.collect.tracking.sheets import GPC
from aimwell.collect.tracking.sources import settings_of
from aimwell.collect.tracking.taking import Flush
from aimwell.privacy.consent import record
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.tables import TIME

__all__ = ["TRACKING_CHANNEL", "keep_answers"]

TRACKING_CHANNEL = "tracking"
"""Channel of answers to categories that the source does not say the meaning of."""

_consents = metadata.tables["consents"]
_BATCH = 20_000
_MEANING = pa.schema([(name, pa.string()) for name in ("source", "category", "purpose", "channel")])


class _Answer(NamedTuple):
    occurred_at: Any
    refused: bool  # of two answers at one moment the refusal is the last word
    state: str
    known_id: int | None


def keep_answers(flush: Flush) -> int:
    """Keep the answers of the taken messages; returns how many rows were new."""
    session = flush.session
    asked = session.rows(
        sql(
            """
            SELECT DISTINCT f.source, c.category FROM said_consents AS c JOIN taken AS f ON f.n = c.n
            ORDER BY 1, 2
            """
        )
    )
    if not asked:
        return 0
    meaning = [
        (source, category, purpose, channel)
        for source, category in asked
        for purpose, channel in _meaning(flush, source, category)
    ]
    columns = zip(*meaning, strict=True)
    session.bind("meaning", pa.table([pa.array(c, pa.string()) for c in columns], schema=_MEANING))
    ends = sql(
        """
        SELECT origin_id, source, purpose, channel, state, occurred_at FROM (
          SELECT *, lag(state) OVER w AS before, lead(state) OVER w AS after FROM (
            SELECT DISTINCT f.origin_id, f.source, m.purpose, m.channel, f.occurred_at,
                   CASE WHEN c.granted THEN 'granted' ELSE 'denied' END AS state
            FROM said_consents AS c JOIN taken AS f ON f.n = c.n
            JOIN meaning AS m ON m.source = f.source AND m.category = c.category
          ) AS answers
          WINDOW w AS (PARTITION BY origin_id, source, purpose, channel ORDER BY occurred_at, state DESC)
        ) AS runs WHERE before IS DISTINCT FROM state OR after IS DISTINCT FROM state
        ORDER BY origin_id
        """
    )
    kept = 0
    for batch in session.batches(ends, rows=_BATCH):
        kept += _keep(flush, batch.to_pylist())
    return kept


def _meaning(flush: Flush, source: str, category: str) -> list[tuple[str, str]]:
    """(purpose, channel) of what a category's answer is about."""
    told = settings_of(flush.sources.get(source)).consent.get(category)
    if told is not None:
        return [(told.purpose, channel) for channel in told.channels]
    if category == GPC:
        return [("marketing", "ad_audience")]
    purpose = re.sub(r"[^a-z0-9]+", "-", category.lower()).strip("-")
    return [(purpose or "other", TRACKING_CHANNEL)]


def _keep(flush: Flush, rows: Sequence[Mapping[str, Any]]) -> int:
    answers: dict[tuple[str, str, str, str], set[_Answer]] = {}
    for row in rows:
        key = (row["origin_id"], row["source"], row["purpose"], row["channel"])
        state = row["state"]
        answers.setdefault(key, set()).add(
            _Answer(row["occurred_at"], state != "granted", state, None)
        )
    query = sa.select(_consents).where(
        among(_consents.c.origin_id, sorted({key[0] for key in answers}))
    )
    with flush.stores.control.read() as connection:
        for told in connection.execute(query):
            known = answers.get((told.origin_id, told.source, told.purpose, told.channel))
            if known is not None:
                answered = _Answer(told.occurred_at, told.state != "granted", told.state, None)
                known.discard(answered)
                known.add(answered._replace(known_id=told.id))
    new: list[dict[str, Any]] = []
    gone: list[int] = []
    for (origin_id, source, purpose, channel), found in answers.items():
        ordered = sorted(found, key=lambda one: (one.occurred_at, one.refused))
        for place, one in enumerate(ordered):
            inside = (
                0 < place < len(ordered) - 1
                and ordered[place - 1].state == one.state == ordered[place + 1].state
            )
            if inside and one.known_id is not None:
                gone.append(one.known_id)
            elif not inside and one.known_id is None:
                new.append(
                    {
                        "origin_id": origin_id,
                        "purpose": purpose,
                        "channel": channel,
                        "state": one.state,
                        "occurred_at": one.occurred_at,
                        "basis": "opt_in" if one.state == "granted" else "request",
                        "source": source,
                        "wording": None,
                    }
                )
    if new:
        schema = pa.schema(
            [(name, TIME if name == "occurred_at" else pa.string()) for name in new[0]]
        )
        answered_anew = pa.Table.from_pylist(new, schema=schema)
        record(flush.stores, answered_anew, received_at=flush.received_until())
    if gone:
        with flush.stores.control.begin() as connection:
            for start in range(0, len(gone), 500):
                part = gone[start : start + 500]
                connection.execute(sa.delete(_consents).where(_consents.c.id.in_(part)))
    return len(new)
