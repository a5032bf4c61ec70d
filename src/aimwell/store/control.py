"""The control database: a connection pool, and transactions that mean the same on SQLite and PostgreSQL.

SQLite runs in WAL mode; a writing transaction starts with BEGIN IMMEDIATE, so that two writers wait for each
other instead of failing in the middle. Readers never wait, see one moment, and cannot write.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from aimwell.errors import ControlBusyError, StorageFullError, StoreError, WorkspaceError
from aimwell.store.column_types import JsonType, Money, UtcDateTime

__all__ = [
    "SQLITE_SECONDS",
    "SQLITE_TIME",
    "Control",
    "JsonType",
    "Money",
    "UtcDateTime",
    "insert_columns",
    "insert_missing",
    "insert_statement",
    "update_columns",
    "upsert",
]

SQLITE_TIME = "%Y-%m-%d %H:%M:%S.%f"
"""How SQLite keeps a time in UTC as text."""

SQLITE_SECONDS = SQLITE_TIME.removesuffix(".%f")
"""The same for Arrow, which adds the fraction to the seconds."""

_BUSY_MS = 30_000
_URLS = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"


class Control:
    """The control database at `url`; with `read_only` a SQLite file is neither made nor changed.

    Raises:
        WorkspaceError: The URL cannot be understood or names a database that Aimwell does not support.
    """

    def __init__(self, url: str | sa.URL, *, read_only: bool = False) -> None:
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise WorkspaceError(
                f"The control database's URL cannot be understood. Allowed: {_URLS}."
            ) from error
        backend = parsed.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise WorkspaceError(f"The control database cannot be {backend}. Allowed: {_URLS}.")
        if backend == "sqlite" and parsed.database in {None, "", ":memory:"}:
            raise WorkspaceError(
                "The control database must be a file, because several processes and threads share it. "
                f"Allowed: {_URLS}."
            )
        # One driver for each, whatever was named: only these two are tried and understood below.
        parsed = parsed.set(
            drivername="postgresql+psycopg" if backend == "postgresql" else "sqlite+pysqlite"
        )
        self.url = parsed
        self.is_sqlite = backend == "sqlite"
        # Kept connections matter on SQLite too: closing the last one of a database folds its log into the
        # file, which made small transactions eight times slower. Threads that need more get more.
        self.engine = sa.create_engine(
            _only_read(parsed) if read_only and self.is_sqlite else parsed,
            json_serializer=_json,
            pool_pre_ping=not self.is_sqlite,
            max_overflow=-1 if self.is_sqlite else 20,
        )
        if self.is_sqlite:
            _prepare_sqlite(self.engine, read_only=read_only)
        else:
            _prepare_postgresql(self.engine)
        _engines.add(self.engine)
        weakref.finalize(self, self.engine.dispose)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A writing transaction: committed at the end of the block, rolled back on an error.

        Raises:
            StorageFullError: The disk is full; nothing of the block was written.
            ControlBusyError: The database is locked or out of reach; nothing was written, unless the
                connection broke at the very moment of the commit.
        """
        with (
            _plain_errors(),
            self.engine.connect() as connection,
            connection.execution_options(aimwell="write").begin(),
        ):
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A reading transaction with one consistent view; a statement that writes is refused.

        Raises:
            ControlBusyError: The database is out of reach.
        """
        with _plain_errors(), self.engine.connect() as connection:
            options: dict[str, Any] = {"aimwell": "read"}
            if not self.is_sqlite:
                options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            with connection.execution_options(**options).begin():
                yield connection

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def _only_read(url: sa.URL) -> sa.URL:
    """The same SQLite file, opened so that it is not made where it is not there."""
    name = str(url.database)
    if not name.startswith("file:"):
        name = f"file:{quote(os.path.abspath(name))}"
    return url.set(database=name).update_query_dict({"mode": "ro", "uri": "true"})


def _json(value: Any) -> str:
    """JSON text; NaN and infinity are refused, because PostgreSQL and other readers refuse them later."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _forget_connections() -> None:
    """A forked process starts with no connections: two processes on one would corrupt what each reads."""
    for engine in _engines:
        # The parent's connections are neither used nor closed here, hence kept for ever.
        _inherited.append(engine.pool)
        engine.dispose(close=False)


