"""What the values of a column tell about their form: of dates, decimal marks, and ids that lost their shape.

A decision is made for a column as a whole, from all its values, and never by guess: where day and month could
be either, the form must be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from aimwell.collect.date_forms import DATE_FORMS, DAY_MONTH, TIME_FORMS, day_month_forms
from aimwell.collect.fields import TargetField
from aimwell.definitions.kinds.source import Source
from aimwell.errors import MappingError
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql

__all__ = ["ISO", "OFFSET", "Evidence", "NumberForm", "TimeForm", "weigh"]

ISO = r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?"
"""A date or time without an offset, year first."""

OFFSET = (
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
    r" ?(Z|z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?)"
)
"""A time with its offset from UTC."""

_EXAMPLES_MAX = 60


@dataclass(frozen=True)
class TimeForm:
    """How a column of times is read: forms in turn. `plain`: every value is ISO without an offset.

    `ambiguous` is True where some dates put the day first and some the month, so that those which could be
    either are set aside.
    """

    forms: tuple[str, ...] = ("iso",)
    plain: bool = False
    ambiguous: bool = False


@dataclass(frozen=True)
class NumberForm:
    """How a column of numbers is read. `plain`: every value is digits with a point."""

    decimal: Literal[".", ","] = "."
    plain: bool = False


@dataclass(frozen=True)
class Evidence:
    """Field name → form; `whole` are ids that a spreadsheet wrote as `17850.0`; `missing` counts empty values."""

    times: dict[str, TimeForm]
    numbers: dict[str, NumberForm]
    whole: frozenset[str]
    missing: dict[str, int]
    rows: int
    warnings: tuple[str, ...]


def weigh(session: Session, texts: str, fields: Sequence[TargetField], source: Source) -> Evidence:
    """Look at all values of the view `texts` (a text column for each field).

    Raises:
        MappingError: The dates of a column could be day first or month first.
    """
    counts = _count(session, texts, fields)
    times: dict[str, TimeForm] = {}
    numbers: dict[str, NumberForm] = {}
    warnings: list[str] = []
    for field in fields:
        values, plain = counts[field.name]
        if field.kind == "time":
            times[field.name] = _time_form(
                session, texts, field, source, all_plain=values == plain, warnings=warnings
            )
        elif field.kind == "number":
            numbers[field.name] = (
                NumberForm(plain=True)
                if values == plain and source.decimal != ","
                else _number_form(session, texts, field, source)
            )
    whole = {
        f.name for f in fields if f.kind == "id" and counts[f.name][0] == counts[f.name][1] > 0
    }
    rows = counts[""][0]
    return Evidence(
        times,
        numbers,
        frozenset(whole),
        {f.name: rows - counts[f.name][0] for f in fields},
        rows,
        tuple(warnings),
    )


def _is_plain(field: TargetField) -> exp.Expr:
    """Whether a value has the plain form of its kind (ids: the form that a spreadsheet gave them)."""
    x = column(field.name)
    if field.kind == "time":
        return sql(
            "regexp_full_match(:x, :iso) AND TRY_CAST(:x AS timestamp) IS NOT NULL", x=x, iso=ISO
        )
    if field.kind == "number":
        return sql("TRY_CAST(:x AS decimal(18, 4)) IS NOT NULL", x=x)
    if field.kind == "id":
        return sql(":x LIKE '%.0' AND regexp_full_match(:x, '[0-9]+[.]0')", x=x)
    return sql("FALSE")


def _count(
    session: Session, texts: str, fields: Sequence[TargetField]
) -> dict[str, tuple[int, int]]:
    """Field → how many values it has, and how many have the plain form of its kind; '' → rows."""
    columns: list[exp.Expr] = [sql("count(*)")]
    for field in fields:
        columns.append(sql("count(:x)", x=column(field.name)))
        columns.append(sql("count(*) FILTER (WHERE :test)", test=_is_plain(field)))
    [row] = session.rows(exp.select(*columns).from_(exp.to_table(texts)))
    pairs = zip(row[1::2], row[2::2], strict=True)
    return {"": (row[0], 0)} | {f.name: pair for f, pair in zip(fields, pairs, strict=True)}


def _time_form(
    session: Session,
    texts: str,
    field: TargetField,
    source: Source,
    *,
    all_plain: bool,
    warnings: list[str],
) -> TimeForm:
    if source.dates:
        return TimeForm(source.dates)
    if all_plain:
        return TimeForm(plain=True)
    shapes = _shapes(session, texts, field.name)
    forms = _forms_that_fit(session, [example for shape in shapes for example in shape.examples])
    if any(shape.short_year for shape in shapes):
        raise MappingError(
            f"{field.name} ('{field.value}') has dates whose year has two digits. Say their form, as "
            "dates: ['%d/%m/%y'].",
            field=field.name,
        )
    if {"epoch", "epoch_ms"} & set(forms):
        warnings.append(f"{field.name}: numbers are read as seconds (or milliseconds) since 1970")
    slashed, ambiguous = _day_or_month(session, texts, field)
    return TimeForm(("iso", *forms, *slashed), ambiguous=ambiguous)


@dataclass(frozen=True)
class _Shape:
    """Values that look alike: each digit a 9, each word an a."""

    shape: str
    examples: tuple[str, ...]

    @property
    def short_year(self) -> bool:
        head = self.shape.split(" ")[0]
        return head in {f"{d}{s}{m}{s}99" for d in ("9", "99") for m in ("9", "99") for s in "/-."}


def _shapes(session: Session, texts: str, name: str) -> list[_Shape]:
    """The shapes of values that are not ISO, the most frequent first."""
    rows = session.rows(
        sql(
            """
            SELECT regexp_replace(regexp_replace(:x, '[0-9]', '9', 'g'), '[A-Za-z]+', 'a', 'g') AS shape,
                   min(:x), max(:x)
            FROM :texts WHERE :x IS NOT NULL AND NOT regexp_full_match(:x, :iso)
            GROUP BY ALL ORDER BY count(*) DESC, shape LIMIT :top
            """,
            x=column(name),
            texts=exp.to_table(texts),
            iso=ISO,
            top=_EXAMPLES_MAX,
        )
    )
    return [_Shape(shape, (low, high)) for shape, low, high in rows]


def _forms_that_fit(session: Session, examples: Sequence[str]) -> list[str]:
    """Forms that at least one example has, offsets and counts of seconds among them."""
    if not examples:
        return []
    patterns = [f"{date}{time}" for date in DATE_FORMS for time in TIME_FORMS]
    tests = [
        sql("bool_or(try_strptime(x, :form) IS NOT NULL)", form=pattern) for pattern in patterns
    ]
    special = {"offset": OFFSET, "epoch": "[0-9]{9,10}", "epoch_ms": "[0-9]{12,13}"}
    tests += [sql("bool_or(regexp_full_match(x, :form))", form=form) for form in special.values()]
    values = exp.Array(expressions=[exp.Literal.string(text) for text in examples])
    rows = exp.select(exp.alias_(exp.Explode(this=values), "x"))
    [found] = session.rows(exp.select(*tests).from_(exp.paren(rows).as_("examples")))
    names = [*patterns, *special]
    return [name for name, fits in zip(names, found, strict=True) if fits]


def _day_or_month(session: Session, texts: str, field: TargetField) -> tuple[tuple[str, ...], bool]:
    """The forms of dates as 3/12/2020, from those that can be only one of the two."""
    x = column(field.name)
    [(dates, days, months, either)] = session.rows(
        sql(
            """
            SELECT count(*), count(*) FILTER (WHERE a > 12), count(*) FILTER (WHERE b > 12),
                   count(*) FILTER (WHERE a <= 12 AND b <= 12 AND a <> b)
            FROM (
              SELECT CAST(regexp_extract(:x, :form, 1) AS integer) AS a,
                     CAST(regexp_extract(:x, :form, 2) AS integer) AS b
              FROM :texts WHERE regexp_matches(:x, :form)
            ) AS parts
            """,
            x=x,
            form=DAY_MONTH,
            texts=exp.to_table(texts),
        )
    )
    if not dates:
        return (), False
    if days and months:
        return (*day_month_forms(day_first=True), *day_month_forms(day_first=False)), either > 0
    if not days and not months and either:
        raise MappingError(
            f"{field.name} ('{field.value}') has {either:,} dates that could be day first or month first, and "
            "none that tells which. Say their form: dates: ['%d/%m/%Y'] or dates: ['%m/%d/%Y'] (with "
            "%H:%M:%S where there is a time).",
            field=field.name,
        )
    return day_month_forms(day_first=not months), False


def _number_form(session: Session, texts: str, field: TargetField, source: Source) -> NumberForm:
    if source.decimal is not None:
        return NumberForm(source.decimal)
    # Only groups of another length than three, or both marks at once, tell which mark is which.
    [(commas, points)] = session.rows(
        sql(
            """
            SELECT count(*) FILTER (WHERE regexp_matches(x, ',([0-9]{1,2}|[0-9]{4,})$')
                                       OR regexp_matches(x, '[.][0-9]{3},[0-9]+$')),
                   count(*) FILTER (WHERE regexp_matches(x, '[.]([0-9]{1,2}|[0-9]{4,})$')
                                       OR regexp_matches(x, ',[0-9]{3}[.][0-9]+$'))
            FROM (SELECT regexp_replace(:x, '[^0-9.,]', '', 'g') AS x FROM :texts) AS numbers
            """,
            x=column(field.name),
            texts=exp.to_table(texts),
        )
    )
    return NumberForm("," if commas and not points else ".")
