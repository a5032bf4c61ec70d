"""A query written for DuckDB as text for Spark that gives the same rows.

SQLGlot writes what both engines mean alike. Where the same words mean something else, the tree is mended here, once
for all queries. What is neither known to mean the same nor mended is refused: an error is better than another answer.
Each mending, and each function that is let through, is tried by value on both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import ErrorLevel, exp, parse_one
from sqlglot.errors import UnsupportedError

from aimwell.errors import QueryError
from aimwell.store.spark import foreign
from aimwell.store.spark.foreign import Foreign

__all__ = ["ALIKE", "MENDED", "Rendered", "rendered"]

ALIKE: frozenset[str] = frozenset({
    "Abs", "Add", "And", "Array", "ArrayFilter", "ArrayMax", "Asin", "Avg", "Case", "Ceil", "Coalesce", "Contains", "Cos",
    "Count", "CumeDist", "Exists", "Exp", "Explode", "Greatest", "If", "In", "Lag", "Lead", "Least", "Left",
    "LogicalOr", "Lower", "Max", "MD5", "Min", "Nullif", "Or", "Pi", "Pow", "Radians", "Rank", "Round",
    "RowNumber", "Sin", "Sqrt", "StartsWith", "StddevSamp", "Struct", "Substring", "Sum",
    "TimestampTrunc", "Trim", "Upper",
})  # fmt: skip
"""Functions, by SQLGlot's names, that mean the same on both engines."""

_IN_OTHER_WORDS = frozenset({"from_utc_timestamp", "to_utc_timestamp"})


@dataclass
class Rendered:
    """Spark's text of a query, and the functions of DuckDB that it calls."""

    text: str
    functions: dict[str, Foreign] = field(default_factory=dict)


def rendered(query: exp.Expr) -> Rendered:
    """The query for Spark.

    Raises:
        QueryError: It has something that is not known to give the same on Spark.
    """
    found = Rendered("")
    tree = query.copy()
    # From the leaves up: whoever mends a node finds what stands below it mended. New nodes are not looked at again.
    for node in reversed(list(tree.walk(bfs=False))):
        mended = _mended(node, found.functions)
        if mended is node:
            continue
        if node is tree:
            tree = mended
        else:
            node.replace(mended)
    try:
        # SQLGlot brings each WITH to the top of a query, as older Sparks need it, where two of one name would be one.
        # Of what stands in brackets it does not.
        found.text = exp.Paren(this=tree).sql("spark", unsupported_level=ErrorLevel.RAISE)[1:-1]
    except UnsupportedError as error:
        raise QueryError(f"A query has no form on Spark: {error}") from error
    return found


def _mended(node: exp.Expr, functions: dict[str, Foreign]) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        return _anonymous(node, functions)
    if isinstance(node, exp.JSONExtractScalar):
        return _json_text(node.this, node.expression, functions)
    if isinstance(node, exp.Cast):  # a TryCast is one
        return _cast(node, functions)
    if (kind := _LIKENESS.get(type(node).__name__)) is not None:
        return _foreign(foreign.likeness(*kind), functions, node.this, node.expression)
    if isinstance(node, exp.RegexpLike) and not node.args.get("flag"):
        return _foreign(foreign.matches(), functions, node.this, node.expression)
    if isinstance(node, exp.RegexpExtract):
        return _first_match(node, functions)
    mend = MENDED.get(type(node).__name__)
    if mend is not None:
        return mend(node)
    if isinstance(node, exp.Func) and type(node).__name__ not in ALIKE:
        raise QueryError(f"The function {node.sql('duckdb'):.60} has no proven form on Spark.")
    return node


def _spark(text: str, **parts: exp.Expr) -> exp.Expr:
    """An expression in Spark's own words."""
    return exp.replace_placeholders(
        parse_one(text, read="spark").copy(),
        **{name: exp.paren(part.copy(), copy=False) for name, part in parts.items()},
    )


