"""What computes over the lake: a small protocol, with DuckDB behind it.

A `Session` is one reader's view: names bound to pinned table versions, Arrow tables or queries. Queries are
SQLGlot trees in DuckDB's dialect. DuckDB always runs in memory (a `.duckdb` file would lock out every other
process); big intermediate results spill to a temporary folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar

import duckdb
import pyarrow as pa
from sqlglot import exp

from aimwell.store.engine_errors import translated
from aimwell.store.scan import scan
from aimwell.store.spill import spill_folder
from aimwell.store.sql import identifier
from aimwell.store.versions import TableVersion

__all__ = ["DuckDBEngine", "DuckDBSession", "Engine", "Session"]

T = TypeVar("T")


class Session(Protocol):
    """One reader's names and the queries over them. Not shared between threads."""

    def bind(self, name: str, source: TableVersion | pa.Table | exp.Expr) -> None:
        """Make `name` stand for a pinned table version, an Arrow table, or a query (evaluated when read)."""

    def materialise(self, name: str, query: exp.Expr) -> None:
        """Compute `query` once and make `name` stand for its rows."""

    def drop(self, name: str) -> None:
        """Forget a name, and give back what was materialised under it."""

    def table(self, query: exp.Expr) -> pa.Table:
        """All rows of `query` as one Arrow table."""

    def batches(self, query: exp.Expr, *, rows: int = 100_000) -> pa.RecordBatchReader:
        """Rows of `query` as a stream of batches of about `rows` rows, in bounded memory.

        The session can be used for other queries while the stream is read; it ends with the session.
        """

    def rows(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Rows of `query` as Python tuples; for small results."""


class Engine(Protocol):
    """Opens sessions."""

    name: str

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that is closed, with all it holds, at the end of the block."""
        ...


class DuckDBSession:
    """A session on one in-memory DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._kinds: dict[str, str] = {}
        self._arrow: dict[str, pa.Table] = {}
        self._numbers = count()

    def bind(self, name: str, source: TableVersion | pa.Table | exp.Expr) -> None:
        """See Session.bind."""
        if isinstance(source, pa.Table):
            hidden = f"arrow_{next(self._numbers)}"
            self._arrow[hidden] = source
            self.connection.register(hidden, source)
            source = exp.select("*").from_(exp.Table(this=identifier(hidden)))
        elif isinstance(source, TableVersion):
            source = scan(source)
        self._create(name, "VIEW", source)

    def materialise(self, name: str, query: exp.Expr) -> None:
        """See Session.materialise."""
        self._create(name, "TABLE", query)

    def drop(self, name: str) -> None:
        """See Session.drop."""
        if (kind := self._kinds.pop(name, None)) is not None:
            self._run(exp.Drop(tables=[exp.Table(this=identifier(name))], kind=kind))

    def _create(self, name: str, kind: str, query: exp.Expr) -> None:
        # Not temporary ones: those belong to one connection, and streams have their own.
        table, other = exp.Table(this=identifier(name)), self._kinds.get(name, kind)
        if other == kind:
            self._run(exp.Create(this=table, kind=kind, replace=True, expression=query))
        elif kind == "VIEW":
            self._run(exp.Drop(tables=[table.copy()], kind=other))
            self._run(exp.Create(this=table, kind=kind, expression=query))
        else:
            # First under another name: the query may read the view that it is to replace.
            spare = exp.Table(this=identifier(f"spare_{next(self._numbers)}"))
            self._run(exp.Create(this=spare, kind=kind, expression=query))
            self._run(exp.Drop(tables=[table.copy()], kind=other))
            self._run(exp.Alter(this=spare, kind=kind, actions=[exp.AlterRename(this=table)]))
        self._kinds[name] = kind

    def table(self, query: exp.Expr) -> pa.Table:
        """See Session.table."""
        return _guarded(query, lambda text: self.connection.sql(text).to_arrow_table())

    def batches(self, query: exp.Expr, *, rows: int = 100_000) -> pa.RecordBatchReader:
        """See Session.batches."""
        # A connection is busy as long as a stream of it is open.
        cursor = self.connection.cursor()
        _quieten(cursor)
        for name, table in self._arrow.items():
            cursor.register(name, table)
        reader = _guarded(query, lambda text: cursor.sql(text).to_arrow_reader(rows))

        def stream() -> Iterator[pa.RecordBatch]:
            try:
                yield from reader
            except Exception as error:
                raise translated(error, query) from error
            finally:
                cursor.close()

        return pa.RecordBatchReader.from_batches(reader.schema, stream())

    def rows(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """See Session.rows."""
        return _guarded(query, lambda text: self.connection.execute(text).fetchall())

    def _run(self, statement: exp.Expr) -> None:
        _guarded(statement, self.connection.execute)


def _quieten(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET enable_progress_bar = false")


def _guarded(query: exp.Expr, run: Callable[[str], T]) -> T:
    """Run the query's text, the engine's own errors turned into ours."""
    try:
        return run(query.sql("duckdb"))
    except duckdb.Error as error:
        raise translated(error, query) from error


class DuckDBEngine:
    """DuckDB in memory, one database a session.

    Args:
        memory_mb: Memory that a session may use; None takes 60 % of the machine's.
        threads: Threads of a query; None takes all cores.
        temp_root: Where big intermediate results spill to; None takes the system's temporary folder.
    """

    name = "duckdb"

    def __init__(
        self,
        *,
        memory_mb: int | None = None,
        threads: int | None = None,
        temp_root: Path | None = None,
    ) -> None:
        self._memory_mb, self._threads, self._temp_root = memory_mb, threads, temp_root

    @contextmanager
    def session(self) -> Iterator[DuckDBSession]:
        """See Engine.session."""
        with spill_folder(self._temp_root) as spill:
            settings: dict[str, str | bool | int | float | list[str]] = {
                "temp_directory": str(spill),
                "memory_limit": f"{self._memory_mb}MB" if self._memory_mb else "60%",
            }
            if self._threads is not None:
                settings["threads"] = self._threads
            connection = duckdb.connect(":memory:", config=settings)
            try:
                connection.execute("SET GLOBAL TimeZone = 'UTC'")
                _quieten(connection)
                yield DuckDBSession(connection)
            finally:
                connection.close()
