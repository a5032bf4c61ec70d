"""Expressions in source definitions: a small, safe part of SQL over the columns of one row.

`CASE WHEN InvoiceNo LIKE 'C%' THEN 'return' ELSE 'sale' END` is allowed; whatever reads something else than the
row (queries, files, the environment, aggregates over rows) is not. An expression is checked node by node
against the list below, so what is not known to be harmless is refused.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

__all__ = ["Expression", "column_parts", "parse_expression"]

_LENGTH_MAX = 2_000

_NODES: tuple[type[exp.Expr], ...] = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Tuple),
    *(exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DPipe),
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is),
    *(exp.In, exp.Between, exp.Like, exp.ILike, exp.Case, exp.If),
    *(exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam),
)
_FUNCTIONS: dict[type[exp.Expr], str] = {
    exp.Coalesce: "coalesce",
    exp.Nullif: "nullif",
    exp.Greatest: "greatest",
    exp.Least: "least",
    exp.Lower: "lower",
    exp.Upper: "upper",
    exp.Trim: "trim",
    exp.Left: "left",
    exp.Right: "right",
    exp.Substring: "substring",
    exp.Replace: "replace",
    exp.SplitPart: "split_part",
    exp.Length: "length",
    exp.Concat: "concat",
    exp.Pad: "lpad",
    exp.StartsWith: "starts_with",
    exp.EndsWith: "ends_with",
    exp.Contains: "contains",
    exp.RegexpLike: "regexp_matches",
    exp.RegexpReplace: "regexp_replace",
    exp.RegexpExtract: "regexp_extract",
    exp.Abs: "abs",
    exp.Round: "round",
    exp.Floor: "floor",
    exp.Ceil: "ceil",
    exp.StrToTime: "strptime",
}
_NAMED = {
    *("try_strptime", "to_days", "to_hours", "to_minutes", "to_seconds", "to_milliseconds"),
}
_TYPES = {
    *(exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.BOOLEAN),
    *(exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.INT128),
    *(exp.DType.FLOAT, exp.DType.DOUBLE, exp.DType.DECIMAL),
    *(exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ),
}
_PATTERNS = (exp.RegexpLike, exp.RegexpReplace, exp.RegexpExtract)
_ALLOWED = (
    "columns, numbers, texts in single quotes, + - * / % ||, comparisons, AND OR NOT, IN, BETWEEN, LIKE, IS "
    f"NULL, CASE, CAST, and the functions {', '.join(sorted({*_FUNCTIONS.values(), *_NAMED}))}"
)


def parse_expression(text: str) -> exp.Expr:
    """The checked tree of an expression.

    Raises:
        ValueError: It cannot be read or holds something that is not allowed; says what and what is.
    """
    if len(text) > _LENGTH_MAX:
        raise ValueError(f"an expression has at most {_LENGTH_MAX} characters")
    try:
        tree = parse_one(text, read="duckdb").transform(_plainer)
        for node in tree.walk():
            node.pop_comments()
            _check(node)
    except SqlglotError as error:
        told = str(error).split(".")[0].split("\n")[0]
        raise ValueError(f"this expression cannot be read ({told})") from None
    except RecursionError:
        raise ValueError("this expression is nested too deeply") from None
    return tree


def _plainer(node: exp.Expr) -> exp.Expr:
    """The node as it is compiled: `to_days` like its kin; a name of more than four keys as one column, of whose
    keys all but the last are joined by dots."""
    if isinstance(node, exp.ToDays):
        return exp.Anonymous(this="to_days", expressions=[node.this])
    if not isinstance(node, exp.Dot):
        return node
    parts = list(node.flatten())
    if not all(isinstance(part, exp.Identifier | exp.Column) for part in parts):
        return node
    names = [
        name
        for part in parts
        for name in (column_parts(part) if isinstance(part, exp.Column) else (part.name,))
    ]
    return exp.Column(
        this=exp.to_identifier(names[-1], quoted=True),
        table=exp.to_identifier(".".join(names[:-1]), quoted=True),
    )


def column_parts(column: exp.Column) -> tuple[str, ...]:
    """The names of a column as written: ('Country',), or ('value', 'offer id') for `value."offer id"`."""
    return tuple(part.name for part in column.parts)


def _check(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous):
        if node.name.lower() not in _NAMED:
            raise ValueError(f"the function {node.name} is not allowed. Allowed: {_ALLOWED}")
    elif isinstance(node, exp.DataType):
        if node.this not in _TYPES:
            raise ValueError(
                f"the type {node.sql('duckdb')} is not allowed. Allowed: VARCHAR, BOOLEAN, INTEGER, BIGINT, "
                "DOUBLE, DECIMAL, DATE, TIMESTAMP, TIMESTAMPTZ"
            )
    elif type(node) not in _NODES and type(node) not in _FUNCTIONS:
        raise ValueError(f"{_named(node)} is not allowed here. Allowed: {_ALLOWED}")
    if isinstance(node, exp.In) and not node.expressions:
        raise ValueError("IN needs a list of values, as x IN ('a', 'b')")
    if isinstance(node, exp.Tuple) and not isinstance(node.parent, exp.In):
        raise ValueError("a list of values is allowed after IN only")
    if isinstance(node, _PATTERNS):
        _check_pattern(node.expression)


def _named(node: exp.Expr) -> str:
    return "a query" if isinstance(node, exp.Query) else f"'{node.sql('duckdb'):.40}'"


def _check_pattern(pattern: exp.Expr | None) -> None:
    if not isinstance(pattern, exp.Literal):
        raise ValueError("a pattern must be a text in single quotes")
    try:
        re.compile(pattern.name)
    except re.error as error:
        raise ValueError(f"the pattern '{pattern.name}' is wrong: {error}") from None


def _checked(text: str) -> str:
    parse_expression(text)
    return text


Expression = Annotated[str, Field(min_length=1), AfterValidator(_checked)]
"""An expression over the columns of a row, checked; kept as text."""
