"""From picked texts to typed values, each row with the faults that keep it out of the lake.

Views and tables of the session, one after another: `picked` (inputs) → `trimmed` → `texts` (missing values null)
→ `typed` (a column for each target of the entity, null where unmapped, and what is wrong) → `staged` (what the
entity makes of it, with `faults`: bit i is set where check i found something).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.collect import casts
from aimwell.collect.desk import Desk
from aimwell.collect.evidence import Counts, Evidence, count_values
from aimwell.collect.field_kinds import FieldKind
from aimwell.collect.fields import TargetField
from aimwell.collect.inputs import PICKED
from aimwell.collect.nobody import no_address, no_number, unless_nobody
from aimwell.collect.null_texts import trimmed, without_nulls
from aimwell.definitions.kinds.source import Source
from aimwell.privacy.contact_points import normalise_emails, normalise_phones
from aimwell.store.engine import Session
from aimwell.store.sql import cast, column, sql

__all__ = ["Check", "bind_texts", "bind_typed", "bits_of", "stage"]

_IN_MEMORY_ROWS_MAX = 1_500_000
_NARROW_BITS_MAX = 62
_COUNTRY = "traits.country"

_TYPES: Mapping[FieldKind, str] = {
    "number": "decimal(18, 4)",
    "rate": "double",
    "time": "timestamptz",
    "flag": "boolean",
}


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong with a row: `when` is true, over the columns of `typed` or later."""

    field: str
    reason: str
    detail: str
    when: exp.Expr


def bind_texts(
    session: Session, fields: Sequence[TargetField], nulls: tuple[str, ...], *, odd_spaces: bool
) -> Counts:
    """Bind `given`: the rows that can be cut and are kept, trimmed, with missing values null.

    Columns that need neither are left as they are, which keeps them compressed; looking is cheaper than trimming.

    Args:
        session: With `picked`.
        fields: The mapped fields.
        nulls: Texts that stand for a missing value.
        odd_spaces: There may be other space around values than plain spaces.

    Returns:
        What was counted of the texts.
    """
    kept = [
        column(field.name)
        if field.is_written
        else exp.alias_(sql("nullif(:x, '')", x=column(field.name)), field.name, quoted=True)
        for field in fields
    ]
    session.bind(
        "kept", exp.select("n", "unmatched", *kept).from_(PICKED).where("bad IS NULL AND kept")
    )
    counts = count_values(session, "kept", fields, nulls, odd_spaces=odd_spaces)
    spaced = {name for name, count in counts.spaced.items() if count}
    trims = [
        exp.alias_(trimmed(column(name)), name, quoted=True) if name in spaced else column(name)
        for name in counts.values
    ]
    session.bind("trimmed", exp.select("n", "unmatched", *trims).from_("kept"))
    if spaced:
        again = [field for field in fields if field.name in spaced]
        counts = counts.updated(
            count_values(session, "trimmed", again, nulls, odd_spaces=odd_spaces)
        )
    columns = [
        exp.alias_(without_nulls(name, nulls), name, quoted=True) if count else column(name)
        for name, count in counts.nulls.items()
    ]
    session.bind("given", exp.select("n", "unmatched", *columns).from_("trimmed"))
    return counts


