"""The people to compare: what the vault knows of each profile, made comparable, in a session of the engine.

Nothing of it leaves the session but ids and weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.store.engine import DuckDBSession
from aimwell.store.schema import metadata
from aimwell.store.sql import column, identifier, sql
from aimwell.store.stores import Stores
from aimwell.unify.kinds import MATCH
from aimwell.unify.matching.fields import FORMS, KINDS, MatchField, standardised
from aimwell.unify.matching.model import RECORDS
from aimwell.unify.nicknames import nicknames

__all__ = ["bind_people", "bind_records", "person_before_likeness"]

_people = metadata.tables["vault_people"]
_overrides = metadata.tables["identity_overrides"]
_profiles = metadata.tables["profiles"]
_VAULT = (
    "first_name",
    "last_name",
    "full_name",
    "birth_date",
    "street",
    "postcode",
    "email",
    "phone",
)
_TRAITS = ("city", "region")
_BATCH = 50_000
_FILLED_MIN = 0.05
"""A field that fewer have tells of too few."""
_CODE_DIFFERENT_MIN = 0.5
"""A further field of the vault is taken for a code that tells people apart where so many of its values differ."""
_FIELDS_MIN = 2
"""Who has fewer fields cannot be compared."""


def person_before_likeness() -> sa.ColumnElement[str]:
    """Whose a row of the vault is, as it was before anybody was joined by likeness.

    People who are one by likeness are compared as what they were: a later run then finds the same again, or lets go of what
    a better model no longer finds.
    """
    by_likeness = sa.cast(_overrides.c.evidence, sa.Text).like(f'%"{MATCH}"%')
    return sa.case(
        (
            sa.and_(_overrides.c.profile_id.is_not(None), sa.not_(by_likeness)),
            _overrides.c.profile_id,
        ),
        else_=_people.c.origin_id,
    )


def bind_people(stores: Stores, session: DuckDBSession) -> tuple[MatchField, ...]:
    """Make `records` of everybody of whom the vault knows enough; the fields by which they can be compared."""
    vault = _read(
        stores,
        sa.select(
            person_before_likeness(),
            sa.func.coalesce(_overrides.c.profile_id, _people.c.origin_id),
            *(_people.c[name] for name in _VAULT),
            sa.cast(_people.c.extra, sa.Text),
            sa.cast(_people.c.extra_words, sa.Text),
            *(sa.cast(_people.c[f"{name}_at"], sa.Text) for name in _VAULT),
        ).select_from(_people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.origin_id)),
        (
            *("person_id", "profile_id", *_VAULT, "extra", "extra_words"),
            *(f"{name}_at" for name in _VAULT),
        ),
    )
    traits = _read(
        stores,
        sa.select(_profiles.c.profile_id, sa.cast(_profiles.c.traits, sa.Text)),
        ("profile_id", "traits"),
    )
    session.bind("vault", vault)
    session.bind("states", traits)
    codes = _codes(session)
    newest = [
        exp.alias_(sql("arg_max(:x, :at)", x=value, at=at), name, quoted=True)
        for name, value, at in [
            *((name, column(name), column(f"{name}_at")) for name in _VAULT),
            *((name, _inside("extra", name), _when_inside(name)) for name in codes),
        ]
    ]
    session.bind(
        "known",
        exp.select("person_id", sql("any_value(profile_id) AS profile_id"), *newest)
        .from_("vault")
        .group_by("person_id"),
    )
    told = [exp.alias_(_inside("traits", name), name, quoted=True) for name in _TRAITS]
    session.bind(
        "whole",
        exp.select("k.*", *told)
        .from_(exp.to_table("known").as_("k"))
        .join(exp.to_table("states").as_("s"), on="s.profile_id = k.profile_id", join_type="left"),
    )
    return bind_records(session, "whole", key="person_id", codes=codes)


def bind_records(
    session: DuckDBSession, source: str, *, key: str, codes: Sequence[str] = ()
) -> tuple[MatchField, ...]:
    """Make `records` of the rows of `source`; the fields that enough of them have.

    Args:
        source: A table of the session with `key` and any of the usual fields (KINDS, or `full_name`) and `codes`.
        key: What tells the rows apart; it is not compared.
        codes: Columns that hold numbers of documents, cards and the like.
    """
    [here] = [session.table(exp.select("*").from_(exp.Table(this=identifier(source))).limit(0))]
    names = [name for name in (*KINDS, *codes) if name in here.schema.names or name in _SPLIT]
    if "full_name" not in here.schema.names:
        names = [name for name in names if name in here.schema.names]
    fields = [MatchField.called(name) for name in names]
    values = [
        exp.alias_(
            standardised(field.kind, _value(field.name, here.schema.names)), field.name, quoted=True
        )
        for field in fields
    ]
    session.materialise(
        "standard",
        exp.select(
            exp.alias_(sql("CAST(:key AS varchar)", key=column(key)), "unique_id"), *values
        ).from_(exp.Table(this=identifier(source))),
    )
    kept = _filled(session, fields)
    have: exp.Expr = sql("0")
    for field in kept:
        have = exp.Add(
            this=have,
            expression=sql("CASE WHEN :x IS NULL THEN 0 ELSE 1 END", x=column(field.name)),
        )
    rows = (
        exp.select("unique_id", *(column(field.name) for field in kept))
        .from_("standard")
        .where(exp.GTE(this=exp.paren(have), expression=exp.Literal.number(_FIELDS_MIN)))
    )
    if any(field.name == "first_name" for field in kept):
        rows = _with_forms(session, rows)
    session.materialise(RECORDS, rows.order_by("unique_id"))
    return tuple(kept)


def _with_forms(session: DuckDBSession, rows: exp.Select) -> exp.Select:
    """The rows with FORMS: of the first name, else of its first word."""
    known = nicknames()
    session.bind(
        "forms_of_names",
        pa.table(
            {
                "name": pa.array(known, pa.string()),
                "forms": pa.array(known.values(), pa.list_(pa.string())),
            }
        ),
    )
    return (
        exp.select("r.*", exp.alias_(sql("coalesce(whole.forms, word.forms)"), FORMS))
        .from_(rows.subquery("r"))
        .join("forms_of_names AS whole", on="whole.name = r.first_name", join_type="left")
        .join(
            "forms_of_names AS word",
            on="word.name = split_part(r.first_name, ' ', 1)",
            join_type="left",
        )
    )


_SPLIT = {
    "first_name": "CASE WHEN :full LIKE '% %' THEN split_part(trim(:full), ' ', 1) END",
    "last_name": "split_part(trim(:full), ' ', -1)",
}


def _value(name: str, there: Sequence[str]) -> exp.Expr:
    """The field's text; of a whole name the first and the last word, where the parts are not known."""
    own = column(name)
    if name not in _SPLIT or "full_name" not in there:
        return own
    part = sql(_SPLIT[name], full=column("full_name"))
    return sql("coalesce(:own, :part)", own=own, part=part) if name in there else part


