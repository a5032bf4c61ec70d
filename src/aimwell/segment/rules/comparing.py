"""Comparisons of a rule as SQL: numbers as numbers, dates as dates, everything else as text.

What somebody typed becomes a literal or an element of a JSON pointer, never text of a query.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlglot import exp

from aimwell.definitions.conditions import Condition, OptionalLimits, Scalar, parse_moment
from aimwell.definitions.leaves.event_fields import property_keys
from aimwell.store.sql import column, sql

__all__ = [
    "NUMBER_FIELDS",
    "compare_number",
    "compare_text",
    "field_number",
    "field_text",
    "limits",
    "number_tests",
]

NUMBER_FIELDS = ("revenue", "quantity", "discount")
"""Typed columns that hold numbers; the others hold text."""

_LIMITS = {"above": ">", "below": "<", "at_least": ">=", "at_most": "<="}


def field_text(field: str, table: str | None = None) -> exp.Expr:
    """A typed column, or a property as text."""
    keys = property_keys(field)
    if keys is None:
        return column(field, table)
    # A JSON pointer knows two special characters, each with an escape; whatever else stands for itself.
    pointer = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
    arguments: list[exp.Expr] = [column("properties", table), exp.Literal.string(pointer)]
    return exp.Anonymous(this="json_extract_string", expressions=arguments)


def field_number(field: str, table: str | None = None) -> exp.Expr:
    """A typed column of numbers, or a property as a number (null where it is none)."""
    if field in NUMBER_FIELDS:
        return column(field, table)
    return sql("CAST(:number AS double)", number=_as_number(field_text(field, table)))


def _as_number(value: exp.Expr) -> exp.Expr:
    # Decimal and not double: '19.99' is then exactly 19.99, a long id keeps its digits, and 'nan' is no number.
    return sql("TRY_CAST(:value AS decimal(38, 10))", value=value)


def compare_text(value: exp.Expr, condition: Condition) -> list[exp.Expr]:
    """What must hold for a value that is stored as text (a trait, a property, a text column)."""
    tests: list[exp.Expr] = []
    if condition.is_ is not None:
        tests.append(_equals_any(value, [condition.is_]))
    if condition.in_ is not None:
        tests.append(_equals_any(value, condition.in_))
    for symbol, bound in limits(condition):
        tests.append(_beyond(value, symbol, bound))
    if condition.exists is not None:
        word = "IS NOT NULL" if condition.exists else "IS NULL"
        tests.append(sql(f":value {word}", value=value))
    return tests


def compare_number(value: exp.Expr, condition: Condition) -> list[exp.Expr]:
    """What must hold for a value that is stored as a number; the document has numbers only."""
    tests: list[exp.Expr] = []
    for wanted in (None if condition.is_ is None else [condition.is_], condition.in_):
        if wanted is not None:
            tests.append(sql(":value IN :wanted", value=value, wanted=list(wanted)))
    tests.extend(
        _compared(value, symbol, exp.convert(bound)) for symbol, bound in limits(condition)
    )
    if condition.exists is not None:
        word = "IS NOT NULL" if condition.exists else "IS NULL"
        tests.append(sql(f":value {word}", value=value))
    return tests


def number_tests(
    value: exp.Expr, limited: OptionalLimits, *, times: exp.Expr | None = None
) -> list[exp.Expr]:
    """What must hold for a number within limits; with `times` the limits are taken so many times."""
    return [
        _compared(
            value,
            symbol,
            sql(":bound * :times", bound=bound, times=times) if times else exp.convert(bound),
        )
        for symbol, bound in limits(limited)
    ]


def limits(condition: Condition | OptionalLimits) -> list[tuple[str, Any]]:
    """(comparison symbol, bound) of every limit, `between` as two."""
    found = [
        (symbol, getattr(condition, name))
        for name, symbol in _LIMITS.items()
        if getattr(condition, name) is not None
    ]
    if condition.between is not None:
        found += [(">=", condition.between[0]), ("<=", condition.between[1])]
    return found


def _compared(value: exp.Expr, symbol: str, bound: exp.Expr) -> exp.Expr:
    return sql(f":value {symbol} :bound", value=value, bound=bound)


def _equals_any(value: exp.Expr, wanted: Sequence[Scalar]) -> exp.Expr:
    words = [one for one in wanted if isinstance(one, str)]
    answers = ["true" if one else "false" for one in wanted if isinstance(one, bool)]
    numbers = [one for one in wanted if isinstance(one, int | float) and not isinstance(one, bool)]
    tests: list[exp.Expr] = []
    if words:
        tests.append(sql(":value IN :words", value=value, words=words))
    if answers:
        tests.append(sql("lower(:value) IN :answers", value=value, answers=answers))
    if numbers:
        tests.append(sql(":value IN :numbers", value=_as_number(value), numbers=numbers))
    return exp.paren(exp.or_(*tests)) if len(tests) > 1 else tests[0]


def _beyond(value: exp.Expr, symbol: str, bound: Any) -> exp.Expr:
    if not isinstance(bound, str):
        return _compared(_as_number(value), symbol, exp.convert(bound))
    moment: date | datetime = parse_moment(bound)
    kind = "timestamptz" if isinstance(moment, datetime) else "date"
    # A date begins with a digit: engines take words such as 'infinity' for dates, too.
    return sql(
        f"substr(:value, 1, 1) BETWEEN '0' AND '9' AND TRY_CAST(:value AS {kind}) {symbol} :bound",
        value=value,
        bound=moment,
    )
