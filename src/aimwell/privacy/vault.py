"""The vault: the only place of personal data, in the control database.

A row is what is known of one origin. Newer values win, and what a newer row does not say stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aimwell.store.control import (
    SQLITE_TIME,
    insert_columns,
    insert_missing,
    insert_statement,
)
from aimwell.store.listed import GIVEN, among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

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

_people = metadata.tables["vault_people"]
_rows = metadata.tables["vault_rows"]
_texts_table = metadata.tables["vault_texts"]
_overrides = metadata.tables["identity_overrides"]
_BATCH = 5_000


@dataclass(frozen=True)
class Person:
    """What the vault knows of one profile, merged over its origins, the newest first."""

    profile_id: str
    fields: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def email(self) -> str | None:
        """E-mail address."""
        return self.fields.get("email")

    @property
    def phone(self) -> str | None:
        """Telephone number in E.164."""
        return self.fields.get("phone")


def keep_people(
    stores: Stores, rows: pa.Table, *, source: str, set_at: datetime | None = None
) -> int:
    """Keep what `rows` say of people.

    Args:
        rows: One row per `origin_id`, with any of PERSON_FIELDS as text and `extra` as JSON text.
        source: Source definition.
        set_at: When it was said; older sayings do not overwrite newer ones. None: `rows` say it in `set_at`.

    Returns:
        Number of rows kept.
    """
    names = [name for name in PERSON_FIELDS if name in rows.schema.names]
    statement = insert_statement(stores.control.is_sqlite, _people)
    new, old = statement.excluded, _people.c
    newer = new.set_at >= old.set_at
    changes: dict[str, Any] = {
        name: sa.case(
            (newer, sa.func.coalesce(new[name], old[name])),
            else_=sa.func.coalesce(old[name], new[name]),
        )
        for name in names
    }
    if "extra" in rows.schema.names:
        changes["extra"] = sa.case(
            (newer, _laid_over(stores, old.extra, new.extra)),
            else_=_laid_over(stores, new.extra, old.extra),
        )
    changes["set_at"] = sa.case((newer, new.set_at), else_=old.set_at)
    statement = statement.on_conflict_do_update(index_elements=["origin_id"], set_=changes)
    for batch in rows.to_batches(max_chunksize=_BATCH):
        if not batch.num_rows:
            continue
        with stores.control.begin() as connection:
            if stores.control.is_sqlite:
                insert_columns(connection, statement, _texts(batch, source, set_at))
                continue
            values = batch.to_pylist()
            for value in values:
                value["source"] = source
                if set_at is not None:
                    value["set_at"] = set_at
                if "extra" in value:
                    value["extra"] = json.loads(value["extra"]) if value["extra"] else sa.null()
            connection.execute(statement, values)
    return int(rows.num_rows)


def _laid_over(
    stores: Stores, below: sa.ColumnElement[Any], above: sa.ColumnElement[Any]
) -> sa.ColumnElement[Any]:
    """Two objects as one: what the one above says, and what only the one below does."""
    joined = sa.func.json_patch if stores.control.is_sqlite else sa.func.jsonb_concat
    both = joined(below, above)
    return sa.case((below.is_(None), above), (above.is_(None), below), else_=both)


def _texts(
    rows: pa.RecordBatch, source: str, set_at: datetime | None
) -> dict[str, Sequence[str | None]]:
    """Rows of people as SQLite keeps them."""
    texts: dict[str, Sequence[str | None]] = {
        name: rows.column(name).to_pylist() for name in rows.schema.names
    }
    if "extra" in texts:
        texts["extra"] = [text or None for text in texts["extra"]]
    said: Sequence[Any] = rows.column("set_at").to_pylist() if set_at is None else [set_at]
    when = [moment.astimezone(UTC).strftime(SQLITE_TIME) for moment in said]
    texts["set_at"] = when if set_at is None else when * rows.num_rows
    return {**texts, "source": [source] * rows.num_rows}


def keep_rows(stores: Stores, rows: pa.Table, *, source: str, kept_at: datetime) -> int:
    """Keep quarantined rows: `row_hash` and `content` (the row as JSON text); of known ones the time at which they came
    last."""
    statement = insert_statement(stores.control.is_sqlite, _rows)
    new = statement.excluded.kept_at
    statement = statement.on_conflict_do_update(
        index_elements=["row_hash"], set_={"kept_at": new}, where=new > _rows.c.kept_at
    )
    for batch in rows.to_batches(max_chunksize=_BATCH):
        values = [{**row, "source": source, "kept_at": kept_at} for row in batch.to_pylist()]
        if values:
            with stores.control.begin() as connection:
                connection.execute(statement, values)
    return int(rows.num_rows)


def known_rows(connection: sa.Connection, hashes: Sequence[str]) -> list[str]:
    """Those of the hashes under which the vault has a quarantined row."""
    query = sa.select(_rows.c.row_hash).where(among(_rows.c.row_hash, hashes))
    return sorted(connection.execute(query).scalars())


def keep_texts(stores: Stores, rows: pa.RecordBatch, *, source: str) -> None:
    """Keep free texts: text_id, origin_id (null: nobody known), kind, content, said_at. Known ones stay as they are."""
    values = [{**row, "source": source} for row in rows.to_pylist()]
    with stores.control.begin() as connection:
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
    found: dict[str, Person] = {}
    for profile_id, extra, *values in connection.execute(_of_people(), {"ids": profile_ids}).all():
        if profile_id not in wanted:
            continue
        fields = {
            name: value
            for name, value in zip(PERSON_FIELDS, values, strict=True)
            if value is not None
        }
        newer = found.get(profile_id)
        if newer is None:
            found[profile_id] = Person(profile_id, fields, extra or {})
        else:
            found[profile_id] = Person(
                profile_id, {**fields, **newer.fields}, {**(extra or {}), **newer.extra}
            )
    return found


@cache
def _of_people() -> sa.Select[Any]:
    """Profile, further fields and PERSON_FIELDS of every origin of given profiles, the newest first."""
    profile = sa.func.coalesce(_overrides.c.profile_id, _people.c.origin_id)
    joined = _people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.origin_id)
    # Two look-ups by key, because an expression over the join could use no index.
    origins = sa.union_all(
        sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, GIVEN)),
        sa.select(_people.c.origin_id).where(among(_people.c.origin_id, GIVEN)),
    )
    return (
        sa.select(profile, _people.c.extra, *(_people.c[name] for name in PERSON_FIELDS))
        .select_from(joined)
        .where(_people.c.origin_id.in_(origins))
        .order_by(_people.c.set_at.desc(), _people.c.origin_id)
    )
