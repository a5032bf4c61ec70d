"""What waits in quarantine, told from the lake's rows and what became of them since."""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.store.engine import Session
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["MESSAGES", "bind_waiting", "superseded"]

MESSAGES = "messages"
"""Stands as the entity of tracking messages, which no load brings."""

_loads = metadata.tables["loads"]
_table = metadata.tables["quarantine_settled"]
_rows = metadata.tables["vault_rows"]
_dismissed = metadata.tables["quarantine_dismissed"]
_LOADS = pa.schema(
    [
        *((name, pa.string()) for name in ("load_id", "source", "entity")),
        *(
            ("seq", pa.int64()),
            ("done", pa.bool_()),
            ("changed", pa.int64()),
            ("replay", pa.bool_()),
        ),
    ]
)
_INPUTS = pa.schema([(name, pa.string()) for name in ("load_id", "file", "sha256")])
_SETTLED = pa.schema(
    [
        *((name, pa.string()) for name in ("source", "entity", "row_hash")),
        *(("seq", pa.int64()), ("taken", pa.bool_())),
    ]
)
_DISMISSED = pa.schema([("source", pa.string()), ("row_hash", pa.string())])


def bind_waiting(
    stores: Stores, session: Session, source: str | None, *, reason: str | None = None
) -> None:
    """`waiting`: rows of the lake's quarantine, each as its last load set it aside, and whether it was `taken` since.

    A row was taken where a later load of the same bytes did not set it aside again. A load under another mapping
    that found lines with other values says nothing of rows that wait for just that. A replay says nothing of rows
    but those that it took up: see `quarantine_settled`. Rows that were dismissed wait no longer,
    nor those whose contents are gone, because their person was erased or they are too old: `unkept` has the latter.
    """
    session.bind("all_rows", stores.lake.pin("quarantine").tables["quarantine"])
    loads, inputs = _known_loads(stores)
    session.bind("loads", loads)
    session.bind("inputs", inputs)
    session.bind("settled", _settled(stores, source))
    session.bind("dismissed", _dismissed_rows(stores, source))
    chosen = (
        sql("SELECT * FROM all_rows")
        if source is None
        else sql("SELECT * FROM all_rows WHERE source = :source", source=source)
    )
    session.materialise(
        "set_aside",
        sql(
            """
            SELECT q.*, CASE WHEN q.load_id LIKE 'flush:%' THEN :messages ELSE l.entity END AS entity,
                   CASE WHEN q.load_id LIKE 'flush:%' THEN 0 ELSE l.seq END AS seq, i.sha256
            FROM :chosen AS q
            LEFT JOIN loads AS l ON l.load_id = q.load_id
            LEFT JOIN inputs AS i ON i.load_id = q.load_id AND i.file = q.file
            """,
            chosen=chosen,
            messages=MESSAGES,
        ),
    )
    session.materialise(
        "later",
        sql(
            """
            SELECT l.source, l.entity, i.sha256, max(l.seq) AS seq,
                   max(l.seq) FILTER (WHERE l.changed = 0) AS seq_unchanged
            FROM loads AS l JOIN inputs AS i ON i.load_id = l.load_id
            WHERE l.done AND NOT l.replay GROUP BY ALL
            """
        ),
    )
    session.materialise(
        "lasting",
        sql(
            """
            SELECT s.*, coalesce(
                     s.seq < CASE s.reason WHEN 'line_changed' THEN t.seq_unchanged ELSE t.seq END, FALSE
                   ) AS taken_later,
                   x.seq AS settled_seq, x.taken AS settled_taken
            FROM (
              SELECT *, max(seq) OVER (PARTITION BY source, entity, row_hash) AS last FROM set_aside
            ) AS s
            LEFT JOIN later AS t ON t.source = s.source AND t.entity = s.entity AND t.sha256 = s.sha256
            LEFT JOIN (
              SELECT source, entity, row_hash, max(seq) AS seq, arg_max(taken, seq) AS taken
              FROM settled GROUP BY ALL
            ) AS x ON x.source = s.source AND x.entity = s.entity AND x.row_hash = s.row_hash
            WHERE s.seq IS NULL OR s.seq = s.last
            """
        ),
    )
    # What a replay took up is gone, also where its correction waits now in its place.
    rows = sql(
        """
        SELECT *, taken_later OR coalesce(settled_seq >= seq AND settled_taken, FALSE) AS taken FROM lasting
        WHERE NOT coalesce(settled_seq >= seq AND NOT settled_taken, FALSE)
        """
    )
    rows = sql(
        "SELECT * FROM :rows AS w ANTI JOIN dismissed AS d ON d.source = w.source AND d.row_hash = w.row_hash",
        rows=rows,
    )
    if reason is not None:
        rows = sql("SELECT * FROM :rows AS r WHERE reason = :reason", rows=rows, reason=reason)
    session.materialise("all_waiting", rows)
    session.bind("contents", _kept_rows(stores))
    kept = "row_hash IN (SELECT row_hash FROM contents)"
    session.materialise("waiting", exp.select("*").from_("all_waiting").where(kept))
    session.bind("unkept", exp.select("*").from_("all_waiting").where(f"NOT {kept}"))


