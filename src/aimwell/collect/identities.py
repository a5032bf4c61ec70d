"""The identifiers under which people came: keyed hashes in the control database, which unify joins by."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from aimwell.store.control import (
    SQLITE_TIME,
    insert_columns,
    insert_statement,
)
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["customer_kind", "keep_identifiers"]

_identifiers = metadata.tables["identifiers"]
_BATCH = 50_000
_SECONDS = SQLITE_TIME.removesuffix(".%f")  # Arrow adds the fraction to the seconds


def customer_kind(namespace: str | None) -> str:
    """The kind of a customer id: ids of different namespaces never mean the same person."""
    return f"customer_id:{namespace}" if namespace else "customer_id"


def keep_identifiers(stores: Stores, rows: pa.Table, *, source: str, earliest: bool = False) -> int:
    """Keep identifiers; those that are there stay as they are.

    Args:
        rows: kind, value_hash, origin_id, first_seen_at.
        source: Source definition.
        earliest: Of one that is there the time becomes the earlier one, for what does not come in order.

    Returns:
        Number of rows read.
    """
    for batch in rows.to_batches(max_chunksize=_BATCH):
        with stores.control.begin() as connection:
            if stores.control.is_sqlite:
                _insert_texts(connection, batch, source, earliest=earliest)
            else:
                values = [{**row, "source": source} for row in batch.to_pylist()]
                connection.execute(_statement(False, earliest), values)
    return int(rows.num_rows)


def _statement(is_sqlite: bool, earliest: bool) -> Any:
    statement = insert_statement(is_sqlite, _identifiers)
    if not earliest:
        return statement.on_conflict_do_nothing()
    new = statement.excluded.first_seen_at
    return statement.on_conflict_do_update(
        index_elements=["kind", "value_hash", "origin_id"],
        set_={"first_seen_at": new},
        where=new < _identifiers.c.first_seen_at,
    )


def _insert_texts(
    connection: sa.Connection, rows: pa.RecordBatch, source: str, *, earliest: bool
) -> None:
    """The same with times as the text that SQLite keeps: half the time for a million."""
    names = ("kind", "value_hash", "origin_id")
    texts = {name: rows.column(name).to_pylist() for name in names}
    texts["source"] = [source] * rows.num_rows
    texts["first_seen_at"] = pc.strftime(rows.column("first_seen_at"), _SECONDS).to_pylist()
    insert_columns(connection, _statement(True, earliest), texts)
