"""The identifiers under which people came: keyed hashes in the control database, which unify joins by."""

from __future__ import annotations

import pyarrow as pa

from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["customer_kind", "keep_identifiers"]

_identifiers = metadata.tables["identifiers"]
_BATCH = 10_000


def customer_kind(namespace: str | None) -> str:
    """The kind of a customer id: ids of different namespaces never mean the same person."""
    return f"customer_id:{namespace}" if namespace else "customer_id"


def keep_identifiers(stores: Stores, rows: pa.Table, *, source: str) -> int:
    """Keep identifiers; those that are there stay as they are.

    Args:
        rows: kind, value_hash, origin_id, first_seen_at.
        source: Source definition.

    Returns:
        Number of rows read.
    """
    for batch in rows.to_batches(max_chunksize=_BATCH):
        values = [{**row, "source": source} for row in batch.to_pylist()]
        with stores.control.begin() as connection:
            insert_missing(connection, _identifiers, values)
    return int(rows.num_rows)
