"""The query that reads one pinned version of a lake table."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from aimwell.store.sql import cast, column, identifier, sql
from aimwell.store.tables import LAKE_TABLES
from aimwell.store.versions import TableVersion

__all__ = ["scan"]

_NAMES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
}


def scan(version: TableVersion) -> exp.Query:
    """All rows of the version, with the canonical columns and types whatever its files hold.

    An old version, or a file older than a column, gives nulls in the columns that it lacks.
    """
    fields = list(LAKE_TABLES[version.name].schema)
    if not version.files:
        return _no_rows(fields)
    files = exp.Array(expressions=[exp.Literal.string(name) for name in version.files])
    if not version.widened:
        known = set(version.schema.names)
        columns = [column(f.name) if f.name in known else _null(f) for f in fields]
        return exp.select(*columns).from_(exp.Table(this=sql("read_parquet(:files)", files=files)))
    # Slower to count, hence only where files may differ. The empty half names and types every column.
    read = sql("read_parquet(:files, union_by_name = true)", files=files)
    everything = exp.select("*").from_(exp.Table(this=read))
    both = exp.Union(this=_no_rows(fields), expression=everything, distinct=False, by_name=True)
    return exp.select(*(column(field.name) for field in fields)).from_(both.subquery("found"))


def _no_rows(fields: list[pa.Field]) -> exp.Select:
    return exp.select(*(_null(field) for field in fields)).where(exp.false())


def _null(field: pa.Field) -> exp.Expr:
    return exp.alias_(cast(exp.null(), _duck_type(field.type)), identifier(field.name), copy=False)


def _duck_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    return _NAMES[kind]