def bind_typed(
    desk: Desk,
    fields: Sequence[TargetField],
    targets: Iterable[tuple[str, FieldKind]],
    evidence: Evidence,
    source: Source,
    *,
    timezone: str,
    country: str | None,
    now: datetime,
    nobody: Collection[str] = (),
) -> list[Check]:
    """Bind `typed`; returns the checks that any entity needs.

    Args:
        desk: With `texts`.
        fields: The mapped fields.
        targets: All target columns that `typed` must have, mapped or not, with their kinds.
        evidence: What the values told.
        source: The definition.
        timezone: Zone of times without an offset.
        country: Country of telephone numbers without a prefix.
        now: Times much later than this are mistakes.
        nobody: Fields in which some ids name nobody.
    """
    columns: list[exp.Expr] = []
    checks = [
        Check(
            "",
            "no_match",
            "nothing was found for this row in a file that it must be joined with",
            column("unmatched"),
        )
    ]
    query = exp.select("texts.n", "texts.unmatched").from_("texts")
    for field in fields:
        if field.kind in ("email", "phone"):
            by_row = field.kind == "phone" and any(one.name == _COUNTRY for one in fields)
            _normalise(desk.session, field, country, source.nobody, by_row=by_row)
            query = query.join(
                exp.to_table(f"{field.kind}s"),
                on=sql(
                    ":x = :raw AND :same",
                    x=column(field.name, "texts"),
                    raw=column("raw", f"{field.kind}s"),
                    same=sql(
                        ":mine IS NOT DISTINCT FROM :theirs",
                        mine=_country_of_row("texts"),
                        theirs=column("country", f"{field.kind}s"),
                    )
                    if by_row
                    else sql("TRUE"),
                ),
                join_type="left",
            )
            columns.append(exp.alias_(column("normal", f"{field.kind}s"), field.name, quoted=True))
            columns.append(
                exp.alias_(column(field.name, "texts"), f"raw.{field.name}", quoted=True)
            )
        else:
            made, found = _field(
                field, evidence, source, timezone, now, may_be_nobody=field.name in nobody
            )
            columns += made
            checks += found
    mapped = {field.name for field in fields}
    columns += [
        exp.alias_(_nothing(kind), name, quoted=True)
        for name, kind in targets
        if name not in mapped
    ]
    desk.session.bind("typed", query.select(*columns))
    return checks


def _nothing(kind: FieldKind) -> exp.Expr:
    return cast(exp.null(), _TYPES.get(kind, "varchar"))


def _field(
    field: TargetField,
    evidence: Evidence,
    source: Source,
    timezone: str,
    now: datetime,
    *,
    may_be_nobody: bool,
) -> tuple[list[exp.Expr], list[Check]]:
    """The columns of one field in `typed`, and its checks; those that the evidence rules out are left out.

    What a check needs of the text stands beside the value, as `unread.<name>` and the like.
    """
    name, x = field.name, column(field.name)
    made = _Made(name)
    if field.required and evidence.missing[name]:
        made.check("missing", f"{name} is required", sql("(:x IS NULL)", x=x))
    if field.kind == "time":
        form = evidence.times[name]
        made.value = casts.time_value(name, form, timezone)
        if form.ambiguous:
            told = f"{name} could be day first or month first, and the column has both; say `dates`"
            made.check("ambiguous_date", told, casts.is_ambiguous(name))
        if not form.plain:
            told = (
                f"{name} is no time in a known form, as 2026-01-31 09:30; say its form in `dates`"
            )
            made.check("not_a_time", told, made.lost())
        made.checks.append(_time_range(name, source, now))
    elif field.kind == "number":
        number = evidence.numbers[name]
        made.value = casts.number_value(name, number)
        if not number.plain:
            told = f"{name} is no number below 100 trillion, as 12 or 12.50"
            made.check("not_a_number", told, made.lost())
    elif field.kind == "rate":
        made.value = casts.rate_value(name, evidence.numbers[name])
        made.check("not_a_number", f"{name} is no number, as 0.8567", made.lost())
    elif field.kind == "id":
        made.value = casts.whole_value(name, whole=name in evidence.whole)
        told = f"{name} is a number that a spreadsheet has rounded (1.23E+18); export ids as text"
        made.check("id_shortened", told, casts.is_shortened(name))
    elif field.kind == "handle":
        made.value = casts.handle_value(name)
    elif field.kind == "flag":
        made.value = casts.yes_or_no(name)
        made.check("not_yes_or_no", f"{name} is neither yes nor no", made.lost())
    elif field.kind == "currency":
        made.value = casts.currency_value(name)
        made.check("unknown_currency", "a currency has three letters, as EUR", made.lost())
    if may_be_nobody:
        made.value = unless_nobody(made.value, source.nobody)
        if field.required:
            told = f"{name} names nobody, as 0 or unknown; if it is somebody's, say `nobody`"
            made.check("names_nobody", told, made.lost())
    return made.columns(), made.checks


