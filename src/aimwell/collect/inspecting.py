"""What was collected, and what waits in quarantine."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import sqlalchemy as sa

from aimwell.collect.model import LoadReport, LoadStatus, Quarantine, QuarantinedRow
from aimwell.privacy.vault import read_row
from aimwell.store.engine import Session
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["quarantine", "status"]

_loads = metadata.tables["loads"]
_LOADS = pa.schema(
    [
        *((name, pa.string()) for name in ("load_id", "source", "entity")),
        *(("seq", pa.int64()), ("done", pa.bool_()), ("changed", pa.int64())),
    ]
)
_INPUTS = pa.schema([(name, pa.string()) for name in ("load_id", "file", "sha256")])


def quarantine(
    stores: Stores, source: str | None = None, *, limit: int = 100, reveal: bool = False
) -> Quarantine:
    """What waits in quarantine, the newest first; what a later load of the same files took is counted apart.

    Args:
        stores: The workspace.
        source: Of this source only; None: of all.
        limit: Rows at most; the counts are of all.
        reveal: Show the rows themselves, which may hold personal data; it is written to the audit log.
    """
    with stores.engine.session() as session:
        _bind_waiting(stores, session, source)
        counted = session.rows(
            sql(
                """
                SELECT source, reason, count(*) FROM waiting WHERE NOT taken
                GROUP BY ALL ORDER BY 1, 3 DESC, 2
                """
            )
        )
        [(taken,)] = session.rows(sql("SELECT count(*) FROM waiting WHERE taken"))
        found = session.rows(
            sql(
                """
                SELECT row_hash, source, load_id, file, line, field, reason, detail, received_at FROM waiting
                WHERE NOT taken ORDER BY received_at DESC, file, line LIMIT :top
                """,
                top=limit,
            )
        )
    counts: dict[str, dict[str, int]] = {}
    for whose, reason, count in counted:
        counts.setdefault(whose, {})[reason] = count
    contents: dict[str, str | None] = {}
    if reveal:
        with stores.read_control() as connection:
            contents = {row[0]: read_row(connection, row[0]) for row in found}
        stores.audit("quarantine revealed", actor="collect", subject=source, rows=len(found))
    rows = tuple(replace(QuarantinedRow(*row), content=contents.get(row[0])) for row in found)
    return Quarantine(counts, rows, taken_since=taken)


def _bind_waiting(stores: Stores, session: Session, source: str | None) -> None:
    """`waiting`: rows of the lake's quarantine, each as its last load set it aside, and whether it was `taken` since.

    A row was taken where a later load of the same bytes did not set it aside again. A load under another mapping
    that found lines with other values says nothing of rows that wait for just that.
    """
    session.bind("all_rows", stores.lake.pin("quarantine").tables["quarantine"])
    loads, inputs = _known_loads(stores)
    session.bind("loads", loads)
    session.bind("inputs", inputs)
    chosen = (
        sql("SELECT * FROM all_rows")
        if source is None
        else sql("SELECT * FROM all_rows WHERE source = :source", source=source)
    )
    session.materialise(
        "set_aside",
        sql(
            """
            SELECT q.*, l.entity, l.seq, i.sha256 FROM :chosen AS q
            LEFT JOIN loads AS l ON l.load_id = q.load_id
            LEFT JOIN inputs AS i ON i.load_id = q.load_id AND i.file = q.file
            """,
            chosen=chosen,
        ),
    )
    session.materialise(
        "later",
        sql(
            """
            SELECT l.source, l.entity, i.sha256, max(l.seq) AS seq,
                   max(l.seq) FILTER (WHERE l.changed = 0) AS seq_unchanged
            FROM loads AS l JOIN inputs AS i ON i.load_id = l.load_id
            WHERE l.done GROUP BY ALL
            """
        ),
    )
    session.materialise(
        "waiting",
        sql(
            """
            SELECT s.*, coalesce(
                     s.seq < CASE s.reason WHEN 'line_changed' THEN t.seq_unchanged ELSE t.seq END, FALSE
                   ) AS taken
            FROM (
              SELECT *, max(seq) OVER (PARTITION BY source, entity, row_hash) AS last FROM set_aside
            ) AS s
            LEFT JOIN later AS t ON t.source = s.source AND t.entity = s.entity AND t.sha256 = s.sha256
            WHERE s.seq IS NULL OR s.seq = s.last
            """
        ),
    )


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


def status(stores: Stores, *, limit: int = 50) -> tuple[LoadStatus, ...]:
    """The newest loads, whatever became of them, the newest first."""
    query = sa.select(_loads).order_by(_loads.c.seq.desc()).limit(limit)
    with stores.read_control() as connection:
        rows = connection.execute(query).all()
    return tuple(
        LoadStatus(
            load_id=row.load_id,
            source=row.source,
            entity=row.entity,
            state=row.state,
            started_at=row.started_at,
            finished_at=row.finished_at,
            report=LoadReport.from_dict(row.report) if row.report else None,
            error=row.files.get("error") if row.state == "failed" else None,
        )
        for row in rows
    )
