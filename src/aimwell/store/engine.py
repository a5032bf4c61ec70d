"""What computes over the lake: a small protocol, with DuckDB behind it.

A `Session` is one reader's view: names bound to pinned table versions, Arrow tables or queries. Queries are
SQLGlot trees in DuckDB's dialect. DuckDB always runs in memory (a `.duckdb` file would lock out every other
process); big intermediate results spill to a temporary folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar

import duckdb
import pyarrow as pa
from sqlglot import exp

from aimwell.errors import QueryError, StorageFullError
from aimwell.store.lake import TableVersion
from aimwell.store.sql import identifier, sql

__all__ = ["DuckDBEngine", "DuckDBSession", "Engine", "Session"]

T = TypeVar("T")


class Session(Protocol):
    """One reader's names and the queries over them. Not shared between threads."""

    def bind(self, name: str, source: TableVersion | pa.Table | exp.Expr) -> None:
        """Make `name` stand for a pinned table version, an Arrow table, or a query (evaluated when read)."""

    def materialise(self, name: str, query: exp.Expr) -> None:
        """Compute `query` once and make `name` stand for its rows."""

    def table(self, query: exp.Expr) -> pa.Table:
        """All rows of `query` as one Arrow table."""

    def batches(self, query: exp.Expr, *, rows: int = 100_000) -> pa.RecordBatchReader:
        """Rows of `query` as a stream of batches of about `rows` rows, in bounded memory."""

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
        self._numbers = count()

    def bind(self, name: str, source: TableVersion | pa.Table | exp.Expr) -> None:
        """See Session.bind."""
        if isinstance(source, pa.Table):
            hidden = f"arrow_{next(self._numbers)}"
            self.connection.register(hidden, source)
            source = exp.select("*").from_(exp.Table(this=identifier(hidden)))
        elif isinstance(source, TableVersion):
            source = _scan(source)
        self._create(name, "VIEW", source)

    def materialise(self, name: str, query: exp.Expr) -> None:
        """See Session.materialise."""
        self._create(name, "TABLE", query)

    def _create(self, name: str, kind: str, query: exp.Expr) -> None:
        table = exp.Table(this=identifier(name))
        other = self._kinds.get(name, kind)
        if other != kind:
            self._run(exp.Drop(tables=[table.copy()], kind=other, exists=True))
        self._run(
            exp.Create(
                this=table,
                kind=kind,
                replace=True,
                expression=query,
                properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
            )
        )
        self._kinds[name] = kind

    def table(self, query: exp.Expr) -> pa.Table:
        """See Session.table."""
        return self._guarded(query, lambda text: self.connection.sql(text).to_arrow_table())

    def batches(self, query: exp.Expr, *, rows: int = 100_000) -> pa.RecordBatchReader:
        """See Session.batches."""
        return self._guarded(query, lambda text: self.connection.sql(text).to_arrow_reader(rows))

    def rows(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """See Session.rows."""
        return self._run(query).fetchall()

    def _run(self, query: exp.Expr) -> duckdb.DuckDBPyConnection:
        return self._guarded(query, self.connection.execute)

    def _guarded(self, query: exp.Expr, run: Callable[[str], T]) -> T:
        """Run the query's text, the engine's own errors turned into ours."""
        text = query.sql("duckdb")
        try:
            return run(text)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            if "No space left" in str(error) or "temp_directory" in str(error):
                raise StorageFullError(
                    f"The disk is full while computing; free some space and try again ({error})."
                ) from error
            raise
        except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
            raise QueryError(f"The engine refused a query: {error}\n{text[:2000]}") from error


def _scan(version: TableVersion) -> exp.Expr:
    """A query over the files of one table version, with the canonical columns also where it is empty."""
    if not version.files:
        columns = [
            exp.alias_(exp.cast(exp.null(), _duck_type(field.type)), field.name, quoted=True)
            for field in version.schema
        ]
        return exp.select(*columns).where(exp.false())
    columns_ = [exp.column(identifier(field.name)) for field in version.schema]
    files = exp.Array(expressions=[exp.Literal.string(name) for name in version.files])
    scan = sql("read_parquet(:files, union_by_name = true)", files=files)
    return exp.select(*columns_).from_(exp.Table(this=scan))


def _duck_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
    names = {
        pa.string(): "VARCHAR",
        pa.int64(): "BIGINT",
        pa.float64(): "DOUBLE",
        pa.bool_(): "BOOLEAN",
    }
    return names[kind]


class DuckDBEngine:
    """DuckDB in memory, one database a session.

    Args:
        memory_mb: Memory that a query may use; None leaves DuckDB's default (80 % of the machine).
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
        spill = tempfile.mkdtemp(prefix="aimwell-", dir=self._temp_root)
        settings: dict[str, str | bool | int | float | list[str]] = {"temp_directory": spill}
        if self._memory_mb is not None:
            settings["memory_limit"] = f"{self._memory_mb}MB"
        if self._threads is not None:
            settings["threads"] = self._threads
        connection = duckdb.connect(":memory:", config=settings)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")
            yield DuckDBSession(connection)
        finally:
            connection.close()
            shutil.rmtree(spill, ignore_errors=True)
