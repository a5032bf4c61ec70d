"""What computes over the lake: a small protocol, with DuckDB behind it.

A `Session` is one reader's view: names bound to pinned table versions, Arrow tables or queries. Queries are
SQLGlot trees in DuckDB's dialect. DuckDB always runs in memory (a `.duckdb` file would lock out every other
process); big intermediate results spill to a temporary folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import duckdb
import pyarrow as pa
from sqlglot import exp

from aimwell.store.engine_errors import translated
from aimwell.store.instances import Instance, lent_instance
from aimwell.store.scan import scan
from aimwell.store.spill import spill_folder
from aimwell.store.sql import identifier
from aimwell.store.time_limit import time_limit
from aimwell.store.versions import TableVersion

__all__ = ["DuckDBEngine", "DuckDBSession", "Engine", "Session", "Source"]

T = TypeVar("T")

Source: TypeAlias = TableVersion | pa.Table | exp.Expr | Callable[[], exp.Expr]
"""What a name may stand for; a function gives its query when it is first read, as many never are."""


class Session(Protocol):
    """One reader's names and the queries over them. Not shared between threads."""

    def bind(self, name: str, source: Source) -> None:
        """Make `name` stand for a pinned table version, an Arrow table, a query (evaluated when read), or what gives one."""

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

    def limited(self, seconds: float) -> AbstractContextManager[None]:
        """Interrupt what the block asks once so many seconds are over (QueryTimeoutError); streams excepted."""


class Engine(Protocol):
    """Opens sessions."""

    name: str

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that is closed, with all it holds, at the end of the block."""
        ...


class DuckDBSession:
    """A session on one in-memory DuckDB."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        # A command binds many more names than its queries read, and a view costs milliseconds.
        self._awaited: dict[str, Source] = {}
        self._kinds: dict[str, str] = {}
        self._arrow: dict[str, pa.Table] = {}
        self._numbers = count()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, for what a Session cannot do, with all names that were bound."""
        for name in list(self._awaited):
            self._make(name)
        return self._instance.connection

    def bind(self, name: str, source: Source) -> None:
        """See Session.bind."""
        self._awaited[name] = source
        if name in self._kinds:  # views that were made already may read it
            self._make(name)

    def materialise(self, name: str, query: exp.Expr) -> None:
        """See Session.materialise."""
        self._make_read(query)
        self._awaited.pop(name, None)
        self._create(name, "TABLE", query)

    def _make_read(self, query: exp.Expr) -> None:
        """Make the names that the query reads, and those that they read in turn."""
        if self._awaited:
            for table in query.find_all(exp.Table):
                self._make(table.name)

    def _make(self, name: str) -> None:
        source = self._awaited.pop(name, None)
        if source is None:
            return
        try:
            self._create(name, "VIEW", self._rows_of(source))
        except BaseException:
            self._awaited[name] = source
            raise

    def _rows_of(self, source: Source) -> exp.Expr:
        if isinstance(source, TableVersion):
            return scan(source)
        if isinstance(source, pa.Table):
            hidden = f"arrow_{next(self._numbers)}"
            self._arrow[hidden] = source
            self._instance.connection.register(hidden, source)
            return exp.select("*").from_(exp.Table(this=identifier(hidden)))
        query = source if isinstance(source, exp.Expr) else source()
        self._make_read(query)
        return query

    def drop(self, name: str) -> None:
        """See Session.drop."""
        self._awaited.pop(name, None)
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
        self._make_read(query)
        return _guarded(query, lambda text: self._instance.connection.sql(text).to_arrow_table())

    def batches(self, query: exp.Expr, *, rows: int = 100_000) -> pa.RecordBatchReader:
        """See Session.batches."""
        self._make_read(query)
        cursor = self._instance.another()
        for name, table in self._arrow.items():
            cursor.register(name, table)
        reader = _guarded(query, lambda text: cursor.sql(text).to_arrow_reader(rows))

        def stream() -> Iterator[pa.RecordBatch]:
            try:
                yield from reader
            except Exception as error:
                raise translated(error, query) from error
            finally:
                self._instance.close(cursor)

        return pa.RecordBatchReader.from_batches(reader.schema, stream())

    def rows(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """See Session.rows."""
        self._make_read(query)
        return _guarded(query, lambda text: self._instance.connection.execute(text).fetchall())

    def limited(self, seconds: float) -> AbstractContextManager[None]:
        """See Session.limited."""
        return time_limit(seconds, self._instance.connection.interrupt)

    def _run(self, statement: exp.Expr) -> None:
        _guarded(statement, self._instance.connection.execute)


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
        with (
            spill_folder(self._temp_root) as spill,
            lent_instance(
                memory_mb=self._memory_mb, threads=self._threads, spill=spill
            ) as instance,
        ):
            yield DuckDBSession(instance)