_engines: weakref.WeakSet[sa.Engine] = weakref.WeakSet()
_inherited: list[sa.Pool] = []
os.register_at_fork(after_in_child=_forget_connections)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turns the databases' passing troubles into errors of ours, by their codes."""
    try:
        yield
    except DBAPIError as error:
        if (ours := _translated(error)) is not None:
            raise ours from error
        raise


def _translated(error: DBAPIError) -> StoreError | None:
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", 0) or 0
        # A write that the system refused also means a file that may not grow, as under a quota.
        full = code == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_WRITE
        busy = code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    else:
        state = getattr(error.orig, "sqlstate", None) or ""
        full = state == "53100"
        # Connections lost or refused, the server stopping or starting, deadlocks, locks not granted.
        busy = error.connection_invalidated or state[:2] in {"08", "40", "53", "55", "57"}
        busy = busy or (isinstance(error, sa.exc.OperationalError) and not state)
    if full:
        return StorageFullError(
            "The disk is full: the control database took nothing of this step. "
            "Free some space and try again."
        )
    if busy:
        reason = str(error.orig).strip().split("\n")[0]
        return ControlBusyError(
            f"The control database is busy or cannot be reached ({reason}). Try again in a moment."
        )
    return None


def _prepare_postgresql(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        # Not as an option of the connection: poolers between us and the server refuse those.
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
        connection.commit()


def _prepare_sqlite(engine: sa.Engine, *, read_only: bool) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: Any) -> None:
        # Transactions are begun below, by us; the driver's own guess would begin them too late.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        if not read_only:
            _write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        use = connection.get_execution_options().get("aimwell")
        connection.exec_driver_sql(f"PRAGMA query_only = {int(use == 'read')}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if use == "write" else "BEGIN")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Keep a write-ahead log. Where two first openers of a new file meet, SQLite refuses one at once; it waits here."""
    deadline = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def plain_rows(result: sa.CursorResult[*tuple[Any, ...]]) -> list[Any]:
    """All rows as the database's driver gives them, for texts and whole numbers only: of a million the objects in between cost
    seconds."""
    cursor = result.cursor
    assert cursor is not None  # noqa: S101 - a SELECT has one
    return list(cursor.fetchall())


def insert_statement(is_sqlite: bool, table: sa.Table) -> Any:
    """An insert that knows `on_conflict_…`, of the database's own dialect."""
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


def insert_columns(
    connection: sa.Connection, statement: Any, columns: Mapping[str, Sequence[str | int | None]]
) -> None:
    """Run an insert into SQLite by its driver itself, for texts and numbers only: several times faster over many rows.

    Args:
        connection: In a writing transaction on SQLite.
        statement: Of `insert_statement`, without values.
        columns: Name → values as SQLite keeps them (`SQLITE_TIME`), all of one length.
    """
    _run_columns(
        connection,
        statement.compile(dialect=connection.dialect, column_keys=list(columns)),
        columns,
    )


def update_columns(
    connection: sa.Connection, statement: Any, columns: Mapping[str, Sequence[str | int | None]]
) -> None:
    """The same with an update; `columns` are its parameters by name."""
    _run_columns(connection, statement.compile(dialect=connection.dialect), columns)


def _run_columns(
    connection: sa.Connection, compiled: Any, columns: Mapping[str, Sequence[str | int | None]]
) -> None:
    rows = list(zip(*(columns[name] for name in compiled.positiontup), strict=True))
    if rows:
        connection.exec_driver_sql(str(compiled), rows)


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    return insert_statement(connection.dialect.name == "sqlite", table)


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: list[dict[str, Any]],
    *,
    update: tuple[str, ...],
) -> None:
    """Insert `rows`; where the primary key exists, set the columns `update` to the new values."""
    if not rows:
        return
    statement = _insert(connection, table)
    keys = [column.name for column in table.primary_key.columns]
    changes = {name: statement.excluded[name] for name in update}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), rows)


def insert_missing(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert the `rows` that no unique key forbids; leave what is there."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)
