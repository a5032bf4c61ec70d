"""Rows of a SQL database, streamed into a file of the load's own folder.

With a cursor only rows that are not older than the last one taken are read; those at the cursor's very value are read again,
because more of them may have come, and are known by their ids; so are those without a value. The cursor moves when all is taken, not before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from aimwell.collect.dialect import column_names
from aimwell.collect.duckdb_files import duckdb_rows
from aimwell.collect.files import InputFile, Rows
from aimwell.definitions.source_inputs import DatabaseSpec
from aimwell.errors import SourceAwayError, SourceDatabaseError, nearest
from aimwell.privacy.secrets import read_secret
from aimwell.store.stores import Stores

__all__ = ["read_database"]

_BATCH = 5_000
_CONNECT_SECONDS = 15
_TABLES_SHOWN = 200

_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
"""By which driver a database is read where the URL names none."""

_PACKAGES = {
    "mysql": "'aimwell[mysql]'",
    "mariadb": "'aimwell[mysql]'",
    "mssql": "pyodbc",
    "oracle": "oracledb",
    "snowflake": "snowflake-sqlalchemy",
    "bigquery": "sqlalchemy-bigquery",
    "redshift": "sqlalchemy-redshift redshift_connector",
    "databricks": "databricks-sqlalchemy",
    "clickhouse": "clickhouse-sqlalchemy",
}
"""What pip calls the drivers that may be lacking."""


def read_database(
    stores: Stores,
    spec: DatabaseSpec,
    folder: Path,
    *,
    name: str,
    before: dict[str, Any],
    rows_max: int | None = None,
) -> tuple[list[InputFile], dict[str, Any]]:
    """Read the rows of a database.

    Args:
        stores: With the secret.
        spec: Which database, and what of it.
        folder: Where the rows go.
        name: Of the input.
        before: What was returned when it was read last and all was taken.
        rows_max: Read so many rows at most, for a preview.

    Returns:
        The file of the rows, and how far they go.

    Raises:
        SourceDatabaseError: The URL, the query, the table or the cursor is wrong, or the database refuses us.
        SourceAwayError: The database cannot be reached, or went away while it was read. Nothing is kept of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "rows.parquet"
    asked = _asked(spec)
    since = _value(before["cursor"]) if before.get("asked") == asked else None
    begin = since if since is None else _earlier(since, spec.overlap, name)
    url = _parsed(read_secret(stores, spec.database), name)
    rows: AbstractContextManager[tuple[list[str], Iterator[Sequence[Sequence[Any]]]]]
    if url.get_backend_name() == "duckdb":
        rows = duckdb_rows(url.database, spec, name, since=begin, rows_max=rows_max, batch=_BATCH)
    else:
        rows = _rows(url, spec, name, begin, rows_max)
    return _read(rows, spec, target, name=name, asked=asked, since=since)


@contextmanager
def _rows(
    url: sa.URL, spec: DatabaseSpec, name: str, since: Any, rows_max: int | None
) -> Iterator[tuple[list[str], Iterator[Sequence[Sequence[Any]]]]]:
    """(columns, batches of rows) of what is asked, from `since` on."""
    engine = _engine(url, name)
    options: dict[str, Any] = {"stream_results": True, "max_row_buffer": _BATCH}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with _told(name, spec, engine), engine.connect() as connection, ExitStack() as stack:
            connection = connection.execution_options(**options)
            if engine.dialect.name in ("mysql", "mariadb"):
                connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
                connection.commit()
            result = connection.execute(_statement(connection, spec, name, since, rows_max))
            # A cursor of a server that went away does not close itself.
            stack.callback(_close, result)
            yield list(result.keys()), iter(result.partitions(_BATCH))
    finally:
        engine.dispose()


def _read(
    rows_of: AbstractContextManager[tuple[list[str], Iterator[Sequence[Sequence[Any]]]]],
    spec: DatabaseSpec,
    target: Path,
    *,
    name: str,
    asked: str,
    since: Any,
) -> tuple[list[InputFile], dict[str, Any]]:
    digest, largest = hashlib.sha256(), since
    with rows_of as (keys, batches):
        columns = column_names(keys)
        place = _place(keys, spec, name)
        schema = pa.schema(
            [("bad", pa.string()), *((f"c{number}", pa.string()) for number in range(len(columns)))]
        )
        digest.update(json.dumps(columns).encode())
        with pq.ParquetWriter(target, schema, compression="snappy") as writer:
            for rows in batches:
                texts = [[_text(cell) for cell in row] for row in rows]
                digest.update(json.dumps(texts).encode())
                cells = [pa.array(column, pa.string()) for column in zip(*texts, strict=True)]
                bad = pa.nulls(len(texts), pa.string())
                writer.write_table(pa.table([bad, *cells], schema=schema))
                if place is not None:
                    largest = _larger(largest, (row[place] for row in rows))
    file = InputFile(
        target,
        f"{name} of the database",
        target.stat().st_size,
        digest.hexdigest(),
        rows=Rows(columns, ours=True),
    )
    if largest is None:
        return [file], {}
    return [file], {"asked": asked, "cursor": _kept(largest, name)}


