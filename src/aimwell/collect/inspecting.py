"""What was collected, and what waits in quarantine."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from aimwell.collect.dismissing import dismissed_rows
from aimwell.collect.making_good import made_good
from aimwell.collect.model import LoadReport, LoadStatus, Quarantine, QuarantinedRow
from aimwell.collect.waiting import bind_waiting
from aimwell.privacy.vault import read_row
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["quarantine", "status"]

_loads = metadata.tables["loads"]


def quarantine(
    stores: Stores,
    source: str | None = None,
    *,
    reason: str | None = None,
    limit: int = 100,
    reveal: bool = False,
) -> Quarantine:
    """What waits in quarantine, the newest first; what a later load of the same files took is counted apart.

    Args:
        stores: The workspace.
        source: Of this source only; None: of all.
        reason: Of this reason only; None: of all.
        limit: Rows at most; the counts are of all.
        reveal: Show the rows themselves, which may hold personal data; it is written to the audit log.
    """
    with stores.engine.session() as session:
        bind_waiting(stores, session, source, reason=reason)
        counted = session.rows(
            sql(
                """
                SELECT source, reason, count(*) FROM waiting WHERE NOT taken
                GROUP BY ALL ORDER BY 1, 3 DESC, 2
                """
            )
        )
        [(taken,)] = session.rows(sql("SELECT count(*) FROM all_waiting WHERE taken"))
        [(unkept,)] = session.rows(sql("SELECT count(*) FROM unkept WHERE NOT taken"))
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
    return Quarantine(
        counts, rows, taken_since=taken, dismissed=dismissed_rows(stores, source), unkept=unkept
    )


def status(stores: Stores, *, limit: int = 50) -> tuple[LoadStatus, ...]:
    """The newest loads, whatever became of them, the newest first."""
    query = sa.select(_loads).order_by(_loads.c.seq.desc()).limit(limit)
    with stores.read_control() as connection:
        rows = connection.execute(query).all()
    good = made_good(stores, [row for row in rows if row.state == "failed"])
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
            made_good=row.load_id in good,
        )
        for row in rows
    )
