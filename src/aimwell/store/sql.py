"""The one way to put SQL together: a text with `:holes`, parsed once, filled with values or trees.

Text is DuckDB's dialect. Values become literals through SQLGlot, so nothing that a person typed is ever
pasted into SQL; a hole that is left open, or a value without a hole, is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError

from aimwell.errors import QueryError

__all__ = ["column", "identifier", "sql", "union_all"]


@lru_cache(maxsize=1024)
def _parse(text: str) -> exp.Expr:
    try:
        return parse_one(text, read="duckdb")
    except ParseError as error:
        raise QueryError(f"This SQL cannot be parsed: {error}\n{text}") from error


def sql(text: str, **parts: Any) -> exp.Expr:
    """A query or expression tree from `text`, each `:hole` filled with the part of that name.

    Args:
        text: DuckDB SQL. Holes are `:name`; `at` is reserved and cannot be a name.
        parts: Python values (text, numbers, aware datetimes, dates, None, lists of these) or trees.

    Raises:
        QueryError: A hole without a part, a part without a hole, or a value without an SQL form
            (naive datetime, NaN, infinity, unknown type).
    """
    tree = _parse(text).copy()
    holes = {hole.name for hole in tree.find_all(exp.Placeholder)}
    if holes != parts.keys():
        raise QueryError(f"The query needs the parts {sorted(holes)}, got {sorted(parts)}:\n{text}")
    if not parts:
        return tree
    return exp.replace_placeholders(tree, **{name: _node(part) for name, part in parts.items()})


def _node(value: Any) -> exp.Expr:
    if isinstance(value, exp.Query):
        return exp.paren(value.copy(), copy=False)
    if isinstance(value, exp.Expr):
        return value.copy()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise QueryError(f"The time {value.isoformat()} has no zone; pass an aware datetime.")
        return exp.cast(exp.Literal.string(value.isoformat()), "timestamptz")
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise QueryError(f"The number {value} has no SQL form; pass a finite one.")
        return exp.cast(exp.Literal.string(str(value)), "decimal(18,4)")
    if isinstance(value, float) and not math.isfinite(value):
        raise QueryError(f"The number {value} has no SQL form; pass a finite one.")
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return exp.Tuple(expressions=[_node(item) for item in value])
    if value is None or isinstance(value, str | bool | int | float):
        return exp.convert(value)
    raise QueryError(f"A value of type {type(value).__name__} has no SQL form.")


def identifier(name: str) -> exp.Identifier:
    """A quoted name of a table or column, whatever characters it has."""
    return exp.to_identifier(name, quoted=True)


def column(name: str, table: str | None = None) -> exp.Column:
    """A quoted column, of `table` if given."""
    return exp.column(identifier(name), table=identifier(table) if table else None)


def union_all(queries: Sequence[exp.Expr]) -> exp.Expr:
    """All rows of all queries, duplicates kept. Raises QueryError when there is none."""
    if not queries:
        raise QueryError("A union needs at least one query.")
    tree = queries[0].copy()
    for query in queries[1:]:
        tree = exp.union(tree, query, distinct=False, copy=False)
    return tree
