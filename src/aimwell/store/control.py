"""The control database: a connection pool, and transactions that mean the same on SQLite and PostgreSQL.

SQLite runs in WAL mode; a writing transaction starts with BEGIN IMMEDIATE, so that two writers wait for each
other instead of failing in the middle. Readers never wait.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from aimwell.errors import StorageFullError, WorkspaceError

__all__ = ["Control", "JsonType", "UtcDateTime", "insert_missing", "upsert"]

_BUSY_MS = 30_000


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware time, stored in UTC. Naive times are refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To UTC; SQLite keeps text without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The time {value.isoformat()} has no zone; pass an aware datetime.")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Back to an aware time in UTC."""
        del dialect  # both databases give either form
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


JsonType = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


class Control:
    """The control database at `url`.

    Raises:
        WorkspaceError: The URL cannot be understood or names a database that Aimwell does not support.
    """

    def __init__(self, url: str | sa.URL) -> None:
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise WorkspaceError(
                "The control database's URL cannot be understood. Allowed: sqlite:///FILE or "
                "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."
            ) from error
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise WorkspaceError(
                f"The control database cannot be {parsed.get_backend_name()}. "
                "Allowed: sqlite and postgresql."
            )
        self.url = parsed
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        options: dict[str, Any] = {} if self.is_sqlite else {"pool_pre_ping": True}
        if self.is_sqlite:
            # A connection costs microseconds, and none may be carried into a forked process.
            options["poolclass"] = NullPool
        self.engine = sa.create_engine(
            parsed, json_serializer=lambda value: json.dumps(value, ensure_ascii=False), **options
        )
        if self.is_sqlite:
            _prepare_sqlite(self.engine)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A writing transaction: committed at the end of the block, rolled back on an error."""
        try:
            with self.engine.connect() as connection:
                connection = connection.execution_options(aimwell_write=True)
                with connection.begin():
                    yield connection
        except OperationalError as error:
            if "disk is full" in str(error) or "No space left" in str(error):
                raise StorageFullError(
                    "The disk is full: the control database took nothing of this step. "
                    "Free some space and try again."
                ) from error
            raise

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A reading transaction with one consistent view."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def _prepare_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: Any) -> None:
        # Transactions are begun below, by us; the driver's own guess would begin them too late.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("aimwell_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)
    return postgresql.insert(table)


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
