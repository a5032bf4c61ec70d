"""Rows of a DuckDB file, which needs no driver: it is only read, and its queries reach no other file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from aimwell.definitions.source_inputs import DatabaseSpec
from aimwell.errors import SourceAwayError, SourceDatabaseError

__all__ = ["duckdb_rows"]

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": "false"}
_OF_THE_QUERY = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.PermissionException,
)
"""What these say holds names of the query, not values of rows."""


@contextmanager
def duckdb_rows(
    path: str | None,
    spec: DatabaseSpec,
    name: str,
    *,
    since: Any,
    rows_max: int | None,
    batch: int,
) -> Iterator[tuple[list[str], Iterator[list[tuple[Any, ...]]]]]:
    """(columns, batches of rows) of what is asked, from the cursor's value `since` on, in its order.

    Raises:
        SourceDatabaseError: There is no such file, or it does not answer; SourceAwayError: another program has it open.
    """
    if not path or not Path(path).is_file():
        raise SourceDatabaseError(
            f"The database of '{name}' is a DuckDB file that is not there. Look at the path in its URL "
            "(duckdb:///shop.duckdb; duckdb:////data/shop.duckdb from the root).",
            input=name,
        )
    with _told(name, spec):
        connection = duckdb.connect(path, read_only=True, config=_SETTINGS)
        try:
            connection.execute("SET enable_progress_bar = false")
            asked = _asked(connection, spec, name, since, rows_max)
            yield list(asked.columns), _batches(asked, batch)
        finally:
            connection.close()


def _asked(connection: Any, spec: DatabaseSpec, name: str, since: Any, rows_max: int | None) -> Any:
    """What is asked, as a relation: nothing of the definition becomes part of a text."""
    if spec.table is not None:
        asked = connection.table(spec.table)
    else:
        asked = connection.sql(spec.query or "")
    if asked is None:
        raise SourceDatabaseError(f"The query of '{name}' gives no rows.", input=name)
    if spec.cursor is not None and spec.cursor in asked.columns:
        column = duckdb.ColumnExpression(spec.cursor)
        if since is not None:
            newer = column >= duckdb.ConstantExpression(since)
            asked = asked.filter(newer | column.isnull())
        asked = asked.sort(column)
    return asked if rows_max is None else asked.limit(rows_max)


def _batches(asked: Any, size: int) -> Iterator[list[tuple[Any, ...]]]:
    for batch in asked.to_arrow_reader(size):
        columns = [column.to_pylist() for column in batch.columns]
        yield list(zip(*columns, strict=True))


@contextmanager
def _told(name: str, spec: DatabaseSpec) -> Iterator[None]:
    try:
        yield
    except duckdb.IOException:
        raise SourceAwayError(
            f"The DuckDB file of '{name}' is being written by another program, or cannot be read. Nothing was taken; try "
            "again when that has closed it.",
            place=name,
        ) from None
    except duckdb.Error as error:
        what = f"the table '{spec.table}'" if spec.table else "the query"
        lines = str(error).splitlines() if isinstance(error, _OF_THE_QUERY) else []
        said = f"{' '.join(lines[:2])}" if lines else type(error).__name__
        raise SourceDatabaseError(
            f"The database of '{name}' does not answer {what}: {said}. Nothing was taken; look at the definition, and at "
            "what was changed in the database.",
            input=name,
        ) from None