def _called(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _foreign(
    function: Foreign, functions: dict[str, Foreign], *arguments: exp.Expr
) -> exp.Anonymous:
    functions[function.name] = function
    return _called(function.name, *arguments)


# --- functions that SQLGlot has no name for -----------------------------------------------------------------


def _anonymous(node: exp.Anonymous, functions: dict[str, Foreign]) -> exp.Expr:
    name, arguments = node.name.lower(), node.expressions
    if name == "json_extract_string":
        return _json_text(arguments[0], arguments[1], functions)
    if name == "timezone":
        return _at_zone(*arguments)
    if name == "to_months":
        return _called("make_ym_interval", exp.Literal.number(0), *arguments)
    if name == "epoch_us":
        return _called("unix_micros", *arguments)
    if name == "hash":
        return _foreign(foreign.hashed(), functions, *arguments)
    if name == "damerau_levenshtein":
        return _foreign(foreign.likeness(name, "bigint"), functions, *arguments)
    if name == "list_position":
        place = exp.Nullif(this=_called("array_position", *arguments), expression=exp.convert(0))
        return exp.cast(place, "int")
    if name == "product":
        return _spark(
            "aggregate(collect_list(CAST(:x AS double)), CAST(1 AS double), (a, b) -> a * b)",
            x=arguments[0],
        )
    if name in functions or name in _IN_OTHER_WORDS:
        return node
    raise QueryError(f"The function {name} has no proven form on Spark.")


def _json_text(value: exp.Expr, path: exp.Expr, functions: dict[str, Foreign]) -> exp.Expr:
    if not path.is_string:
        path = exp.Literal.string(path.sql("duckdb").strip("'"))
    return _foreign(foreign.json_text(), functions, value, path)


_LIKENESS = {
    "JarowinklerSimilarity": ("jaro_winkler_similarity", "double"),
    "Levenshtein": ("levenshtein", "bigint"),
}


def _first_match(node: exp.RegexpExtract, functions: dict[str, Foreign]) -> exp.Expr:
    group = node.args.get("group")
    if (group and group.name != "0") or any(
        node.args.get(name) for name in ("parameters", "position")
    ):
        raise QueryError(
            f"{node.sql('duckdb'):.60} has no proven form on Spark; a whole match has."
        )
    return _foreign(foreign.first_match(), functions, node.this, node.expression)


def _at_zone(zone: exp.Expr, time: exp.Expr) -> exp.Expr:
    """The local time of a moment, or the moment of a local time.

    Spark's session is in UTC, so a local time is the moment that bears its digits there. Which of both an argument is
    can be read off: a local time was made by the same function.
    """
    local = any(
        called.name == "from_utc_timestamp" for called in time.find_all(exp.Anonymous, bfs=False)
    )
    return _called("to_utc_timestamp" if local else "from_utc_timestamp", time, zone)


# --- casts --------------------------------------------------------------------------------------------------

_WHOLE = (exp.Count, exp.IntDiv, exp.Window)


def _cast(node: exp.Cast, functions: dict[str, Foreign]) -> exp.Expr:
    value, to = node.this, node.to
    if isinstance(node, exp.TryCast):
        return _foreign(foreign.try_as_type(to), functions, value)
    if isinstance(value, exp.Null | exp.Literal | exp.Boolean):
        return node
    if isinstance(value, exp.Explode):
        # Spark takes rows out of a list only where nothing stands around it.
        lists = exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[to], nested=True)
        return exp.Explode(this=exp.Cast(this=value.this, to=lists))
    if to.is_type("bigint", "int"):
        if isinstance(value, exp.DPipe) and value.this.is_string and value.this.name == "0x":
            digits = _called("conv", value.expression, exp.convert(16), exp.convert(10))
            return exp.cast(digits, "bigint")
        return node if _is_whole(value) else _foreign(foreign.as_type(to), functions, value)
    if to.is_type("text", "varchar", "decimal"):
        return _foreign(foreign.as_type(to), functions, value)
    return node


def _is_whole(value: exp.Expr) -> bool:
    return isinstance(value, _WHOLE) or (isinstance(value, exp.Cast) and value.is_type("bigint"))


# --- words that mean something else -------------------------------------------------------------------------


def _division(node: exp.Expr) -> exp.Expr:
    """Always of doubles: Spark divides decimals as decimals. By nothing it is infinite, or no number for nothing."""
    a, b = node.this, node.expression
    if b.is_number and float(b.name):
        return _spark("CAST(:a AS double) / CAST(:b AS double)", a=a, b=b)
    return exp.paren(
        _spark(
            "CASE WHEN :b = 0 THEN CAST(:a AS double) * CAST('Infinity' AS double) "
            "ELSE CAST(:a AS double) / CAST(:b AS double) END",
            a=a,
            b=b,
        ),
        copy=False,
    )


def _logarithm(node: exp.Expr) -> exp.Expr:
    """Spark has none of what is not above nothing."""
    value = node.this if isinstance(node, exp.Ln) else node.expression
    if value is None:
        raise QueryError(f"{node.sql('duckdb'):.60} has no proven form on Spark; name the base.")
    return _spark(
        "CASE WHEN :x > 0 THEN :whole WHEN :x = 0 THEN CAST('-Infinity' AS double) "
        "WHEN :x < 0 THEN CAST('NaN' AS double) END",
        x=value,
        whole=node,
    )


