"""JSON lines in another shape: lists of {key, value} as objects, and a row for each element of a list."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from aimwell.store.sql import sql

__all__ = ["shaped_json"]

_VALUES = ("string_value", "int_value", "float_value", "double_value")


def shaped_json(lines: exp.Query, key_values: Sequence[str], explode: str | None) -> exp.Query:
    """The lines (`bad`, `c0`) with the lists of `key_values` as objects, and `explode` as one element a row.

    Args:
        lines: JSON lines; those that are bad stay as they are.
        key_values: Keys (joined by dots) of lists as [{"key": "page", "value": {"string_value": "home"}}].
        explode: Keys (joined by dots) of the list that is taken apart; lines without it give no row.
    """
    for name in key_values:
        lines = _with(lines, name, _as_object(name))
    if explode is None:
        return lines
    apart = sql(
        """
        SELECT bad, c0, unnest(CASE WHEN bad IS NULL THEN json_extract(c0, :elements) ELSE [NULL] END) AS one
        FROM :lines AS l
        """,
        elements=f"{_path(explode)}[*]",
        lines=exp.paren(lines),
    )
    changed = sql("json_merge_patch(c0, :patch)", patch=_patch(explode, sql("one")))
    rows = sql(
        "SELECT bad, CASE WHEN bad IS NULL THEN CAST(:changed AS varchar) ELSE c0 END AS c0 FROM :apart AS a",
        changed=changed,
        apart=exp.paren(apart),
    )
    assert isinstance(rows, exp.Query)  # noqa: S101 - it is a SELECT
    return rows


def _with(lines: exp.Query, name: str, value: exp.Expr) -> exp.Query:
    """The lines with another value under a name."""
    # A list is replaced as a whole: first taken away, as an object would be merged into nothing else.
    patched = sql(
        "json_merge_patch(c0, :away, :patch)",
        away=_patch(name, exp.null()),
        patch=_patch(name, value),
    )
    rows = sql(
        """
        SELECT bad, CASE WHEN bad IS NULL AND json_type(c0, :path) = 'ARRAY' THEN CAST(:patched AS varchar)
                         ELSE c0 END AS c0
        FROM :lines AS l
        """,
        path=_path(name),
        patched=patched,
        lines=exp.paren(lines),
    )
    assert isinstance(rows, exp.Query)  # noqa: S101 - it is a SELECT
    return rows


def _as_object(name: str) -> exp.Expr:
    """The object of a list of keys and values, as JSON."""
    values = [
        sql("nullif(CAST(:x AS varchar), 'null')", x=_extract("e", f"$.value.{kind}"))
        for kind in _VALUES
    ]
    plain = sql("CAST(:x AS varchar)", x=_extract("e", "$.value"))
    value = exp.Coalesce(this=values[0], expressions=[*values[1:], plain])
    pair = sql("CAST(:key AS varchar) || ':' || :value", key=_extract("e", "$.key"), value=value)
    return sql(
        """
        json('{' || coalesce(list_aggregate(
          list_transform(:elements, lambda e: :pair), 'string_agg', ','), '') || '}')
        """,
        elements=_extract("c0", f"{_path(name)}[*]"),
        pair=pair,
    )


def _extract(name: str, path: str) -> exp.Expr:
    """What a column holds at a path; by the function's name, as an arrow would be read as a lambda here."""
    return exp.Anonymous(
        this="json_extract", expressions=[exp.column(name), exp.Literal.string(path)]
    )


def _path(name: str) -> str:
    """The JSON path of keys joined by dots."""
    return "$" + "".join('."' + key.replace('"', '\\"') + '"' for key in name.split("."))


def _patch(name: str, value: exp.Expr) -> exp.Expr:
    """An object that holds `value` under keys joined by dots."""
    whole = value
    for key in reversed(name.split(".")):
        whole = exp.Anonymous(this="json_object", expressions=[exp.Literal.string(key), whole])
    return whole
