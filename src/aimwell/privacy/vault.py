"""The vault: the only place of personal data, in the control database.

A row is what is known of one origin. Of each field the value that was said last wins, in whatever order they come, and
what a newer row does not say stays.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from aimwell.privacy.erased import not_naming_erased, without_erased
from aimwell.privacy.vault_words import Word, laid_over, words_in, words_of
from aimwell.store.control import (
    SQLITE_SECONDS,
    insert_columns,
    insert_missing,
    insert_statement,
)
from aimwell.store.listed import GIVEN, among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME

__all__ = [
    "PERSON_FIELDS",
    "Person",
    "keep_people",
    "keep_rows",
    "keep_texts",
    "known_rows",
    "read_people",
    "read_row",
    "read_texts",
]

PERSON_FIELDS = (
    "customer_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "full_name",
    "street",
    "postcode",
    "birth_date",
    "ip",
)
"""Columns of the vault that hold text."""

_JSON = frozenset({"extra", "extra_words"})

_people = metadata.tables["vault_people"]
_rows = metadata.tables["vault_rows"]
_texts_table = metadata.tables["vault_texts"]
_overrides = metadata.tables["identity_overrides"]
_BATCH = 5_000


@dataclass(frozen=True)
class Person:
    """What the vault knows of one profile: of each field what was said last of any of its origins.

    `said`: of each of them when that was, and which source said it.
    """

    profile_id: str
    fields: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    said: Mapping[str, Word] = field(default_factory=dict)

    @property
    def email(self) -> str | None:
        """E-mail address."""
        return self.fields.get("email")

    @property
    def phone(self) -> str | None:
        """Telephone number in E.164."""
        return self.fields.get("phone")


def keep_people(
    stores: Stores,
    rows: pa.Table,
    *,
    source: str,
    set_at: datetime | None = None,
    received_at: datetime | None = None,
) -> int:
    """Keep what `rows` say of people.

    Args:
        rows: One row per `origin_id`, with any of PERSON_FIELDS as text and `extra` as JSON text; and in `FIELD_at`
            when a field was said, where that is not the same for the whole row; of the members of `extra` in `extra_words`
            (see `vault_words`).
        source: Source definition.
        set_at: When it was said; older sayings do not overwrite newer ones. None: `rows` say it in `set_at`.
        received_at: When it came: of people who were erased since nothing is kept. None: just now.

    Returns:
        Number of rows.
    """
    names = [name for name in (*PERSON_FIELDS, "extra") if name in rows.schema.names]
    statement = insert_statement(stores.control.is_sqlite, _people)
    new, old = statement.excluded, _people.c
    changes: dict[str, Any] = {}
    for name in names:
        new_at, old_at = new[f"{name}_at"], old[f"{name}_at"]
        newer = sa.and_(new_at.is_not(None), sa.or_(old_at.is_(None), new_at >= old_at))
        changes[f"{name}_at"] = sa.case((newer, new_at), else_=old_at)
        if name == "extra":
            changes |= laid_over(old, new, is_sqlite=stores.control.is_sqlite)
            continue
        changes[name] = sa.case((newer, new[name]), else_=old[name])
        changes[f"{name}_source"] = sa.case((newer, new.source), else_=old[f"{name}_source"])
    changes["set_at"] = sa.case((new.set_at >= old.set_at, new.set_at), else_=old.set_at)
    statement = statement.on_conflict_do_update(index_elements=["origin_id"], set_=changes)
    for batch in _timed(rows, names, set_at, source).to_batches(max_chunksize=_BATCH):
        with stores.control.begin() as connection:
            kept = without_erased(connection, batch, received_at)
            if not kept.num_rows:
                continue
            if stores.control.is_sqlite:
                insert_columns(connection, statement, _texts(kept, source))
                continue
            values = kept.to_pylist()
            for value in values:
                value["source"] = source
                for name in _JSON & value.keys():
                    value[name] = json.loads(value[name]) if value[name] else sa.null()
            connection.execute(statement, values)
    return int(rows.num_rows)


def _timed(rows: pa.Table, names: Sequence[str], set_at: datetime | None, source: str) -> pa.Table:
    """The rows with `set_at`, with `FIELD_at` of each field (null where the field says nothing), and `extra_words`."""
    if set_at is not None:
        rows = rows.append_column("set_at", pa.repeat(pa.scalar(set_at, TIME), rows.num_rows))
    for name in names:
        value, known = rows.column(name), f"{name}_at" in rows.schema.names
        says = value.is_valid() if name != "extra" else pc.fill_null(pc.not_equal(value, ""), False)
        times = rows.column(f"{name}_at" if known else "set_at")
        times = pc.if_else(says, times, pa.scalar(None, times.type))
        if known:
            place = rows.schema.get_field_index(f"{name}_at")
            rows = rows.set_column(place, f"{name}_at", times)
        else:
            rows = rows.append_column(f"{name}_at", times)
    if "extra" in names and "extra_words" not in rows.schema.names:
        words = words_in(rows.column("extra"), rows.column("extra_at"), source)
        rows = rows.append_column("extra_words", words)
    return rows


def _texts(rows: pa.RecordBatch, source: str) -> dict[str, Sequence[str | None]]:
    """Rows of people as SQLite keeps them."""
    texts: dict[str, Sequence[str | None]] = {}
    for name, values in zip(rows.schema.names, rows.columns, strict=True):
        if pa.types.is_timestamp(values.type):
            values = pc.strftime(values.cast(TIME), SQLITE_SECONDS)
        texts[name] = values.to_pylist()
    for name in _JSON & texts.keys():
        texts[name] = [text or None for text in texts[name]]
    return {**texts, "source": [source] * rows.num_rows}


def keep_rows(stores: Stores, rows: pa.Table, *, source: str, kept_at: datetime) -> int:
    """Keep quarantined rows: `row_hash` and `content` (the row as JSON text); of known ones the time at which they came
    last. One that names somebody who was erased since `kept_at` is not kept."""
    statement = insert_statement(stores.control.is_sqlite, _rows)
    new = statement.excluded.kept_at
    statement = statement.on_conflict_do_update(
        index_elements=["row_hash"], set_={"kept_at": new}, where=new > _rows.c.kept_at
    )
    for batch in rows.to_batches(max_chunksize=_BATCH):
        if not batch.num_rows:
            continue
        with stores.control.begin() as connection:
            kept = not_naming_erased(
                connection, stores.identity_key, batch.column("content").to_pylist(), kept_at
            )
            values = [
                {**row, "source": source, "kept_at": kept_at}
                for row, stays in zip(batch.to_pylist(), kept, strict=True)
                if stays
            ]
            if values:
                connection.execute(statement, values)
    return int(rows.num_rows)


def known_rows(connection: sa.Connection, hashes: Sequence[str]) -> list[str]:
    """Those of the hashes under which the vault has a quarantined row."""
    query = sa.select(_rows.c.row_hash).where(among(_rows.c.row_hash, hashes))
    return sorted(connection.execute(query).scalars())


def keep_texts(
    stores: Stores, rows: pa.RecordBatch, *, source: str, received_at: datetime | None = None
) -> None:
    """Keep free texts: text_id, origin_id (null: nobody known), kind, content, said_at. Known ones stay as they are.

    `received_at` as for `keep_people`.
    """
    with stores.control.begin() as connection:
        kept = without_erased(connection, rows, received_at)
        values = [{**row, "source": source} for row in kept.to_pylist()]
        insert_missing(connection, _texts_table, values)


def read_texts(connection: sa.Connection, text_ids: Sequence[str]) -> dict[str, str]:
    """text_id → its words, of those that are there."""
    query = sa.select(_texts_table.c.text_id, _texts_table.c.content)
    query = query.where(among(_texts_table.c.text_id, text_ids))
    return {row.text_id: row.content for row in connection.execute(query)}


def read_row(connection: sa.Connection, row_hash: str) -> str | None:
    """The content of one quarantined row; None where it is gone."""
    return connection.execute(
        sa.select(_rows.c.content).where(_rows.c.row_hash == row_hash)
    ).scalar_one_or_none()


def read_people(connection: sa.Connection, profile_ids: Sequence[str]) -> dict[str, Person]:
    """What the vault knows of the profiles. Profiles of which it knows nothing are left out."""
    wanted = set(profile_ids)
    rows: defaultdict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(_of_people(), {"ids": profile_ids}):
        if row[0] in wanted:
            rows[row[0]].append(row)
    return {profile_id: _merged(profile_id, found) for profile_id, found in rows.items()}


def _merged(profile_id: str, rows: Sequence[Any]) -> Person:
    """One person of rows of their origins, in the order of these."""
    own: dict[str, Word] = {}
    further: dict[str, Word] = {}
    for _, source, extra, extra_at, words, *cells in rows:
        for name, word in words_of(extra, words, at=extra_at, source=source):
            if name not in further or word.at > further[name].at:
                further[name] = word
        for name, value, at, whose in zip(
            PERSON_FIELDS, cells[0::3], cells[1::3], cells[2::3], strict=True
        ):
            if value is not None and (name not in own or at > own[name].at):
                own[name] = Word(value, at, whose or source)
    fields, extras = ({name: word.value for name, word in said.items()} for said in (own, further))
    return Person(profile_id, fields, extras, {**further, **own})


@cache
def _of_people() -> sa.Select[Any]:
    """Profile, source, further fields and PERSON_FIELDS of every origin of given profiles, each with its time and source."""
    profile = sa.func.coalesce(_overrides.c.profile_id, _people.c.origin_id)
    joined = _people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.origin_id)
    # Two look-ups by key, because an expression over the join could use no index.
    origins = sa.union_all(
        sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, GIVEN)),
        sa.select(_people.c.origin_id).where(among(_people.c.origin_id, GIVEN)),
    )
    whole = [_people.c[name] for name in ("source", "extra", "extra_at", "extra_words")]
    ends = ("", "_at", "_source")
    cells = [_people.c[f"{name}{end}"] for name in PERSON_FIELDS for end in ends]
    return (
        sa.select(profile, *whole, *cells)
        .select_from(joined)
        .where(_people.c.origin_id.in_(origins))
        .order_by(_people.c.origin_id)
    )
