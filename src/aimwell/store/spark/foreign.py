"""Functions of text and numbers that no other engine has quite so: on Spark, DuckDB itself computes them in the workers.

How a text is read as a number, a date or JSON, and how a number is written, differs between engines in a hundred
corners. So these functions are DuckDB's on both engines. They run in Spark's Python processes over batches of Arrow,
and need the same Python environment there as here.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from aimwell.errors import QueryError
from aimwell.store.spark.workers import ARGUMENTS, BATCH
from aimwell.store.sql import column, identifier

__all__ = [
    "Foreign",
    "as_type",
    "first_match",
    "hashed",
    "json_text",
    "likeness",
    "matches",
    "try_as_type",
]

_FIRST, _SECOND = map(column, ARGUMENTS)

# DuckDB's type → Spark's.
_TYPES = {
    "TEXT": "string",
    "VARCHAR": "string",
    "DATE": "date",
    "TIMESTAMPTZ": "timestamp",
    "DOUBLE": "double",
    "BIGINT": "bigint",
    "INT": "int",
}


@dataclass(frozen=True)
class Foreign:
    """A function by its name in queries: the query that computes `result` over a `batch`, and Spark's type of it."""

    name: str
    query: str
    returns: str


def json_text() -> Foreign:
    """The text of what a JSON pointer (`b`) finds in a document (`a`)."""
    value = exp.Anonymous(this="json_extract_string", expressions=[_FIRST.copy(), _SECOND.copy()])
    return Foreign("duckdb_json_text", _query(value), "string")


def likeness(function: str, returns: str) -> Foreign:
    """How alike two texts are; DuckDB's functions count bytes, others letters."""
    value = exp.Anonymous(this=function, expressions=[_FIRST.copy(), _SECOND.copy()])
    return Foreign(f"duckdb_{function}", _query(value), returns)


def first_match() -> Foreign:
    """The first part of a text (`a`) that a regular expression (`b`) matches."""
    value = exp.Anonymous(this="regexp_extract", expressions=[_FIRST.copy(), _SECOND.copy()])
    return Foreign("duckdb_first_match", _query(value), "string")


def matches() -> Foreign:
    """Whether a regular expression (`b`) matches anywhere in a text (`a`)."""
    value = exp.Anonymous(this="regexp_matches", expressions=[_FIRST.copy(), _SECOND.copy()])
    return Foreign("duckdb_matches", _query(value), "boolean")


def hashed() -> Foreign:
    """DuckDB's hash of a value, whose 64 bits have no sign."""
    value = exp.cast(exp.Anonymous(this="hash", expressions=[_FIRST.copy()]), "decimal(20, 0)")
    return Foreign("duckdb_hash", _query(value), "decimal(20,0)")


def as_type(to: exp.DataType) -> Foreign:
    """A value cast to a type; one that does not fit is an error."""
    name, returns = _named(to)
    return Foreign(f"duckdb_{name}", _query(exp.Cast(this=_FIRST.copy(), to=to.copy())), returns)


def try_as_type(to: exp.DataType) -> Foreign:
    """A value cast to a type, null where it does not fit."""
    name, returns = _named(to)
    value = exp.TryCast(this=_FIRST.copy(), to=to.copy())
    return Foreign(f"duckdb_try_{name}", _query(value), returns)


def _named(to: exp.DataType) -> tuple[str, str]:
    """How a type is called in the name of a function, and by Spark."""
    text = to.sql("duckdb")
    if to.is_type("decimal"):
        digits = "_".join(part.name for part in to.expressions)
        return f"decimal_{digits}", text.lower()
    if text not in _TYPES:
        raise QueryError(f"A cast to {text} has no proven form on Spark.")
    return _TYPES[text], _TYPES[text]


def _query(value: exp.Expr) -> str:
    source = exp.Table(this=identifier(BATCH))
    return exp.select(exp.alias_(value, "result")).from_(source).sql("duckdb")
