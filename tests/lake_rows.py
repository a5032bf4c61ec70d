"""Rows for lake tables in tests, and the source that opens a lake in a child process."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from aimwell.store.tables import LAKE_TABLES

__all__ = ["NOON", "OPEN_LAKE", "events", "values_of"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

# argv: the lake's folder, the URL of the control database with the leases.
OPEN_LAKE = """
import sys
from pathlib import Path
from aimwell.store.control import Control
from aimwell.store.lake import Lake
from aimwell.store.leases import Leases
from lake_rows import events
control = Control(sys.argv[2])
lake = Lake(Path(sys.argv[1]), Leases(control, seconds=5).hold)
"""


def events(ids: Iterable[str | None], **columns: object) -> pa.Table:
    """Rows of the table `events` with these ids; `columns` gives the same value to each row."""
    names = pa.array(list(ids), pa.string())
    usual = {
        "event": "Product Viewed",
        "occurred_at": NOON,
        "revenue": Decimal("1.2500"),
        "source": "test",
        "received_at": NOON,
    } | columns
    made = {"event_id": names, "origin_id": pc.binary_join_element_wise("person", names, "-")}
    schema = LAKE_TABLES["events"].schema
    return pa.table(
        [
            made[field.name]
            if field.name in made and field.name not in columns
            else pa.repeat(pa.scalar(usual.get(field.name), field.type), len(names))
            for field in schema
        ],
        schema=schema,
    )


def values_of(table: pa.Table, name: str) -> list[object]:
    """A column as a sorted list."""
    return sorted(table.column(name).to_pylist())