def _close(result: sa.CursorResult[Any]) -> None:
    with suppress(Exception):
        result.close()


def _asked(spec: DatabaseSpec) -> str:
    """What a cursor belongs to: another query has another one."""
    body = spec.model_dump(mode="json", exclude={"overlap"})
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _parsed(url: str, name: str) -> sa.URL:
    """A URL, which holds a password and is told to nobody."""
    try:
        return sa.make_url(url.strip())
    except (sa.exc.ArgumentError, ValueError) as error:
        raise _not_understood(name) from error


def _not_understood(name: str) -> SourceDatabaseError:
    return SourceDatabaseError(
        f"The URL of the database of '{name}' cannot be understood. It is of the form "
        "dialect://user:password@host/database; special signs in the password are written as %40 and so on.",
        input=name,
    )


def _engine(url: sa.URL, name: str) -> sa.Engine:
    """The database at a URL."""
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _sqlite(url, name)
    if url.drivername in _DRIVERS:
        url = url.set(drivername=f"{url.drivername}+{_DRIVERS[url.drivername]}")
    # Other drivers call it otherwise.
    is_ours = url.drivername.endswith(("+psycopg", "+psycopg2", "+pymysql", "+mysqldb"))
    arguments = {"connect_timeout": _CONNECT_SECONDS} if is_ours else {}
    try:
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments)
    except sa.exc.NoSuchModuleError as error:
        if backend not in _PACKAGES:
            raise _not_understood(name) from error
        raise _no_driver(name, backend, _PACKAGES[backend]) from error
    except (sa.exc.ArgumentError, ValueError) as error:
        raise _not_understood(name) from error
    except ImportError as error:
        package = _PACKAGES.get(backend) or error.name or "the driver that the URL names"
        raise _no_driver(name, backend, package) from error


def _no_driver(name: str, backend: str, package: str) -> SourceDatabaseError:
    return SourceDatabaseError(
        f"The database of '{name}' ({backend}) needs a driver that is not installed. Install it with: pip install {package}",
        input=name,
    )


def _sqlite(url: sa.URL, name: str) -> sa.Engine:
    """A SQLite file, only read; one that is not there is not made."""
    if not url.database or not Path(url.database).is_file():
        raise SourceDatabaseError(
            f"The database of '{name}' is a SQLite file that is not there. Look at the path in its URL.",
            input=name,
        )
    place = Path(url.database).resolve().as_uri()
    return sa.create_engine(
        "sqlite+pysqlite://",
        creator=_connecting(place),
        poolclass=sa.NullPool,
    )


def _connecting(place: str) -> Any:
    import sqlite3

    return lambda: sqlite3.connect(f"{place}?mode=ro", uri=True)


def _statement(
    connection: sa.Connection,
    spec: DatabaseSpec,
    name: str,
    since: Any,
    rows_max: int | None,
) -> sa.Select[Any]:
    """What is asked: the table or query, from the cursor on, in its order."""
    if spec.table is not None:
        source: Any = _table(connection, spec.table, name)
    else:
        query = sa.text((spec.query or "").strip().rstrip(";").replace(":", "\\:"))
        cursor: list[Any] = [sa.column(spec.cursor)] if spec.cursor else []
        source = query.columns(*cursor).subquery("asked")
    statement = sa.select(sa.text("*")).select_from(source)
    if spec.cursor is not None:
        cursor_column: sa.ColumnClause[Any] = sa.column(spec.cursor)
        if since is not None:
            # Of rows that have no value nobody knows when they came: they are read each time.
            statement = statement.where(sa.or_(cursor_column >= since, cursor_column.is_(None)))
        statement = statement.order_by(cursor_column)
    return statement if rows_max is None else statement.limit(rows_max)


def _table(connection: sa.Connection, told: str, name: str) -> sa.TableClause:
    """A table or view, with its schema where one is said."""
    schema, _, table = told.rpartition(".")
    inspector = sa.inspect(connection)
    if not inspector.has_table(table, schema=schema or None):
        known = [
            *inspector.get_table_names(schema or None),
            *inspector.get_view_names(schema or None),
        ]
        raise SourceDatabaseError(
            f"The database of '{name}' has no table '{told}' that can be seen. {nearest(table, known[:_TABLES_SHOWN])} "
            "Nothing was taken.",
            input=name,
        )
    return sa.table(table, schema=schema or None)