def _overlap(node: exp.Expr) -> exp.Expr:
    """To Spark nulls might be equal."""
    return _spark(
        "arrays_overlap(array_compact(:a), array_compact(:b))", a=node.this, b=node.expression
    )


def _seconds(node: exp.Expr) -> exp.Expr:
    """With their fraction."""
    return exp.paren(_spark("CAST(UNIX_MICROS(:x) AS double) / 1000000", x=node.this))


def _days_between(node: exp.Expr) -> exp.Expr:
    """Midnights between; `b - a` in days."""
    unit = node.args.get("unit")
    if unit is None or unit.name.upper() != "DAY":
        raise QueryError(f"{node.sql('duckdb'):.60} has no proven form on Spark; only days have.")
    days = _called("datediff", exp.cast(node.this, "date"), exp.cast(node.expression, "date"))
    return exp.cast(days, "bigint")


def _weekday(node: exp.Expr) -> exp.Expr:
    """Monday is 1."""
    return exp.cast(_spark("weekday(:x) + 1", x=node.this), "bigint")


def _date(node: exp.Expr) -> exp.Expr:
    """Of numbers of 32 bits."""
    return _called(
        "make_date", *(exp.cast(node.args[part].copy(), "int") for part in ("year", "month", "day"))
    )


def _long(node: exp.Expr) -> exp.Expr:
    """Of 64 bits; Spark's has 32."""
    return exp.cast(node.copy(), "bigint")


def _sign(node: exp.Expr) -> exp.Expr:
    """A whole number."""
    return exp.cast(node.copy(), "tinyint")


def _window(node: exp.Expr) -> exp.Expr:
    """Numbers of rows have 64 bits."""
    return _long(node) if isinstance(node.this, exp.RowNumber | exp.Rank) else node


def _extreme(node: exp.Expr) -> exp.Expr:
    """DuckDB passes over rows without a value, and holds null in a tuple for greater than anything."""
    name = "max_by" if isinstance(node, exp.ArgMax) else "min_by"
    value, by = node.this, node.expression
    parts = by.expressions if isinstance(by, exp.Tuple) else [by]
    found: exp.Expr = by
    if isinstance(by, exp.Tuple):
        keys = [key for part in parts for key in (exp.paren(_is_null(part)), part)]
        found = _called("struct", *keys)
    call = _called(name, value, found)
    if isinstance(value, exp.Struct):
        return call
    there = exp.Where(this=exp.not_(_is_null(value)))
    return exp.Filter(this=call, expression=there)


def _is_null(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=exp.paren(value.copy()), expression=exp.null())


def _filter(node: exp.Expr) -> exp.Expr:
    """Of two filters, one in the other, one."""
    inner = node.this
    if not isinstance(inner, exp.Filter):
        return node
    both = exp.and_(inner.expression.this, node.expression.this)
    return exp.Filter(this=inner.this, expression=exp.Where(this=both))


def _select(node: exp.Expr) -> exp.Expr:
    """`* REPLACE (x AS a)` as `* EXCEPT (a), x AS a`: the column comes last, where columns are read by their names."""
    columns: list[exp.Expr] = []
    for one in node.expressions:
        star = one.this if isinstance(one, exp.Column) else one
        replaced = star.args.get("replace") if isinstance(star, exp.Star) else None
        columns.append(one)
        if replaced:
            star.set("replace", None)
            star.set("except_", [exp.to_identifier(new.alias) for new in replaced])
            columns.extend(new.copy() for new in replaced)
    node.set("expressions", columns)
    return node


MENDED: Mapping[str, Callable[[exp.Expr], exp.Expr]] = {
    "ArgMax": _extreme,
    "ArgMin": _extreme,
    "ArrayOverlaps": _overlap,
    "DateFromParts": _date,
    "DateDiff": _days_between,
    "Day": _long,
    "DayOfWeekIso": _weekday,
    "DayOfYear": _long,
    "Div": _division,
    "Filter": _filter,
    "Hour": _long,
    "Length": _long,
    "Ln": _logarithm,
    "Log": _logarithm,
    "Month": _long,
    "Select": _select,
    "Sign": _sign,
    "TimeToUnix": _seconds,
    "Window": _window,
    "Year": _long,
}
"""By SQLGlot's names of nodes: what is said otherwise on Spark."""
