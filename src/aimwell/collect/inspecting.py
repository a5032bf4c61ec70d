"""What was collected, and what waits in quarantine."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from aimwell.collect.model import LoadReport, LoadStatus, Quarantine, QuarantinedRow
from aimwell.privacy.vault import read_row
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["quarantine", "status"]

_loads = metadata.tables["loads"]


def quarantine(
    stores: Stores, source: str | None = None, *, limit: int = 100, reveal: bool = False
) -> Quarantine:
    """What waits in quarantine, the newest first.

    Args:
        stores: The workspace.
        source: Of this source only; None: of all.
        limit: Rows at most; the counts are of all.
        reveal: Show the rows themselves, which may hold personal data; it is written to the audit log.
    """
    with stores.engine.session() as session:
        session.bind("all_rows", stores.lake.pin("quarantine").tables["quarantine"])
        session.bind(
            "waiting",
            sql("SELECT * FROM all_rows WHERE source = :source", source=source)
            if source is not None
            else sql("SELECT * FROM all_rows"),
        )
        counted = session.rows(
            sql("SELECT source, reason, count(*) FROM waiting GROUP BY ALL ORDER BY 1, 3 DESC, 2")
        )
        found = session.rows(
            sql(
                """
                SELECT row_hash, source, load_id, file, line, field, reason, detail, received_at FROM waiting
                ORDER BY received_at DESC, file, line LIMIT :top
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
    return Quarantine(counts, rows)


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
        )
        for row in rows
    )