class _Made:
    """What is made of one field."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.value: exp.Expr = column(name)
        self._flags: list[exp.Expr] = []
        self.checks: list[Check] = []

    def lost(self) -> exp.Expr:
        """Whether there is a text but no value."""
        return sql("(:x IS NOT NULL AND :value IS NULL)", x=column(self._name), value=self.value)

    def check(self, reason: str, detail: str, when: exp.Expr) -> None:
        """Add a check over the text."""
        flag = f"{reason}.{self._name}"
        self._flags.append(exp.alias_(when, flag, quoted=True))
        self.checks.append(Check(self._name, reason, detail, column(flag)))

    def columns(self) -> list[exp.Expr]:
        """The value and the flags, named."""
        return [exp.alias_(self.value, self._name, quoted=True), *self._flags]


def _time_range(name: str, source: Source, now: datetime) -> Check:
    earliest = source.limits.earliest
    latest = now + timedelta(hours=source.limits.hours_ahead)
    return Check(
        name,
        "time_out_of_range",
        f"{name} is before {earliest:%Y-%m-%d} or in the future; see `limits`",
        sql(
            "coalesce(:x < :earliest OR :x > :latest, FALSE)",
            x=column(name),
            earliest=earliest,
            latest=latest,
        ),
    )


def _normalise(
    session: Session,
    field: TargetField,
    country: str | None,
    nobody: Sequence[str],
    *,
    by_row: bool,
) -> None:
    """Bind the table `emails` or `phones`: each text of the field with the country that its row is of (`country`
    where it says none), its normal form or null, and whether that would be nobody's."""
    texts = session.table(
        sql(
            "SELECT DISTINCT :x AS raw, :country AS country FROM texts WHERE :x IS NOT NULL",
            x=column(field.name),
            country=_country_of_row("texts") if by_row else sql("CAST(NULL AS varchar)"),
        )
    )
    raw = texts.column("raw")
    if field.kind == "email":
        normal = normalise_emails(raw)
    elif by_row:
        whose = texts.column("country")
        normal = normalise_phones(raw, pc.fill_null(whose, country) if country else whose)
    else:
        normal = normalise_phones(raw, country)
    normal = normal.cast(pa.string())
    odd = pc.fill_null((no_address if field.kind == "email" else no_number)(normal, nobody), False)
    session.bind(
        f"{field.kind}s",
        pa.table(
            {
                "raw": raw.combine_chunks(),
                "country": texts.column("country").combine_chunks(),
                "normal": pc.if_else(odd, pa.scalar(None, pa.string()), normal),
                "nobody": odd,
            }
        ),
    )


def _country_of_row(table: str) -> exp.Expr:
    """The ISO code in the trait country, which stands beside a telephone number; else null."""
    return sql("CASE WHEN regexp_full_match(:x, '[A-Z]{2}') THEN :x END", x=column(_COUNTRY, table))


def bits_of(checks: Sequence[Check]) -> exp.Expr:
    """A number whose bit i is set where check i found something: 64 bits where that is enough, else 128."""
    wide = len(checks) > _NARROW_BITS_MAX
    found: exp.Expr = sql("0")
    for place, check in enumerate(checks):
        number: exp.Expr | int = (
            sql("CAST(:digits AS hugeint)", digits=str(1 << place)) if wide else 1 << place
        )
        bit = sql("CASE WHEN :test THEN :number ELSE 0 END", test=check.when, number=number)
        found = exp.Add(this=found, expression=bit)
    return (
        sql("CAST(:found AS hugeint)", found=found)
        if wide
        else sql("CAST(:found AS bigint)", found=found)
    )


def stage(
    desk: Desk,
    query: exp.Query,
    checks: Sequence[Check],
    *,
    rows: int,
    warns: Sequence[Check] = (),
) -> None:
    """Make `staged` of `query`, with `faults`; in memory where it is small, else on disk.

    Where there are `warns`, `warned` has their bits; such rows are taken all the same.
    """
    whole = query.select(exp.alias_(bits_of(checks), "faults"))
    if warns:
        whole = whole.select(exp.alias_(bits_of(warns), "warned"))
    if rows <= _IN_MEMORY_ROWS_MAX:
        desk.session.materialise("staged", whole)
        return
    folder = desk.folder / "staged"
    desk.write_files(whole, folder)
    files = exp.Array(
        expressions=[exp.Literal.string(str(path)) for path in sorted(folder.glob("*.parquet"))]
    )
    scan = exp.Table(this=sql("read_parquet(:files)", files=files))
    desk.session.bind("staged", exp.select("*").from_(scan))
