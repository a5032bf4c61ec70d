"""What the values of a column tell about their form: of dates, decimal marks, and ids that lost their shape.

A decision is made for a column as a whole, from all its values, and never by guess: where day and month could
be either, the form must be said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlglot import exp

from aimwell.collect.date_forms import DATE_FORMS, DAY_MONTH, TIME_FORMS, day_month_forms
from aimwell.collect.fields import TargetField
from aimwell.collect.null_texts import has_space, is_null_text
from aimwell.definitions.kinds.source import Source
from aimwell.errors import MappingError
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql

__all__ = [
    "ISO",
    "OFFSET",
    "Counts",
    "Evidence",
    "NumberForm",
    "TimeForm",
    "count_values",
    "weigh",
]

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
    """How a column of times is read: forms in turn.

    `plain` is 'iso' where every value is ISO without an offset, 'zulu' where every one ends with Z; then no
    other form is tried. `ambiguous` is True where some dates put the day first and some the month, so that
    those which could be either are set aside.
    """

    forms: tuple[str, ...] = ("iso",)
    plain: Literal["iso", "zulu"] | None = None
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

    def without(self, values: Mapping[str, int], told: Sequence[str]) -> Evidence:
        """The same with so many values less of some fields, and what a person should know of it."""
        missing = {name: self.missing[name] + rows for name, rows in values.items()}
        return replace(self, missing=self.missing | missing, warnings=(*self.warnings, *told))


@dataclass(frozen=True)
class Counts:
    """Of each field, over `rows` rows: how many values it has, how many of them have the plain form of its kind
    (times: of one of two), how many texts only stand for a missing value, and how many have space around them.
    """

    rows: int
    values: dict[str, int]
    plain: dict[str, int]
    zulu: dict[str, int]
    nulls: dict[str, int]
    spaced: dict[str, int]

    def updated(self, other: Counts) -> Counts:
        """The same with what was counted anew of some fields."""
        return Counts(
            self.rows,
            *(getattr(self, name) | getattr(other, name) for name in _COUNTED),
        )


_COUNTED = ("values", "plain", "zulu", "nulls", "spaced")


def count_values(
    session: Session,
    texts: str,
    fields: Sequence[TargetField],
    nulls: tuple[str, ...],
    *,
    odd_spaces: bool,
) -> Counts:
    """Look once at all values of the view `texts`, which has a text column for each field; `odd_spaces`: there
    may be other space around them than plain spaces."""
    columns: list[exp.Expr] = [sql("count(*)")]
    for field in fields:
        forms = [_is_plain(field), _is_zulu(field)]
        if field.is_written and _any_has_digits(nulls):
            # Else -999 that stands for a missing value would count as a plain one, in place of one that is none.
            null = is_null_text(field.name, nulls)
            forms = [
                sql("CASE WHEN :null THEN FALSE ELSE :form END", null=null, form=form)
                for form in forms
            ]
        columns += [sql("count(:x)", x=column(field.name)), *(_how_many(form) for form in forms)]
        columns.append(_how_many(_is_odd(field, nulls, odd_spaces=odd_spaces)))
    [row] = session.rows(exp.select(*columns).from_(exp.to_table(texts)))
    names = [field.name for field in fields]
    filled, plain, zulu, odd = (dict(zip(names, row[1 + n :: 4], strict=True)) for n in range(4))
    null_texts, spaced = _count_odd(
        session, texts, [name for name in names if odd[name]], nulls, odd_spaces=odd_spaces
    )
    none = dict.fromkeys(names, 0)
    null_texts, spaced = none | null_texts, none | spaced
    values = {name: filled[name] - null_texts[name] for name in names}
    return Counts(row[0], values, plain, zulu, null_texts, spaced)


def _how_many(test: exp.Expr) -> exp.Expr:
    """For how many rows a test holds; one that never does is not counted, row by row, either."""
    return sql("0") if test == sql("FALSE") else sql("count(*) FILTER (WHERE :test)", test=test)


def _is_odd(field: TargetField, nulls: tuple[str, ...], *, odd_spaces: bool) -> exp.Expr:
    """Whether a text has space around it or stands for a missing value. Few columns have any such text, so the two
    are looked for together, and told apart only where one is found.

    What an expression made has no space around it, and its empty text is null already.
    """
    if not field.is_written:
        return sql("FALSE")
    x, null = column(field.name), is_null_text(field.name, nulls)
    if field.kind == "number" and not _any_has_digits(nulls):
        null = sql("CASE WHEN :plain THEN FALSE ELSE :null END", plain=_is_plain(field), null=null)
    return sql(
        "CASE WHEN :spaced THEN TRUE ELSE :null END", spaced=has_space(x, odd=odd_spaces), null=null
    )


def _count_odd(
    session: Session, texts: str, names: Sequence[str], nulls: tuple[str, ...], *, odd_spaces: bool
) -> tuple[dict[str, int], dict[str, int]]:
    """Of each column: how many texts stand for a missing value, and how many have space around them."""
    if not names:
        return {}, {}
    tests = [is_null_text(name, nulls) for name in names]
    tests += [has_space(column(name), odd=odd_spaces) for name in names]
    query = exp.select(*(_how_many(test) for test in tests)).from_(exp.to_table(texts))
    [row] = session.rows(query)
    middle = len(names)
    return dict(zip(names, row[:middle], strict=True)), dict(zip(names, row[middle:], strict=True))


def _any_has_digits(texts: tuple[str, ...]) -> bool:
    return any(character.isdigit() for text in texts for character in text)


def _is_plain(field: TargetField) -> exp.Expr:
    """Whether a value has the plain form of its kind (ids: the form that a spreadsheet gave them)."""
    x = column(field.name)
    if field.kind == "time":
        return sql(
            """
            CASE WHEN NOT ends_with(:x, 'Z')
                 THEN regexp_full_match(:x, :iso) AND TRY_CAST(:x AS timestamp) IS NOT NULL END
            """,
            x=x,
            iso=ISO,
        )
    if field.kind == "number":
        return sql("TRY_CAST(:x AS decimal(18, 4)) IS NOT NULL", x=x)
    if field.kind == "rate":
        return sql("regexp_full_match(:x, '[-+]?[0-9]{1,15}([.][0-9]{1,15})?')", x=x)
    if field.kind == "id":
        return sql(
            "CASE WHEN ends_with(:x, '.0') THEN regexp_full_match(:x, '[0-9]+[.]0') END", x=x
        )
    return sql("FALSE")


def _is_zulu(field: TargetField) -> exp.Expr:
    """Whether a time is in UTC and says so."""
    if field.kind != "time":
        return sql("FALSE")
    return sql(
        "CASE WHEN ends_with(:x, 'Z') THEN TRY_CAST(:x AS timestamptz) IS NOT NULL END",
        x=column(field.name),
    )


def weigh(
    session: Session,
    texts: str,
    fields: Sequence[TargetField],
    source: Source,
    counts: Counts,
) -> Evidence:
    """Decide how each column is read.

    Args:
        session: With the view `texts`, in which missing values are null.
        texts: Its name.
        fields: The mapped fields.
        source: The definition, which may say the forms.
        counts: Of the values.

    Raises:
        MappingError: The dates of a column could be day first or month first.
    """
    times: dict[str, TimeForm] = {}
    numbers: dict[str, NumberForm] = {}
    warnings: list[str] = []
    for field in fields:
        name, values = field.name, counts.values[field.name]
        if field.kind == "time":
            if source.dates:
                times[name] = TimeForm(source.dates)
            elif values == counts.plain[name]:
                times[name] = TimeForm(plain="iso")
            elif values == counts.zulu[name]:
                times[name] = TimeForm(plain="zulu")
            else:
                times[name] = _time_form(session, texts, field, warnings)
        elif field.kind in ("number", "rate"):
            all_plain = values == counts.plain[name] and source.decimal != ","
            numbers[name] = (
                NumberForm(plain=True) if all_plain else _number_form(session, texts, field, source)
            )
    ids = [field.name for field in fields if field.kind == "id"]
    return Evidence(
        times,
        numbers,
        whole=frozenset(n for n in ids if counts.values[n] == counts.plain[n] > 0),
        missing={f.name: counts.rows - counts.values[f.name] for f in fields},
        rows=counts.rows,
        warnings=tuple(warnings),
    )


def _time_form(session: Session, texts: str, field: TargetField, warnings: list[str]) -> TimeForm:
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
    examples: Sequence[str]

    @property
    def short_year(self) -> bool:
        head = self.shape.split(" ")[0]
        return head in {f"{d}{s}{m}{s}99" for d in ("9", "99") for m in ("9", "99") for s in "/-."}


def _shapes(session: Session, texts: str, name: str) -> list[_Shape]:
    """The shapes of values that are not ISO, the most frequent first, with some examples of each.

    Digits are made alike first, because that leaves few values for the slower pattern.
    """
    rows = session.rows(
        sql(
            """
            SELECT regexp_replace(alike, '[A-Za-z]+', 'a', 'g') AS shape, min(low), max(high),
                   min(one), max(other)
            FROM (
              SELECT translate(:x, '0123456789', '9999999999') AS alike, min(:x) AS low, max(:x) AS high,
                     arg_min(:x, hash(:x)) AS one, arg_max(:x, hash(:x)) AS other, count(*) AS times
              FROM :texts WHERE :x IS NOT NULL GROUP BY ALL
            ) AS shapes
            WHERE NOT regexp_full_match(low, :iso)
            GROUP BY ALL ORDER BY sum(times) DESC, shape LIMIT :top
            """,
            x=column(name),
            texts=exp.to_table(texts),
            iso=ISO,
            top=_EXAMPLES_MAX,
        )
    )
    return [_Shape(shape, examples) for shape, *examples in rows]


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
    if field.kind == "rate":
        marks = sql(
            "SELECT count(*) FILTER (WHERE contains(:x, ',')), count(*) FILTER (WHERE contains(:x, '.')) FROM :t",
            x=column(field.name),
            t=exp.to_table(texts),
        )
        [(commas, points)] = session.rows(marks)
        return NumberForm("," if commas and not points else ".")
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
