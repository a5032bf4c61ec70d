"""Compiles a source's expressions: columns are text, so operands are cast as their neighbours need them.

`Quantity * UnitPrice` means numbers, `CustomerID || '-x'` text. A text that is no number becomes null there; no
value in a file can make a query fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sqlglot import exp

from aimwell.definitions.source_expressions import column_parts, parse_expression
from aimwell.store.sql import sql

__all__ = ["Typed", "compile_expression", "compile_text"]

Kind = Literal["text", "number", "boolean", "time", "interval", "any"]
Typed = tuple[exp.Expr, Kind]
Resolve = Callable[[tuple[str, ...]], exp.Expr | Typed]

_NUMBERS = {
    *(exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.INT128),
    *(exp.DType.FLOAT, exp.DType.DOUBLE, exp.DType.DECIMAL),
}
_TIMES = {exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ}
_ARITHMETIC = (exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Abs, exp.Floor, exp.Ceil, exp.Round)
_COMPARE = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_CHOICES = (exp.Coalesce, exp.Nullif)
_RISKY: tuple[type[exp.Expr], ...] = (
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Mod,
    exp.Neg,
    exp.Abs,
    exp.Round,
    exp.Anonymous,
)
_RISKY += (exp.Pad, exp.Floor, exp.Ceil)
_YES_NO = (exp.StartsWith, exp.EndsWith, exp.Contains, exp.RegexpLike, exp.Like, exp.ILike)


def compile_expression(text: str, resolve: Resolve) -> exp.Expr:
    """The expression over the engine's columns; `resolve` finds each column by the names written, a text
    unless it says of what kind it is."""
    tree, _kind = _typed(parse_expression(text), resolve)
    # Overflow is no reason to stop a load; the value is missing then. Choices and texts cannot overflow, and
    # are computed faster as they are.
    return exp.Try(this=tree) if any(tree.find_all(*_RISKY)) else tree


def compile_text(text: str, resolve: Resolve) -> exp.Expr:
    """The same as text."""
    return sql("CAST(:value AS varchar)", value=compile_expression(text, resolve))


def _typed(node: exp.Expr, resolve: Resolve) -> Typed:
    """The node with its operands cast, and the kind of its value."""
    if isinstance(node, exp.Column):
        found = resolve(column_parts(node))
        return found if isinstance(found, tuple) else (found, "text")
    if isinstance(node, exp.Literal):
        return node.copy(), "text" if node.is_string else "number"
    if isinstance(node, exp.Boolean):
        return node.copy(), "boolean"
    if isinstance(node, exp.Null):
        return node.copy(), "any"
    if isinstance(node, exp.Paren):
        inner, kind = _typed(node.this, resolve)
        return exp.Paren(this=inner), kind
    if isinstance(node, exp.Cast):  # and TryCast
        return _cast(node, resolve)
    if isinstance(node, exp.Case):
        return _case(node, resolve)
    if isinstance(node, exp.In):
        return _in(node, resolve)
    if isinstance(node, exp.Between):
        parts = [_typed(node.args[name], resolve) for name in ("this", "low", "high")]
        this, low, high = _alike(parts)
        return exp.Between(this=this, low=low, high=high), "boolean"
    return _operation(node, resolve)


def _operation(node: exp.Expr, resolve: Resolve) -> Typed:
    if isinstance(node, exp.And | exp.Or | exp.Not):
        return _rebuilt(node, resolve, "boolean"), "boolean"
    if isinstance(node, exp.Add | exp.Sub):
        return _sum(node, resolve)
    if isinstance(node, _ARITHMETIC):
        return _rebuilt(node, resolve, "number"), "number"
    if isinstance(node, exp.IntDiv):
        parts = _rebuilt(node, resolve, "number")
        return exp.Floor(this=exp.Div(this=parts.this, expression=parts.expression)), "number"
    if isinstance(node, exp.Greatest | exp.Least):
        typed = [_typed(part, resolve) for part in [node.this, *node.expressions]]
        kind: Kind = "time" if "time" in {part[1] for part in typed} else "number"
        values = [_as(part, kind) for part in typed]
        return type(node)(this=values[0], expressions=values[1:]), kind
    if isinstance(node, _COMPARE):
        left, right = _alike([_typed(node.this, resolve), _typed(node.expression, resolve)])
        return type(node)(this=left, expression=right), "boolean"
    if isinstance(node, exp.Is):
        return exp.Is(
            this=_typed(node.this, resolve)[0], expression=node.expression.copy()
        ), "boolean"
    if isinstance(node, _CHOICES):
        return _choice(node, resolve)
    if isinstance(node, exp.StrToTime) or _is_named(node, "try_strptime"):
        return _parsed_time(node, resolve), "time"
    if isinstance(node, exp.Anonymous):  # to_hours and its kin
        [amount] = node.expressions
        whole = sql("TRY_CAST(:value AS bigint)", value=_as(_typed(amount, resolve), "number"))
        return exp.Anonymous(this=node.name.lower(), expressions=[whole]), "interval"
    if isinstance(node, _YES_NO):
        return _rebuilt(node, resolve, "text"), "boolean"
    if isinstance(node, exp.Length):
        return _rebuilt(node, resolve, "text"), "number"
    return _rebuilt(node, resolve, "text"), "text"


def _is_named(node: exp.Expr, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == name


def _rebuilt(node: exp.Expr, resolve: Resolve, kind: Kind) -> exp.Expr:
    """The node with each operand of that kind; numbers that say where or how many stay numbers."""
    tree = node.copy()
    for name, value in list(tree.args.items()):
        if isinstance(value, exp.Expr):
            tree.set(name, _operand(value, resolve, kind))
        elif isinstance(value, list):
            tree.set(name, [_operand(item, resolve, kind) for item in value])
    return tree


def _operand(value: exp.Expr, resolve: Resolve, kind: Kind) -> exp.Expr:
    typed = _typed(value, resolve)
    if kind == "text" and typed[1] == "number" and isinstance(value, exp.Literal | exp.Neg):
        return typed[0]
    return _as(typed, kind)


def _as(typed: Typed, kind: Kind) -> exp.Expr:
    tree, found = typed
    if found in (kind, "any"):
        return tree
    if kind == "number":
        return sql("TRY_CAST(:value AS double)", value=tree)
    if kind == "boolean":
        return sql("TRY_CAST(:value AS boolean)", value=tree)
    if kind == "time":
        return sql("TRY_CAST(:value AS timestamp)", value=tree)
    return sql("CAST(:value AS varchar)", value=tree)


def _alike(parts: list[Typed]) -> list[exp.Expr]:
    """The operands of a comparison, as the most particular of their kinds."""
    kinds = {kind for _, kind in parts}
    common: Kind = next((k for k in ("time", "number", "boolean") if k in kinds), "text")
    return [_as(part, common) for part in parts]


def _sum(node: exp.Add | exp.Sub, resolve: Resolve) -> Typed:
    left, right = _typed(node.this, resolve), _typed(node.expression, resolve)
    kinds = {left[1], right[1]}
    if "interval" in kinds:
        moved = [part[0] if part[1] == "interval" else _as(part, "time") for part in (left, right)]
        return type(node)(this=moved[0], expression=moved[1]), "time"
    numbers = [_as(part, "number") for part in (left, right)]
    return type(node)(this=numbers[0], expression=numbers[1]), "number"


def _cast(node: exp.Cast, resolve: Resolve) -> Typed:
    to = node.to
    kind: Kind = (
        "number"
        if to.this in _NUMBERS
        else "time"
        if to.this in _TIMES
        else "boolean"
        if to.this == exp.DType.BOOLEAN
        else "text"
    )
    return exp.TryCast(this=_typed(node.this, resolve)[0], to=to.copy()), kind


def _case(node: exp.Case, resolve: Resolve) -> Typed:
    subject = _typed(node.this, resolve) if node.this else None
    conditions: list[exp.Expr] = []
    results: list[Typed] = []
    for branch in node.args["ifs"]:
        test = _typed(branch.this, resolve)
        if subject is None:
            conditions.append(_as(test, "boolean"))
        else:
            left, right = _alike([subject, test])
            conditions.append(exp.EQ(this=left, expression=right))
        results.append(_typed(branch.args["true"], resolve))
    default = node.args.get("default")
    if default is not None:
        results.append(_typed(default, resolve))
    values, kind = _one_kind(results)
    ifs = [
        exp.If(this=condition, true=value)
        for condition, value in zip(conditions, values, strict=False)
    ]
    return exp.Case(ifs=ifs, default=values[-1] if default is not None else None), kind


def _one_kind(parts: list[Typed]) -> tuple[list[exp.Expr], Kind]:
    """Values between which one is chosen: of their common kind, else text."""
    kinds = {kind for _, kind in parts} - {"any"}
    kind: Kind = kinds.pop() if len(kinds) == 1 else "text"
    return [_as(part, kind) for part in parts], kind


def _choice(node: exp.Expr, resolve: Resolve) -> Typed:
    rest = node.expressions or [node.expression]
    values, kind = _one_kind([_typed(part, resolve) for part in [node.this, *rest]])
    if isinstance(node, exp.Nullif):
        return exp.Nullif(this=values[0], expression=values[1]), kind
    return type(node)(this=values[0], expressions=values[1:]), kind


def _in(node: exp.In, resolve: Resolve) -> Typed:
    values = _alike([_typed(part, resolve) for part in [node.this, *node.expressions]])
    return exp.In(this=values[0], expressions=values[1:]), "boolean"


def _parsed_time(node: exp.Expr, resolve: Resolve) -> exp.Expr:
    """`strptime` that gives null where the text has another form. The pattern must be a text."""
    if isinstance(node, exp.Anonymous):
        value, pattern = node.expressions
    else:
        value, pattern = node.this, node.args["format"]
    text = _as(_typed(value, resolve), "text")
    return exp.Anonymous(this="try_strptime", expressions=[text, pattern.copy()])
