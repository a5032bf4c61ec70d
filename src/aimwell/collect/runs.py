"""Each time that a source was looked at: what came of it, and the columns that its files had."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from aimwell.collect.columns import Columns
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Run", "last_run", "note_run", "reference_columns"]

_table = metadata.tables["source_runs"]
_definitions = metadata.tables["definitions"]
_KEPT = 500  # of each source


@dataclass(frozen=True)
class Run:
    """One look at a source. `rows` were read; `columns` are those of its files, where they were read."""

    source: str
    started_at: datetime
    finished_at: datetime
    outcome: Literal["taken", "unchanged", "failed"]
    rows: int | None = None
    error: str | None = None
    columns: Columns | None = None


def note_run(stores: Stores, run: Run) -> None:
    """Keep it; of each source the last five hundred stay."""
    values: dict[str, Any] = {
        "source": run.source,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "outcome": run.outcome,
        "rows": run.rows,
        "error": run.error,
        "columns": run.columns if run.columns else sa.null(),
    }
    with stores.control.begin() as connection:
        connection.execute(sa.insert(_table).values(values))
        old = (
            sa.select(_table.c.id)
            .where(_table.c.source == run.source)
            .order_by(_table.c.id.desc())
            .offset(_KEPT)
            .limit(1)
        )
        last = connection.execute(old).scalar()
        if last is not None:
            connection.execute(
                sa.delete(_table).where(_table.c.source == run.source, _table.c.id <= last)
            )


def last_run(stores: Stores, source: str, *, outcome: str | None = None) -> Run | None:
    """The newest look at a source; None where there was none."""
    query = sa.select(_table).where(_table.c.source == source).order_by(_table.c.id.desc())
    if outcome is not None:
        query = query.where(_table.c.outcome == outcome)
    with stores.read_control() as connection:
        row = connection.execute(query.limit(1)).one_or_none()
    return _run(row) if row is not None else None


def reference_columns(stores: Stores, source: str) -> Columns | None:
    """The columns that a source had when its definition was as it is now: those of the first run since it was
    changed last; where there is no definition, those of the last run that read files."""
    with stores.read_control() as connection:
        since = connection.execute(
            sa.select(_definitions.c.changed_at).where(
                _definitions.c.kind == "source", _definitions.c.name == source
            )
        ).scalar()
        query = sa.select(_table.c.columns).where(
            _table.c.source == source, _table.c.columns.is_not(None), _table.c.outcome == "taken"
        )
        if since is None:
            found = connection.execute(query.order_by(_table.c.id.desc()).limit(1)).scalar()
        else:
            later = query.where(_table.c.started_at >= since).order_by(_table.c.id).limit(1)
            found = connection.execute(later).scalar()
            if found is None:
                # It was just changed: what was there before is still the best that is known.
                found = connection.execute(query.order_by(_table.c.id.desc()).limit(1)).scalar()
    return dict(found) if found else None


def _run(row: Any) -> Run:
    return Run(
        row.source,
        row.started_at,
        row.finished_at,
        row.outcome,
        row.rows,
        row.error,
        row.columns or None,
    )
