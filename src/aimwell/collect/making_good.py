"""Which loads that failed a later one has made good, so that nobody needs to look at them any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from aimwell.collect.health import is_defined
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["made_good"]

_loads = metadata.tables["loads"]
_runs = metadata.tables["source_runs"]


def made_good(stores: Stores, failed: Sequence[Any]) -> frozenset[str]:
    """The ids of those that were made good.

    A later load of the same kind of rows of the source ended, which read at least the same files. Where the source is
    written down, its definition says which files are its own: any later look at it that ended well counts, also one that
    found nothing new because a bad file was taken away.

    Args:
        stores: With the control database.
        failed: Rows of `loads` that failed.
    """
    defined = {source: is_defined(stores, source) for source in {row.source for row in failed}}
    with stores.read_control() as connection:
        return frozenset(
            row.load_id
            for row in failed
            if _taken_since(connection, row, any_files=defined[row.source])
            or (defined[row.source] and _looked_at_since(connection, row))
        )


def _taken_since(connection: sa.Connection, row: Any, *, any_files: bool) -> bool:
    query = sa.select(_loads.c.files).where(
        _loads.c.source == row.source,
        _loads.c.entity == row.entity,
        _loads.c.state == "done",
        _loads.c.finished_at > _failed_at(row),
    )
    own = _names(row.files)
    return any(
        not files.get("replay") and (any_files or own <= _names(files))
        for files in connection.execute(query).scalars()
    )


def _looked_at_since(connection: sa.Connection, row: Any) -> bool:
    query = sa.select(_runs.c.id).where(
        _runs.c.source == row.source,
        _runs.c.outcome != "failed",
        _runs.c.started_at > _failed_at(row),
    )
    return connection.execute(query.limit(1)).first() is not None


def _failed_at(row: Any) -> Any:
    """When it failed last; what failed before that was kept has only its beginning."""
    return row.finished_at or row.started_at


def _names(files: dict[str, Any]) -> set[str]:
    return {one["name"] for one in files.get("inputs", ())}
