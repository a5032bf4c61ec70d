"""Rows of the identity graph as Arrow, in bounded memory: from SQLite by its driver, from PostgreSQL by COPY.

A million rows as Python objects take minutes and gigabytes; as columns they take seconds.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc_csv
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from aimwell.store.listed import among
from aimwell.store.schema import metadata

__all__ = [
    "IDENTIFIER_COLUMNS",
    "all_rows",
    "aside_of",
    "bearers_of",
    "identifiers_of",
    "overrides_of",
]

IDENTIFIER_COLUMNS = ("kind", "value_hash", "origin_id", "source", "first_seen_at")
OVERRIDE_COLUMNS = ("origin_id", "profile_id", "evidence")
_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]
_set_aside = metadata.tables["identity_set_aside"]
_BATCH = 100_000
_BLOCK = 1 << 24
_ZONED = "YYYY-MM-DD HH24:MI:SS.US"  # as SQLite keeps times


def _schema(names: Collection[str]) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


def all_rows(connection: sa.Connection, table: str) -> pa.Table:
    """`identifiers` or `identity_overrides` whole, every column as text; times sort as text."""
    names = IDENTIFIER_COLUMNS if table == "identifiers" else OVERRIDE_COLUMNS
    batches = (
        _from_sqlite(connection, table, names)
        if connection.dialect.name == "sqlite"
        else _from_postgresql(connection, table, names)
    )
    return pa.Table.from_batches(list(batches), _schema(names))


def _from_sqlite(
    connection: sa.Connection, table: str, names: Collection[str]
) -> Iterator[pa.RecordBatch]:
    statement: Any = sa.select(*(sa.column(name) for name in names)).select_from(sa.table(table))
    cursor = connection.connection.cursor()
    try:
        cursor.execute(str(statement.compile(dialect=connection.dialect)))
        while rows := cursor.fetchmany(_BATCH):
            columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
            yield pa.record_batch(columns, schema=_schema(names))
    finally:
        cursor.close()


def _from_postgresql(
    connection: sa.Connection, table: str, names: Collection[str]
) -> Iterator[pa.RecordBatch]:
    columns = [
        _as_text(sa.column(name, sa.DateTime() if name.endswith("_at") else sa.Text()), name)
        for name in names
    ]
    query = sa.select(*columns).select_from(sa.table(table))
    text = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    options = pc_csv.ConvertOptions(
        column_types=_schema(names), strings_can_be_null=False, quoted_strings_can_be_null=False
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY ({text}) TO STDOUT (FORMAT csv)") as copied:
        block = bytearray()
        for data in copied:
            block += data  # whole rows: PostgreSQL sends one at a time
            if len(block) >= _BLOCK:
                yield from _read_csv(block, names, options)
                block = bytearray()
        yield from _read_csv(block, names, options)


def _read_csv(
    block: bytearray, names: Collection[str], options: pc_csv.ConvertOptions
) -> Iterator[pa.RecordBatch]:
    if block:
        read = pc_csv.ReadOptions(column_names=list(names), block_size=_BLOCK * 2)
        parse = pc_csv.ParseOptions(newlines_in_values=True)
        table = pc_csv.read_csv(io.BytesIO(block), read, parse, options)
        yield from table.to_batches()


def identifiers_of(connection: sa.Connection, origins: Collection[str]) -> pa.Table:
    """All identifiers of some origins, however many."""
    columns = (_as_text(_identifiers.c[name], name) for name in IDENTIFIER_COLUMNS)
    query = sa.select(*columns).where(among(_identifiers.c.origin_id, origins))
    return _table(_raw(connection, query), IDENTIFIER_COLUMNS)


def bearers_of(connection: sa.Connection, keys: Collection[tuple[str, str]]) -> set[str]:
    """All origins that bear one of some identifiers (kind, value hash), however many."""
    kinds: dict[str, list[str]] = {}
    for kind, value in keys:
        kinds.setdefault(kind, []).append(value)
    found: set[str] = set()
    for kind, values in sorted(kinds.items()):
        query = sa.select(_identifiers.c.origin_id).where(
            _identifiers.c.kind == kind, among(_identifiers.c.value_hash, values)
        )
        found.update(row[0] for row in _raw(connection, query))
    return found


def aside_of(connection: sa.Connection, keys: Collection[tuple[str, str]]) -> list[tuple[str, ...]]:
    """What is set aside of some identifiers (kind, value hash), however many: kind, value hash, reason."""
    kinds: dict[str, list[str]] = {}
    for kind, value in keys:
        kinds.setdefault(kind, []).append(value)
    known = set(connection.execute(sa.select(_set_aside.c.kind).distinct()).scalars())
    found: list[tuple[str, ...]] = []
    # By kind and value, as the index has them: by the value alone a database goes through all that is set aside.
    for kind in sorted(kinds.keys() & known):
        query = sa.select(_set_aside.c.kind, _set_aside.c.value_hash, _set_aside.c.reason).where(
            _set_aside.c.kind == kind, among(_set_aside.c.value_hash, kinds[kind])
        )
        found += _raw(connection, query)
    return found


def overrides_of(connection: sa.Connection, origins: Collection[str]) -> pa.Table:
    """The overrides of some origins, however many."""
    query = sa.select(*(_overrides.c[name] for name in OVERRIDE_COLUMNS[:2]), _evidence())
    rows = _raw(connection, query.where(among(_overrides.c.origin_id, origins)))
    return _table(rows, OVERRIDE_COLUMNS)


def _raw(connection: sa.Connection, query: Any) -> list[tuple[str, ...]]:
    """Rows of texts as the driver gives them: half the time of SQLAlchemy's own."""
    cursor = connection.execute(query).cursor
    return [] if cursor is None else list(cursor.fetchall())


def _evidence() -> sa.ColumnElement[str]:
    """The column's JSON as the text that was written."""
    return sa.cast(_overrides.c.evidence, sa.Text())


def _as_text(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[str]:
    """A column as SQLite keeps it: times too are text there, and made objects of a row cost more than reading it."""
    return _Text(column) if name.endswith("_at") else sa.cast(column, sa.Text())


class _Text(FunctionElement[str]):
    type = sa.Text()
    inherit_cache = True
    name = "time_text"


@compiles(_Text)
def _kept(element: _Text, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_Text, "postgresql")
def _written(element: _Text, compiler: SQLCompiler, **options: Any) -> str:
    return f"to_char(timezone('UTC', {compiler.process(element.clauses, **options)}), '{_ZONED}')"


def _table(rows: Collection[tuple[str, ...]], names: tuple[str, ...]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pa.table([pa.array(values, pa.string()) for values in columns], schema=_schema(names))
