"""What a source expects of its rows, as tests over `typed`, and how many rows fulfilled each.

Tests of single rows are bits beside the faults of the other checks, found in the same pass. Uniqueness is looked
at among the rows that are good otherwise, so that a row which is not taken keeps no other one out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect.casts import yes_or_no
from aimwell.collect.expressions import Typed, compile_expression
from aimwell.collect.fields import FieldKind, TargetField
from aimwell.collect.identities import customer_kind
from aimwell.collect.job import Job
from aimwell.collect.model import ExpectationResult
from aimwell.collect.null_texts import is_one_of
from aimwell.collect.staging import Check
from aimwell.collect.standard_countries import COUNTRY_CODES
from aimwell.currencies import CURRENCIES
from aimwell.definitions.kinds.source import Entity
from aimwell.definitions.source_expectations import Expectation, ValueType
from aimwell.privacy.hashing import identifier_hash_sql
from aimwell.store.schema import metadata
from aimwell.store.sql import column, sql, union_all

__all__ = [
    "DIMENSIONS",
    "Expected",
    "expected_of",
    "find_repeats",
    "results_of",
    "warned_rows",
    "words_of",
]

DIMENSIONS: Mapping[str, str] = {
    **dict.fromkeys(("required", "type", "range", "in", "pattern", "length"), "validity"),
    **dict.fromkeys(("check", "exists_in"), "consistency"),
    "unique": "uniqueness",
}
"""Kind of expectation → dimension of quality that it tells of."""

_identifiers = metadata.tables["identifiers"]
_loads = metadata.tables["loads"]
_REASONS = {
    "required": "missing",
    "type": "wrong_type",
    "range": "out_of_range",
    "in": "not_allowed",
    "pattern": "wrong_form",
    "length": "too_long_value",
    "unique": "not_unique",
    "exists_in": "unknown_reference",
    "check": "check_failed",
}
_FORMS: Mapping[str, str] = {
    "whole": "[-+]?[0-9]+",
    "number": "[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]{1,3})?",
    "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "time": "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*",
    "email": r"[^@\s]+@[^@\s]+[.][^@\s.]+",
    "phone": r"[+]?[0-9][0-9 ()./-]{5,20}",
    "url": r"https?://[^\s/]+\S*",
}
_TYPE_WORDS: Mapping[str, str] = {
    "whole": "a whole number",
    "number": "a number, as 12.50",
    "date": "a day, as 2026-01-31",
    "time": "a time, as 2026-01-31 09:30",
    "boolean": "yes or no",
    "email": "an e-mail address",
    "phone": "a telephone number",
    "country": "an ISO code of a country, as GB",
    "currency": "an ISO code of a currency, as GBP",
    "url": "an address, as https://example.com",
}
_LAKE: Mapping[str, tuple[str, str]] = {
    "products": ("products", "sku"),
    "orders": ("orders", "order_id"),
    "shops": ("shops", "shop_id"),
    "accounts": ("accounts", "account_id"),
}


@dataclass(frozen=True)
class Expected:
    """The tests of an entity: `aside` keep rows out, `warned` only count; each with its expectation. `lenient`: those that
    would keep rows out only count too."""

    aside: tuple[tuple[Expectation, Check], ...] = ()
    warned: tuple[tuple[Expectation, Check], ...] = ()
    unique: tuple[Expectation, ...] = ()
    whole: tuple[Expectation, ...] = ()
    lenient: bool = False

    @property
    def checks(self) -> list[Check]:
        """Those of single rows that keep them out."""
        return [check for _, check in self.aside]

    @property
    def warns(self) -> list[Check]:
        """Those of single rows that are only counted."""
        return [check for _, check in self.warned]


def expected_of(job: Job, entity: Entity) -> Expected:
    """The tests of the entity; tables of what is known elsewhere are bound to the session."""
    aside: list[tuple[Expectation, Check]] = []
    warned: list[tuple[Expectation, Check]] = []
    unique: list[Expectation] = []
    whole: list[Expectation] = []
    fields = {field.name: field for field in job.fields}
    for number, one in enumerate(entity.expect):
        if one.kind in ("newest_within", "rows"):
            if not job.is_replay:  # a few rows say nothing of a whole file
                whole.append(one)
        elif one.kind == "unique":
            unique.append(one)
        else:
            test = Check(
                one.field or "",
                one.name or _REASONS[one.kind],
                words_of(one),
                _broken(job, one, fields, number),
            )
            keeps_out = one.level == "quarantine" and not job.lenient
            (aside if keeps_out else warned).append((one, test))
    return Expected(tuple(aside), tuple(warned), tuple(unique), tuple(whole), job.lenient)


def _broken(job: Job, one: Expectation, fields: Mapping[str, TargetField], number: int) -> exp.Expr:
    """Whether a row does not fulfil it; never null."""
    if one.kind == "check":
        assert one.check is not None  # noqa: S101 - that is its kind
        true = compile_expression(one.check, lambda parts: _resolved(".".join(parts), fields))
        return sql("coalesce(NOT CAST(:true AS boolean), FALSE)", true=true)
    assert one.field is not None  # noqa: S101 - the schema demands it
    x, kind = column(one.field), fields[one.field].kind
    if one.kind == "required":
        return sql("(:x IS NULL)", x=x)
    if one.kind == "exists_in":
        return _unknown(job, one, number)
    text = sql("CAST(:x AS varchar)", x=x)
    if one.kind == "type":
        assert one.type is not None  # noqa: S101
        return _not_of_type(one.field, text, kind, one.type)
    if one.kind == "range":
        return _outside(one, x, kind)
    if one.kind == "in":
        fits = is_one_of(text, one.in_ or ())
    elif one.kind == "pattern":
        fits = sql("regexp_full_match(:x, :form)", x=text, form=one.pattern)
    else:
        fits = sql("length(:x) <= :most", x=text, most=one.length_at_most)
    return sql("coalesce(NOT (:fits), FALSE)", fits=fits)


def _resolved(name: str, fields: Mapping[str, TargetField]) -> Typed:
    """A target as expressions see it: numbers and times as such, all else as text."""
    kind = fields[name].kind
    if kind in ("number", "rate"):
        return sql("CAST(:x AS double)", x=column(name)), "number"
    if kind == "time":
        return sql("CAST(:x AS timestamp)", x=column(name)), "time"
    return column(name), "text"


def _not_of_type(name: str, text: exp.Expr, kind: FieldKind, wanted: ValueType) -> exp.Expr:
    if kind in ("number", "rate") and wanted in ("whole", "number"):
        if wanted == "number":
            return sql("FALSE")
        return sql("coalesce(:x <> floor(:x), FALSE)", x=column(name))
    if kind == "time" and wanted in ("date", "time"):
        return sql("FALSE")
    if wanted == "boolean":
        return sql("(:x IS NOT NULL AND :value IS NULL)", x=text, value=yes_or_no(name))
    if wanted in ("country", "currency"):
        known = sorted(CURRENCIES) if wanted == "currency" else COUNTRY_CODES
        return sql("coalesce(NOT (:known), FALSE)", known=is_one_of(text, known))
    fits = sql("regexp_full_match(:x, :form)", x=text, form=_FORMS[wanted])
    if wanted in ("date", "time"):
        there = sql("TRY_CAST(:x AS timestamp) IS NOT NULL", x=text)
        fits = sql("(:fits AND :there)", fits=fits, there=there)
    return sql("(:x IS NOT NULL AND NOT (:fits))", x=text, fits=fits)


def _outside(one: Expectation, x: exp.Expr, kind: FieldKind) -> exp.Expr:
    """Below or above a bound; a text that is no number (or no time) is outside too."""
    bounds = [bound for bound in (one.at_least, one.at_most) if bound is not None]
    days = isinstance(bounds[0], str)
    type_ = "timestamptz" if days else "double"
    if kind in ("number", "rate") and days:
        return sql("(:x IS NOT NULL)", x=x)
    value = exp.TryCast(
        this=sql("CAST(:x AS varchar)", x=x), to=exp.DataType.build(type_, dialect="duckdb")
    )
    tests: list[exp.Expr] = [sql(":value IS NULL", value=value)]
    for bound, test in ((one.at_least, ":value < :bound"), (one.at_most, ":value > :bound")):
        if bound is None:
            continue
        limit: exp.Expr | float = (
            sql("CAST(:day AS timestamptz)", day=bound) if isinstance(bound, str) else bound
        )
        tests.append(sql(test, value=value, bound=limit))
    return sql("(:x IS NOT NULL AND (:outside))", x=x, outside=exp.or_(*tests))


# --- what is known elsewhere ------------------------------------------------------------------------------


def _unknown(job: Job, one: Expectation, number: int) -> exp.Expr:
    assert one.field is not None  # noqa: S101
    assert one.exists_in is not None  # noqa: S101
    known, x = f"known_{number}", column(one.field)
    if one.exists_in == "customers":
        kind = _bind_known_people(job, known, one.field)
        value = identifier_hash_sql(job.stores.identity_key, kind, x)
    else:
        _bind_known_rows(job, known, one.exists_in)
        value = sql("CAST(:x AS varchar)", x=x)
    return sql(
        "(:x IS NOT NULL AND :value NOT IN (SELECT v FROM :known AS known))",
        x=x,
        value=value,
        known=exp.to_table(known),
    )


def _bind_known_rows(job: Job, name: str, reference: str) -> None:
    """`v`: the keys of a lake table. What order lines tell of their own products makes none known."""
    table, key = _LAKE[reference]
    session = job.session
    session.bind(f"{name}_all", job.stores.lake.pin(table).tables[table])
    rows = exp.select(exp.alias_(column(key), "v")).distinct().from_(f"{name}_all")
    rows = rows.where(exp.not_(exp.Is(this=column(key), expression=exp.null())))
    if reference == "products":
        query = sa.select(_loads.c.load_id).where(_loads.c.entity == "orders")
        with job.stores.control.read() as connection:
            ids = list(connection.execute(query).scalars())
        session.bind(f"{name}_orders", pa.table({"load_id": pa.array(ids, pa.string())}))
        rows = rows.where(
            sql(
                "load_id IS NULL OR load_id NOT IN (SELECT load_id FROM :orders AS orders)",
                orders=exp.to_table(f"{name}_orders"),
            )
        )
    session.materialise(name, rows)


def _bind_known_people(job: Job, name: str, field: str) -> str:
    """`v`: hashes of the identifiers of people that some customers entity told of; returns their kind."""
    kind = customer_kind(job.source.id_namespace) if field == "customer_id" else field
    query = sa.select(_identifiers.c.value_hash, _identifiers.c.origin_id).where(
        _identifiers.c.kind == kind
    )
    schema = pa.schema([("v", pa.string()), ("origin_id", pa.string())])
    with job.stores.control.read() as connection:
        found = connection.execution_options(yield_per=50_000).execute(query)
        batches = [
            pa.record_batch([pa.array(c, pa.string()) for c in zip(*part, strict=True)], schema)
            for part in found.partitions()
        ]
    session = job.session
    session.bind(f"{name}_ids", pa.Table.from_batches(batches, schema))
    session.bind(f"{name}_all", job.stores.lake.pin("known_people").tables["known_people"])
    session.materialise(
        name,
        sql(
            """
            SELECT DISTINCT v FROM :ids AS ids
            WHERE origin_id IN (SELECT origin_id FROM :people AS people)
            """,
            ids=exp.to_table(f"{name}_ids"),
            people=exp.to_table(f"{name}_all"),
        ),
    )
    return kind


# --- uniqueness -------------------------------------------------------------------------------------------


def find_repeats(job: Job, expected: Expected, *, place: int) -> list[Check]:
    """Find the rows of `staged` that repeat a key with other values, and give those to be kept aside their bits.

    Equal rows are duplicates, which are sorted out later.

    Args:
        job: With `typed` and `staged`.
        expected: What is expected.
        place: Of the first bit of `faults` that is free.

    Returns:
        The checks of the bits that were added.
    """
    session, bits = job.session, list[exp.Expr]()
    checks: list[Check] = []
    for number, one in enumerate(expected.unique):
        rows = exp.to_table(f"repeats_{number}")
        session.materialise(rows.name, _repeats(one.fields, job.names))
        if one.level == "quarantine" and not expected.lenient:
            bit = sql("CAST(:digits AS hugeint)", digits=str(1 << (place + len(checks))))
            there = sql("n IN (SELECT n FROM :rows AS rows)", rows=rows)
            bits.append(sql("CASE WHEN :there THEN :bit ELSE 0 END", there=there, bit=bit))
            reason = one.name or _REASONS["unique"]
            checks.append(Check(one.fields[0], reason, words_of(one), there))
    if bits:
        faults: exp.Expr = column("faults")
        for found in bits:
            faults = exp.Add(this=faults, expression=found)
        staged = exp.Star(replace=[exp.alias_(faults, "faults")])
        session.materialise("staged_before", exp.select("*").from_("staged"))
        session.bind("staged", exp.select(staged).from_("staged_before"))
    return checks


def _repeats(keys: Sequence[str], names: Sequence[str]) -> exp.Expr:
    """Rows whose key an earlier row has with other values, among those that are good otherwise."""
    values = [column(key, "t") for key in keys]
    whole = exp.Anonymous(this="hash", expressions=[column(name, "t") for name in names])
    first = exp.Window(
        this=exp.Anonymous(this="first_value", expressions=[whole.copy()]),
        partition_by=[value.copy() for value in values],
        order=exp.Order(expressions=[exp.Ordered(this=column("n", "t"))]),
    )
    there = [exp.not_(exp.Is(this=value.copy(), expression=exp.null())) for value in values]
    return sql(
        """
        SELECT n FROM (
          SELECT t.n AS n, :whole AS whole, :first AS first
          FROM typed AS t JOIN staged AS s ON s.n = t.n WHERE s.faults = 0 AND :there
        ) AS placed WHERE whole <> first
        """,
        whole=whole,
        first=first,
        there=exp.and_(*there),
    )


# --- results ----------------------------------------------------------------------------------------------


def results_of(
    job: Job,
    entity: Entity,
    expected: Expected,
    checks: Sequence[Check],
    *,
    rows: int,
    now: datetime,
) -> tuple[ExpectationResult, ...]:
    """How many rows fulfilled each expectation, in the order of the definition.

    Args:
        job: With `staged`, whose `faults` has a bit for each of `checks` and `warned` one for each warning.
        entity: With the expectations.
        expected: Their tests.
        checks: All that have bits.
        rows: Rows of the files, but for those that `where` leaves out.
        now: The present.
    """
    if not entity.expect:
        return ()
    bits = {id(check): place for place, check in enumerate(checks)}
    places = [(one, "faults", bits[id(check)]) for one, check in expected.aside]
    places += [(one, "warned", place) for place, (one, _) in enumerate(expected.warned)]
    counts = [sql("count(*)")]
    counts += [
        sql("count(*) FILTER (WHERE (:bits >> :place) & 1 = 1)", bits=column(bits_), place=place)
        for _, bits_, place in places
    ]
    rows_ = exp.select(*counts).from_("staged")
    if job.superseded:
        rows_ = rows_.where("n NOT IN (SELECT n FROM superseded)")
    [(looked_at, *broken)] = job.session.rows(rows_)
    found = {
        id(one): _result(one, looked_at, count)
        for (one, _, _), count in zip(places, broken, strict=True)
    }
    for number, one in enumerate(expected.unique):
        [(count,)] = job.session.rows(exp.select("count(*)").from_(f"repeats_{number}"))
        found[id(one)] = _result(one, looked_at, count)
    found |= {id(one): _of_whole(job, one, rows, now) for one in expected.whole}
    return tuple(found[id(one)] for one in entity.expect if id(one) in found)


def warned_rows(job: Job, expected: Expected, unread: Sequence[exp.Expr] = ()) -> dict[str, int]:
    """Dimension of quality → rows that are taken although they break an expectation of it.

    `unread` are queries for rows (`n`) that were taken without a value that has not its form.
    """
    found: dict[str, int] = {}
    bits: dict[str, int] = {"validity": 0} if unread else {}
    for place, (one, _) in enumerate(expected.warned):
        dimension = DIMENSIONS[one.kind]
        bits[dimension] = bits.get(dimension, 0) | 1 << place
    for dimension, mask in bits.items():
        broken = [sql("warned & CAST(:mask AS hugeint) <> 0", mask=str(mask))] if mask else []
        if dimension == "validity":
            broken += [sql("n IN (SELECT n FROM :rows AS u)", rows=exp.paren(r)) for r in unread]
        some = exp.select("count(*)").from_("staged").where("faults = 0").where(exp.or_(*broken))
        [(found[dimension],)] = job.session.rows(some)
    repeats = [
        n for n, one in enumerate(expected.unique) if one.level == "warn" or expected.lenient
    ]
    if repeats:
        rows = union_all([exp.select("n").from_(f"repeats_{number}") for number in repeats])
        query = sql("SELECT count(DISTINCT n) FROM :rows AS r", rows=exp.paren(rows))
        [(found["uniqueness"],)] = job.session.rows(query)
    return {name: rows for name, rows in found.items() if rows}


def _result(one: Expectation, looked_at: int, broken: int) -> ExpectationResult:
    return ExpectationResult(
        name=one.name or _REASONS[one.kind],
        kind=one.kind,
        field=", ".join(one.fields) or None,
        severity=one.level,
        rows=looked_at,
        broken=broken,
        detail=words_of(one),
    )


def _of_whole(job: Job, one: Expectation, rows: int, now: datetime) -> ExpectationResult:
    if one.rows is not None:
        least, most = one.rows.at_least, one.rows.at_most
        bad = (least is not None and rows < least) or (most is not None and rows > most)
        detail = f"{words_of(one)}; the files have {rows:,}"
    else:
        assert one.field is not None  # noqa: S101
        assert one.newest_within is not None  # noqa: S101
        newest_ = sql("SELECT max(:x), count(:x) FROM typed", x=column(one.field))
        [(newest, _)] = job.session.rows(newest_)
        bad = not isinstance(newest, datetime) or newest < now - one.newest_within
        told = f"{newest:%Y-%m-%d %H:%M} UTC" if isinstance(newest, datetime) else "missing"
        detail = f"{words_of(one)}; the newest is {told}"
    return ExpectationResult(
        name=one.name or one.kind,
        kind=one.kind,
        field=one.field,
        severity=one.level,
        rows=rows,
        broken=int(bad),
        detail=detail,
    )


def words_of(one: Expectation) -> str:
    """What is expected, in words, without values of rows."""
    name = ", ".join(one.fields)
    if one.kind == "required":
        return f"{name} is required"
    if one.kind == "type":
        return f"{name} should be {_TYPE_WORDS[str(one.type)]}"
    if one.kind == "range":
        return f"{name} should be {_range_words(one.at_least, one.at_most)}"
    if one.kind == "in":
        shown = ", ".join((one.in_ or ())[:8]) + (" …" if len(one.in_ or ()) > 8 else "")
        return f"{name} should be one of {shown}"
    if one.kind == "pattern":
        return f"{name} should have the form {one.pattern}"
    if one.kind == "length":
        return f"{name} should have {one.length_at_most} characters at most"
    if one.kind == "unique":
        return f"{name} should be unique; an earlier row has it with other values"
    if one.kind == "exists_in":
        return f"{name} should be known from {one.exists_in} collected before"
    if one.kind == "check":
        return f"this should be true: {one.check}"
    if one.rows is not None:
        return f"the files should have {_range_words(one.rows.at_least, one.rows.at_most)} rows"
    days = one.newest_within
    assert days is not None  # noqa: S101
    return f"the newest {name} should not be older than {days.total_seconds() / 3600:g} hours"


def _range_words(least: object, most: object) -> str:
    if most is None:
        return f"at least {least}"
    return f"at most {most}" if least is None else f"{least} to {most}"
