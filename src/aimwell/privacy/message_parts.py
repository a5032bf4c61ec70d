"""The personal parts of tracking messages in the vault, and what they say of a person, field by field.

Many messages of a visit have the same personal part (who it was, from which address), so a part is kept once, under a
keyed hash of its content and its person. What is said of a person is kept with the time at which each value was said
last, so that the newest value of a field is the same in whatever order messages arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from aimwell.privacy.erased import without_erased
from aimwell.privacy.vault import keep_people
from aimwell.store.control import SQLITE_SECONDS, insert_columns, insert_statement
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME

__all__ = ["keep_parts", "keep_statements", "read_parts"]

_parts = metadata.tables["vault_parts"]
_statements = metadata.tables["vault_statements"]
_BATCH = 20_000


def keep_parts(stores: Stores, rows: pa.Table, *, received_at: datetime | None = None) -> int:
    """Keep parts: vault_key, origin_id, source, content, first_at, last_at. A known one widens its times.

    `received_at` as for `vault.keep_people`.
    """
    statement = insert_statement(stores.control.is_sqlite, _parts)
    new, old = statement.excluded, _parts.c
    statement = statement.on_conflict_do_update(
        index_elements=["vault_key"],
        set_={
            "first_at": sa.case((new.first_at < old.first_at, new.first_at), else_=old.first_at),
            "last_at": sa.case((new.last_at > old.last_at, new.last_at), else_=old.last_at),
        },
        where=sa.or_(new.first_at < old.first_at, new.last_at > old.last_at),
    )
    return _insert(stores, statement, rows, received_at, times=("first_at", "last_at"))


def read_parts(connection: sa.Connection, vault_keys: Sequence[str]) -> dict[str, str]:
    """vault_key → content; keys of which nothing is known any more are left out."""
    query = sa.select(_parts.c.vault_key, _parts.c.content).where(
        among(_parts.c.vault_key, vault_keys)
    )
    return {row.vault_key: row.content for row in connection.execute(query)}


def keep_statements(stores: Stores, rows: pa.Table, *, received_at: datetime | None = None) -> int:
    """Keep what was said of people, and bring their rows of the vault in step; returns how many people.

    Args:
        stores: The workspace.
        rows: origin_id, source, field (a column of the vault), value, said_at; each combination once.
        received_at: As for `vault.keep_people`.
    """
    statement = insert_statement(stores.control.is_sqlite, _statements)
    new = statement.excluded.said_at
    statement = statement.on_conflict_do_update(
        index_elements=["origin_id", "source", "field", "value"],
        set_={"said_at": new},
        where=new > _statements.c.said_at,
    )
    _insert(stores, statement, rows, received_at, times=("said_at",))
    origins = pc.unique(rows.column("origin_id")).to_pylist()
    for start in range(0, len(origins), _BATCH):
        for source, people in _newest(stores, origins[start : start + _BATCH]):
            keep_people(stores, people, source=source, received_at=received_at)
    return len(origins)


def _newest(stores: Stores, origins: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """For each source: the newest value of each field of the people."""
    query = (
        sa.select(_statements)
        .where(among(_statements.c.origin_id, origins))
        .order_by(_statements.c.said_at, _statements.c.value)
    )
    found: dict[str, dict[str, dict[str, Any]]] = {}
    with stores.control.read() as connection:
        for row in connection.execute(query):
            person = found.setdefault(row.source, {}).setdefault(row.origin_id, {})
            person[row.field] = row.value
            person[f"{row.field}_at"] = person["set_at"] = row.said_at
    for source, people in sorted(found.items()):
        keys = sorted(people)
        columns = {"origin_id": pa.array(keys, pa.string())}
        for name in sorted({name for person in people.values() for name in person}):
            kind = TIME if name.endswith("_at") else pa.string()
            columns[name] = pa.array([people[key].get(name) for key in keys], kind)
        yield source, pa.table(columns)


def _insert(
    stores: Stores,
    statement: Any,
    rows: pa.Table,
    received_at: datetime | None,
    *,
    times: Sequence[str],
) -> int:
    for whole in rows.to_batches(max_chunksize=_BATCH):
        with stores.control.begin() as connection:
            batch = without_erased(connection, whole, received_at)
            if stores.control.is_sqlite:
                texts = {
                    name: (
                        pc.strftime(batch.column(name).cast(TIME), SQLITE_SECONDS)
                        if name in times
                        else batch.column(name)
                    ).to_pylist()
                    for name in batch.schema.names
                }
                insert_columns(connection, statement, texts)
            elif batch.num_rows:
                connection.execute(statement, batch.to_pylist())
    return int(rows.num_rows)