def _known_loads(stores: Stores) -> tuple[pa.Table, pa.Table]:
    """The loads, and which bytes each of them read."""
    columns = (_loads.c.load_id, _loads.c.source, _loads.c.entity, _loads.c.seq, _loads.c.state)
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(*columns, _loads.c.files, _loads.c.report)).all()
    loads = [
        {
            "load_id": row.load_id,
            "source": row.source,
            "entity": row.entity,
            "seq": row.seq,
            "done": row.state == "done",
            "changed": (row.report or {}).get("changed", 0),
            "replay": bool(row.files.get("replay")),
        }
        for row in rows
    ]
    # A file that is joined twice is one input.
    inputs = {
        (row.load_id, file["name"], file["sha256"])
        for row in rows
        for file in row.files.get("inputs", ())
    }
    return (
        pa.Table.from_pylist(loads, schema=_LOADS),
        pa.Table.from_pylist(
            [dict(zip(_INPUTS.names, one, strict=True)) for one in sorted(inputs)], schema=_INPUTS
        ),
    )


def _settled(stores: Stores, source: str | None) -> pa.Table:
    """What replays took up, once they are done."""
    query = (
        sa.select(_table.c.source, _table.c.entity, _table.c.row_hash, _loads.c.seq, _table.c.taken)
        .join(_loads, _loads.c.load_id == _table.c.load_id)
        .where(_loads.c.state == "done")
    )
    # A message that went into the inbox again leaves the quarantine at once, and for good.
    sent = sa.select(
        _table.c.source,
        _table.c.entity,
        _table.c.row_hash,
        sa.literal(1).label("seq"),
        _table.c.taken,
    ).where(_table.c.entity == MESSAGES)
    if source is not None:
        query = query.where(_table.c.source == source)
        sent = sent.where(_table.c.source == source)
    with stores.read_control() as connection:
        rows = [dict(row._mapping) for one in (query, sent) for row in connection.execute(one)]
    return pa.Table.from_pylist(rows, schema=_SETTLED)


def _kept_rows(stores: Stores) -> pa.Table:
    """The rows of which the vault has the content; equal rows of several sources are one."""
    with stores.read_control() as connection:
        hashes = connection.execute(sa.select(_rows.c.row_hash)).scalars().all()
    return pa.table({"row_hash": pa.array(hashes, pa.string())})


def _dismissed_rows(stores: Stores, source: str | None) -> pa.Table:
    query = sa.select(_dismissed.c.source, _dismissed.c.row_hash)
    if source is not None:
        query = query.where(_dismissed.c.source == source)
    with stores.read_control() as connection:
        rows = [dict(row._mapping) for row in connection.execute(query)]
    return pa.Table.from_pylist(rows, schema=_DISMISSED)


def superseded(stores: Stores, source: str, entity: str) -> list[str]:
    """The rows (by their hashes) for which another one stands, or that were accepted or dismissed: in a later file
    they are nothing new."""
    query = sa.union(
        sa.select(_table.c.row_hash).where(
            _table.c.source == source, _table.c.entity == entity, _table.c.corrected
        ),
        sa.select(_dismissed.c.row_hash).where(_dismissed.c.source == source),
    )
    with stores.control.read() as connection:
        return sorted(connection.execute(query).scalars())
