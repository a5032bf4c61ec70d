"""Rows whose key is in a list of thousands: the whole list is one parameter, on SQLite and PostgreSQL alike.

`column IN (?, ?, …)` has a parameter for each id: it is compiled anew for every length, and a database takes only so
many. Here SQLite unfolds a JSON text (`json_each`) and PostgreSQL an array (`unnest`), and both look each id up by the
index.

A statement that runs again and again, as for each handful of messages, is built once with `GIVEN` in place of the ids:
building one costs as much as looking hundreds of ids up.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

__all__ = ["GIVEN", "Ids", "among", "aside", "listed"]


def among(column: sa.ColumnElement[str], ids: Ids) -> sa.ColumnElement[bool]:
    """A condition: `column` holds one of `ids`, of which there may be any number."""
    return column.in_(listed(ids))


def listed(ids: Ids) -> sa.Select[str]:
    """The ids as a query of one column, as for a UNION ALL with another."""
    if isinstance(ids, sa.BindParameter):
        given = ids
    else:
        given = sa.bindparam(None, list(ids), type_=_Ids(), unique=True)
    # PostgreSQL calls the column as the table is called, SQLite always `value`.
    unfolded = _Unfolded(given).table_valued("value", name="value")
    return sa.select(sa.literal_column("value", sa.Text())).select_from(unfolded)


def aside(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The column, of which SQLite shall use no index.

    Beside `among` it takes any list for one of 25 ids, and may read all rows of a kind or state by their index instead.
    PostgreSQL counts the list and needs no hint.
    """
    return _Aside(column)


class _Ids(sa.types.TypeDecorator[list[str]]):
    """A list of texts as one parameter: a JSON text, or an array where the database has them."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(sa.Text()))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else json.dumps(value)


Ids = Collection[str] | sa.BindParameter[list[str]]
"""The ids themselves, or `GIVEN`."""

GIVEN: sa.BindParameter[list[str]] = sa.bindparam("ids", type_=_Ids())
"""Ids that are handed over when the statement runs: `connection.execute(statement, {"ids": ids})`."""


class _Unfolded(FunctionElement[str]):
    type = sa.Text()
    inherit_cache = True
    name = "unfolded"


class _Aside(FunctionElement[str]):
    type = sa.Text()
    inherit_cache = True
    name = "aside"


@compiles(_Unfolded)
def _json_each(element: _Unfolded, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Unfolded, "postgresql")
def _unnest(element: _Unfolded, compiler: SQLCompiler, **options: Any) -> str:
    return f"unnest({compiler.process(element.clauses, **options)})"


@compiles(_Aside)
def _plus(element: _Aside, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(_Aside, "postgresql")
def _itself(element: _Aside, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)