def _place(keys: Sequence[str], spec: DatabaseSpec, name: str) -> int | None:
    if spec.cursor is None:
        return None
    if spec.cursor not in keys:
        raise SourceDatabaseError(
            f"The rows of '{name}' have no column '{spec.cursor}' for the cursor. {nearest(spec.cursor, keys)}",
            input=name,
        )
    return list(keys).index(spec.cursor)


def _larger(largest: Any, values: Iterator[Any]) -> Any:
    for value in values:
        if value is not None and (largest is None or value > largest):
            largest = value
    return largest


def _earlier(since: Any, overlap: timedelta | None, name: str) -> Any:
    """Where reading begins."""
    if overlap is None:
        return since
    if isinstance(since, datetime):
        return since - overlap
    if isinstance(since, date):
        return since - timedelta(days=-(-overlap // timedelta(days=1)))
    if isinstance(since, str):
        try:
            moment = datetime.fromisoformat(since) - overlap
        except ValueError:
            pass
        else:
            return moment.isoformat(sep="T" if "T" in since else " ")[: max(len(since), 10)]
    raise SourceDatabaseError(
        f"`overlap` of '{name}' is a time, but the cursor's values are none. Leave it out: rows at the cursor's value are "
        "read again anyway.",
        input=name,
    )


def _kept(value: Any, name: str) -> dict[str, str]:
    """A cursor's value as it is kept."""
    kinds: tuple[tuple[type, str], ...] = (
        (datetime, "datetime"),
        (date, "date"),
        (int, "int"),
        (Decimal, "decimal"),
        (float, "float"),
        (str, "str"),
    )
    for kind, word in kinds:
        if isinstance(value, kind):
            text = value.isoformat() if isinstance(value, date) else str(value)
            return {"kind": word, "value": text}
    raise SourceDatabaseError(
        f"The cursor of '{name}' has values of the type {type(value).__name__}; allowed are numbers, dates, times and texts.",
        input=name,
    )


def _value(kept: dict[str, str]) -> Any:
    text = kept["value"]
    try:
        match kept["kind"]:
            case "datetime":
                return datetime.fromisoformat(text)
            case "date":
                return date.fromisoformat(text)
            case "int":
                return int(text)
            case "decimal":
                return Decimal(text)
            case "float":
                return float(text)
    except (ValueError, InvalidOperation):
        return None
    return text


def _text(value: Any) -> str | None:
    """A cell as text, none of its digits lost."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


@contextmanager
def _told(name: str, spec: DatabaseSpec, engine: sa.Engine) -> Iterator[None]:
    """Say in our words what the database answered; its own may hold a password or rows."""
    try:
        yield
    except sa.exc.OperationalError as error:
        text = str(error.orig).lower()
        if engine.dialect.name == "sqlite" and not ("locked" in text or "disk" in text):
            raise _refused(name, spec, error) from None
        code = error.orig.args[0] if error.orig and error.orig.args else None
        by_number = engine.dialect.name in ("mysql", "mariadb") and isinstance(code, int)
        if by_number and code not in (*_MYSQL_LOGIN, *_MYSQL_AWAY):
            raise _refused(name, spec, error) from None
        login = any(words in text for words in ("password", "authentication", "does not exist"))
        if code in _MYSQL_LOGIN if by_number else login:
            raise SourceDatabaseError(
                f"The database of '{name}' refuses us: the user, the password or the database's name in its URL is wrong. "
                "Nothing was taken.",
                input=name,
            ) from None
        raise _away(name) from None
    except (sa.exc.InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError, OSError):
        raise _away(name) from None
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise _away(name) from None
        raise _refused(name, spec, error) from None


_MYSQL_LOGIN = (1044, 1045, 1049, 1698)
_MYSQL_AWAY = (1040, 1053, 1158, 1159, 1160, 1161, 1205, 1213, *range(2000, 2100))
"""Numbers of MySQL and MariaDB: of who may not log in to what; of what may go better later (2000 and above are the client's)."""


def _away(name: str) -> SourceAwayError:
    return SourceAwayError(
        f"The database of '{name}' cannot be reached, or went away while it was read. Nothing was taken; try again later.",
        place=name,
    )


def _refused(name: str, spec: DatabaseSpec, error: sa.exc.DBAPIError) -> SourceDatabaseError:
    """The first line of what the database says of a query holds names of the query, not values of rows."""
    said = (
        str(error.orig).strip().split("\n")[0]
        if isinstance(error, sa.exc.ProgrammingError | sa.exc.OperationalError)
        else type(error.orig).__name__
    )
    what = f"the table '{spec.table}'" if spec.table else "the query"
    return SourceDatabaseError(
        f"The database of '{name}' does not answer {what}: {said}. Nothing was taken; look at the definition, and at what "
        "was changed in the database.",
        input=name,
    )