def _filled(session: DuckDBSession, fields: Sequence[MatchField]) -> list[MatchField]:
    """The fields that enough people have, with more than one value among them."""
    if not fields:
        return []
    counts = [
        part
        for field in fields
        for part in (
            sql("count(:x)", x=column(field.name)),
            sql("approx_count_distinct(:x)", x=column(field.name)),
        )
    ]
    [(people, *found)] = session.rows(exp.select("count(*)", *counts).from_("standard"))
    least = max(1.0, _FILLED_MIN * people)
    return [
        field
        for field, filled, different in zip(fields, found[::2], found[1::2], strict=True)
        if filled >= least and different > 1
    ]


def _codes(session: DuckDBSession) -> tuple[str, ...]:
    """Further personal fields whose values tell people apart."""
    rows = session.rows(
        sql(
            """
            SELECT name, count(*), count(DISTINCT value) FROM (
              SELECT unnest(json_keys(extra)) AS name, extra FROM vault WHERE extra LIKE '{%'
            ) AS named, LATERAL (SELECT json_extract_string(extra, '$."' || name || '"') AS value) AS v
            WHERE value IS NOT NULL AND value <> '' AND NOT name LIKE '%"%' GROUP BY name ORDER BY name
            """
        )
    )
    taken = {*KINDS, "full_name", "person_id", "profile_id", "unique_id"}
    return tuple(
        name
        for name, filled, different in rows
        if name.lower() not in taken and different >= _CODE_DIFFERENT_MIN * filled
    )


def _when_inside(name: str) -> exp.Expr:
    """When a member of `extra` was said, in microseconds."""
    return sql("TRY_CAST(json_extract_string(extra_words, :path) AS bigint)", path=f'$."{name}"[0]')


def _inside(document: str, name: str) -> exp.Expr:
    """A member of a JSON object as text."""
    return sql(
        "json_extract_string(:document, :path)",
        document=column(document),
        path=f'$."{name}"',
    )


def _read(stores: Stores, query: sa.Select[Any], names: Sequence[str]) -> pa.Table:
    """The rows of a query over the control database, all columns as text."""
    schema = pa.schema([(name, pa.string()) for name in names])
    batches: list[pa.RecordBatch] = []
    with stores.read_control() as connection:
        cursor = connection.execute(query).cursor
        assert cursor is not None  # noqa: S101 - a SELECT has one
        # Straight from the driver: with a million people the objects in between cost seconds.
        while rows := cursor.fetchmany(_BATCH):
            columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
            batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
    return pa.Table.from_batches(batches, schema)
