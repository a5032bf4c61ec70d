"""The identifiers under which people came: keyed hashes in the control database, which unify joins by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aimwell.privacy.erased import without_erased
from aimwell.store.control import (
    insert_columns,
    insert_statement,
)
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["customer_kind", "keep_identifiers"]

_identifiers = metadata.tables["identifiers"]
_BATCH = 50_000


def customer_kind(namespace: str | None) -> str:
    """The kind of a customer id: ids of different namespaces never mean the same person."""
    return f"customer_id:{namespace}" if namespace else "customer_id"


def keep_identifiers(
    stores: Stores, rows: pa.Table, *, source: str, received_at: datetime | None = None
) -> int:
    """Keep identifiers; of those that are there the earliest sight counts, in whatever order they are told.

    Args:
        rows: kind, value_hash, origin_id, first_seen_at.
        source: Source definition.
        received_at: When they came: of people who were erased since nothing is kept. None: just now.

    Returns:
        Number of rows read.
    """
    for batch in rows.to_batches(max_chunksize=_BATCH):
        with stores.control.begin() as connection:
            kept = without_erased(connection, batch, received_at)
            if not kept.num_rows:
                continue
            if stores.control.is_sqlite:
                _insert_texts(connection, kept, source)
            else:
                values = [{**row, "source": source} for row in kept.to_pylist()]
                connection.execute(_statement(is_sqlite=False), values)
    return int(rows.num_rows)


def _statement(*, is_sqlite: bool) -> Any:
    """An insert that changes what is there where the new row was seen before it (by name, where both were at once)."""
    statement = insert_statement(is_sqlite, _identifiers)
    new, old = statement.excluded, _identifiers.c
    earlier = sa.or_(
        new.first_seen_at < old.first_seen_at,
        sa.and_(new.first_seen_at == old.first_seen_at, new.source < old.source),
    )
    return statement.on_conflict_do_update(
        index_elements=["kind", "value_hash", "origin_id"],
        set_={"first_seen_at": new.first_seen_at, "source": new.source},
        where=earlier,
    )


def _insert_texts(connection: sa.Connection, rows: pa.RecordBatch, source: str) -> None:
    """The same with times as the text that SQLite keeps: half the time for a million."""
    names = ("kind", "value_hash", "origin_id")
    texts = {name: rows.column(name).to_pylist() for name in names}
    texts["source"] = [source] * rows.num_rows
    # Arrow writes a time without a zone just so, ten times faster than by a form.
    when = rows.column("first_seen_at").cast(pa.timestamp("us"))
    texts["first_seen_at"] = when.cast(pa.string()).to_pylist()
    insert_columns(connection, _statement(is_sqlite=True), texts)
