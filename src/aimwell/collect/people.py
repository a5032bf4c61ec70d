"""The people of a load: their origins, what of them goes to the vault, and their identifiers.

A row's `person` is a mark and an identifier (see `identifying`). The origin is the keyed hash of that identifier, so
the same person has the same origin in every load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from sqlglot import exp

from aimwell.collect.clean_texts import CLEANED, UNICODE
from aimwell.collect.fields import under
from aimwell.collect.identifying import identifiers_in, kind_of, mark_of
from aimwell.collect.identities import keep_identifiers
from aimwell.privacy.hashing import identifier_hash_sql
from aimwell.privacy.originals import keep_originals
from aimwell.privacy.vault import PERSON_FIELDS, keep_people
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME

__all__ = ["Persons", "bind_origins", "find_persons"]

_BATCH = 50_000


def bind_origins(
    stores: Stores, session: Session, namespace: str | None, names: Sequence[str]
) -> None:
    """Make `origins` (person, origin_id) of the good rows of `staged`, each person once; `names` are the fields."""
    branches = []
    for name in identifiers_in(names):
        mark = mark_of(name)
        value = sql("substr(person, :start)", start=len(mark) + 1)
        hashed = identifier_hash_sql(stores.identity_key, kind_of(name, namespace), value)
        branches.append(exp.If(this=sql("starts_with(person, :mark)", mark=mark), true=hashed))
    hashes = exp.Case(ifs=branches) if branches else sql("CAST(NULL AS varchar)")
    session.materialise(
        "origins",
        sql(
            """
            SELECT person, :hashes AS origin_id
            FROM (SELECT DISTINCT person FROM staged WHERE faults = 0 AND person IS NOT NULL) AS people
            """,
            hashes=hashes,
        ),
    )


@dataclass(frozen=True)
class Persons:
    """The people of a load, read as they are kept, so that other work on the session may go on meanwhile."""

    _stores: Stores
    _source: str
    _now: datetime
    _people: pa.RecordBatchReader
    _identifiers: Sequence[pa.RecordBatchReader]
    _originals: Sequence[pa.RecordBatchReader]

    def keep(self) -> int:
        """Keep them in the vault, and their identifiers; returns how many different people they are. Once only."""
        people = 0
        for batch in self._people:
            people += keep_people(
                self._stores, pa.table(batch), source=self._source, received_at=self._now
            )
        for reader in self._identifiers:
            for batch in reader:
                keep_identifiers(
                    self._stores,
                    _in_micros(pa.table(batch)),
                    source=self._source,
                    received_at=self._now,
                )
        for reader in self._originals:
            for batch in reader:
                keep_originals(
                    self._stores,
                    pa.table(batch),
                    source=self._source,
                    set_at=self._now,
                    received_at=self._now,
                )
        return people


def _in_micros(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("first_seen_at")
    return rows.set_column(place, "first_seen_at", rows.column(place).cast(TIME))


def find_persons(
    stores: Stores,
    session: Session,
    names: tuple[str, ...],
    *,
    source: str,
    namespace: str | None,
    seen: str,
    now: datetime,
    forms: Mapping[str, str],
) -> Persons:
    """The people of `fresh`.

    Args:
        stores: Where they are to be kept.
        session: With `fresh`, `given` and `origins`, which must stay as they are until the people are kept.
        names: Mapped fields; those of PERSON_FIELDS, and `vault.…` go to the vault.
        source: Source definition.
        namespace: Of the customer ids.
        seen: Column of `fresh` that tells when the person was seen, and what it says of them was so; may be null.
        now: When it was collected; whatever has no time was so then.
        forms: Personal field that is brought into one form → how.
    """
    said, told = _said(names, seen, now, source)
    # Each person has one origin, so rows are brought together first, and only their sums are joined.
    rows = (
        exp.select("o.origin_id", *(column(name, "s") for name in told))
        .from_(said.subquery("s"))
        .join(exp.to_table("origins").as_("o"), on="o.person = s.person")
        .order_by("o.origin_id")  # a database inserts several times faster in the order of its keys
    )
    identifiers = [
        _identifiers(stores, kind_of(name, namespace), name, seen, now)
        for name in identifiers_in(names)
    ]
    return Persons(
        stores,
        source,
        now,
        session.batches(rows, rows=_BATCH),
        [session.batches(query, rows=_BATCH) for query in identifiers],
        [
            session.batches(_originals(name, how), rows=_BATCH)
            for name, how in forms.items()
            if name in names and _was_changed(session, name, how)
        ],
    )


def _said(
    names: Sequence[str], seen: str, now: datetime, source: str
) -> tuple[exp.Select, Sequence[str]]:
    """A query of what `fresh` says last of each person, with when; and the columns of it."""
    further = _further(names)
    values = {name: name for name in PERSON_FIELDS if name in names}
    values |= {f"further.{called}": name for called, name in further.items()}
    is_dated = seen in names
    at = (
        sql("coalesce(:seen, :now)", seen=column(seen, "f"), now=now)
        if is_dated
        else sql(":now", now=now)
    )
    # A whole number of both is compared twice as quickly as a pair.
    place = sql("CAST(epoch_us(:at) AS hugeint) * 4294967296 + n", at=at) if is_dated else sql("n")
    columns: list[exp.Expr] = []
    for called, name in values.items():
        value = column(name, "f")
        # Who has a customer id is known by it, so it is the same in all of their rows.
        last = (
            sql("any_value(:x)", x=value)
            if name == "customer_id"
            else sql("arg_max(:x, :place)", x=value, place=place)
        )
        when = sql("max(:at) FILTER (WHERE :x IS NOT NULL)", at=at, x=value)
        columns += [
            exp.alias_(last, called, quoted=True),
            exp.alias_(when, f"{called}_at", quoted=True),
        ]
    # The row as a whole is as new as the last that says anything.
    columns.append(exp.alias_(sql("max(:at)", at=at), "set_at"))
    query = exp.select("f.person", *columns).from_(exp.to_table("fresh").as_("f"))
    query = query.group_by("f.person")
    if further:
        query = _with_further(query, list(further), source)
    return query, [one.alias for one in query.selects if one.alias_or_name != "person"]


def _with_further(query: exp.Select, names: Sequence[str], source: str) -> exp.Select:
    """Further fields as JSON objects: of their values in `extra`, and of when and by whom each was said in `extra_words`."""
    values: list[exp.Expr] = []
    words: list[exp.Expr] = []
    for name in names:
        value, at = column(f"further.{name}"), column(f"further.{name}_at")
        values += [exp.Literal.string(name), value]
        word = sql(
            "CASE WHEN :x IS NOT NULL THEN json_array(epoch_us(:at), :source) END",
            x=value,
            at=at,
            source=source,
        )
        words += [exp.Literal.string(name), word]
    times = [column(f"further.{name}_at") for name in names]
    kept = [
        one.alias for one in query.selects if one.alias and not one.alias.startswith("further.")
    ]
    return exp.select(
        "person",
        *(exp.alias_(column(name), name) for name in kept),
        exp.alias_(_json_of(values), "extra"),
        exp.alias_(_json_of(words), "extra_words"),
        exp.alias_(exp.Anonymous(this="greatest", expressions=times), "extra_at"),
    ).from_(query.subquery("said"))


def _json_of(pairs: Sequence[exp.Expr]) -> exp.Expr:
    """The text of a JSON object without its missing members; null where none is left."""
    return sql(
        "CAST(nullif(CAST(json_merge_patch('{}', :whole) AS varchar), '{}') AS varchar)",
        whole=exp.Anonymous(this="json_object", expressions=list(pairs)),
    )


def _was_changed(session: Session, name: str, how: str) -> bool:
    """Whether any address, number or text looked otherwise before; of fields whose forms were asked for, yes."""
    if (name,) in session.rows(exp.select("name").from_(CLEANED)):
        return True
    if name not in ("email", "phone"):
        return how != UNICODE
    changed = sql(
        "SELECT count(*) FROM :forms WHERE normal IS DISTINCT FROM raw",
        forms=exp.to_table(f"{name}s"),
    )
    return bool(session.rows(changed)[0][0])


def _originals(name: str, how: str) -> exp.Expr:
    """Each form of a field that was made of another text, with the last text of it."""
    return sql(
        """
        SELECT o.origin_id, :field AS field, s.value, s.written, :how AS how
        FROM (
          SELECT f.person, coalesce(CAST(:made AS varchar), '') AS value, arg_max(:was, f.n) AS written
          FROM fresh AS f JOIN given AS g ON g.n = f.n
          WHERE :was IS NOT NULL AND :was IS DISTINCT FROM :made AND f.person IS NOT NULL
          GROUP BY ALL
        ) AS s JOIN origins AS o ON o.person = s.person ORDER BY o.origin_id
        """,
        field=name.removeprefix("vault."),
        how=how,
        made=column(name, "f"),
        was=column(name, "g"),
    )


def _further(names: Sequence[str]) -> dict[str, str]:
    """What the vault keeps beside its own columns: name there → mapped field.

    Devices and anonymous visitors are known by their hashes only, as they tell nothing to anybody.
    """
    fields = dict(under("vault", tuple(names)))
    fields |= {
        kind_of(name, None): name
        for name in identifiers_in(names)
        if name == "loyalty_card" or "." in name
    }
    return fields


def _identifiers(stores: Stores, kind: str, name: str, seen: str, now: datetime) -> exp.Expr:
    """Each identifier of one kind with its origin, and when it was seen first."""
    if name == "customer_id":
        return _customer_ids(kind, seen, now)
    return sql(
        """
        SELECT origin_id, first_seen_at, :called AS kind, :hashed AS value_hash
        FROM (
          SELECT o.origin_id, :x AS x, coalesce(min(:seen), :now) AS first_seen_at
          FROM fresh AS f JOIN origins AS o ON o.person = f.person
          WHERE :x IS NOT NULL GROUP BY ALL
        ) AS found ORDER BY value_hash
        """,
        called=kind,
        hashed=identifier_hash_sql(stores.identity_key, kind, sql("x")),
        x=column(name, "f"),
        seen=column(seen, "f"),
        now=now,
    )


def _customer_ids(kind: str, seen: str, now: datetime) -> exp.Expr:
    """The same of customer ids: a row that has one is named by it (see `person_of`), so its hash is the origin."""
    return sql(
        """
        SELECT o.origin_id, s.first_seen_at, :called AS kind, o.origin_id AS value_hash
        FROM (
          SELECT f.person, coalesce(min(:seen), :now) AS first_seen_at
          FROM fresh AS f WHERE f.customer_id IS NOT NULL GROUP BY f.person
        ) AS s JOIN origins AS o ON o.person = s.person ORDER BY value_hash
        """,
        called=kind,
        seen=column(seen, "f"),
        now=now,
    )
