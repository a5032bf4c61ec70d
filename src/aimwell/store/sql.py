"""The one way to put SQL together: a text with `:holes`, parsed once, filled with values or trees.

Text is DuckDB's dialect. Values become literals through SQLGlot, so nothing that a person typed is ever
pasted into SQL; a hole that is left open, or a value without a hole, is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError

from aimwell.errors import QueryError

__all__ = ["cast", "column", "identifier", "sql", "union_all"]


E = TypeVar("E", bound=exp.Expr)
_MONEY_PLACES, _MONEY_DIGITS = 4, 18
_INT_MAX = 2**63 - 1


@lru_cache(maxsize=1024)
def _parse(text: str) -> tuple[exp.Expr, frozenset[str]]:
    """The tree, which is never to be changed, and the names of its holes."""
    try:
        tree = parse_one(text, read="duckdb")
    except ParseError as error:
        faults = "; ".join(
            f"{f['description']} (line {f['line']}, column {f['col']})" for f in error.errors
        )
        raise QueryError(f"This SQL cannot be parsed: {faults or error}\n{text}") from error
    # A bracket that begins with a hole is read as an expression that bears another name, without the name.
    tree = tree.transform(_without_no_name, copy=False)
    return _without_places(tree), frozenset(hole.name for hole in tree.find_all(exp.Placeholder))


def _without_places(tree: E) -> E:
    """Without where in the text each part stood, which is copied with every use, and nobody asks."""
    for node in tree.walk():
        node._meta = None
    return tree


def _without_no_name(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Alias) and not node.args.get("alias") else node


@lru_cache(maxsize=256)
def _type(kind: str) -> exp.DataType:
    """The tree, which is never to be changed."""
    return _without_places(exp.DataType.build(kind, dialect="duckdb"))


def cast(value: exp.Expr, kind: str) -> exp.Cast:
    """`CAST(value AS kind)`, where `kind` is a type of DuckDB's, as `decimal(18,4)`."""
    return exp.Cast(this=value, to=_type(kind).copy())


def sql(text: str, **parts: Any) -> exp.Expr:
    """A query or expression tree from `text`, each `:hole` filled with the part of that name.

    Args:
        text: DuckDB SQL. Holes are `:name`; `at` is reserved and cannot be a name. A bare hole cannot be the
            first thing selected (`SELECT :x AS y` reads as an alias): select another column before it, or
            `CAST(:x AS TEXT)`.
        parts: Python values (text, numbers, aware datetimes, dates, None, lists of these) or trees. An empty
            list stands for no value at all: nothing is IN it.

    Raises:
        QueryError: A hole without a part, a part without a hole, or a value without an SQL form
            (naive datetime, NaN, infinity, a decimal or integer too long, broken text, unknown type).
    """
    tree, holes = _parse(text)
    if holes != parts.keys():
        raise QueryError(f"The query needs the parts {sorted(holes)}, got {sorted(parts)}:\n{text}")
    if not parts:
        return tree.copy()
    filled = exp.replace_placeholders(tree, **{name: _node(part) for name, part in parts.items()})
    nothing = any(isinstance(part, Sequence) and not part for part in parts.values())
    return filled.transform(_in_nothing, copy=False) if nothing else filled


def _in_nothing(node: exp.Expr) -> exp.Expr:
    """`x IN ()` is no SQL but on DuckDB."""
    options = node.args.get("field") if isinstance(node, exp.In) else None
    return exp.false() if isinstance(options, exp.Tuple) and not options.expressions else node


def _node(value: Any) -> exp.Expr:
    if isinstance(value, exp.Query):
        return exp.paren(value.copy(), copy=False)
    if isinstance(value, exp.Expr):
        return value.copy()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return exp.Tuple(expressions=[_node(item) for item in value])
    return _literal(value)


def _literal(value: Any) -> exp.Expr:
    if value is None or isinstance(value, bool):
        return exp.convert(value)
    if isinstance(value, str):
        return exp.Literal.string(_text(value))
    if isinstance(value, datetime):
        return cast(exp.Literal.string(_utc(value)), "timestamptz")
    if isinstance(value, date):
        return cast(exp.Literal.string(value.isoformat()), "date")
    if isinstance(value, Decimal):
        return cast(exp.Literal.string(_money(value)), "decimal(18,4)")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise QueryError(f"The number {value} has no SQL form; pass a finite one.")
        return exp.convert(float(value))
    if isinstance(value, int):
        if abs(value) > _INT_MAX:
            raise QueryError("A whole number has more than 63 bits; ids are text, pass them so.")
        return exp.convert(int(value))
    raise QueryError(f"A value of type {type(value).__name__} has no SQL form.")


def _text(value: str) -> str:
    plain = str.__str__(value)  # of an enumeration too, whatever it says of itself
    try:
        plain.encode()
    except UnicodeEncodeError as error:
        raise QueryError(
            "A text holds half a character (a lone surrogate); mend it first."
        ) from error
    return plain


def _utc(value: datetime) -> str:
    if value.tzinfo is None:
        raise QueryError(f"The time {value.isoformat()} has no zone; pass an aware datetime.")
    try:
        return value.astimezone(UTC).isoformat()
    except OverflowError as error:
        raise QueryError(
            f"The time {value.isoformat()} is not within the years 1 to 9999."
        ) from error


def _money(value: Decimal) -> str:
    """The number in full; one that DECIMAL(18,4) would round or cannot hold is refused."""
    if value.is_finite() and (not value or value.adjusted() < _MONEY_DIGITS - _MONEY_PLACES):
        rounded = round(value, _MONEY_PLACES)
        if rounded == value:
            return f"{rounded:f}"
    raise QueryError(
        f"The number {value:.40g} has no SQL form as money: at most {_MONEY_DIGITS - _MONEY_PLACES} digits "
        f"before the point and {_MONEY_PLACES} behind it."
    )


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
