"""What earlier loads of a source say: under which mapping and definition, in which currencies."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from aimwell.collect.loads import Load
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["currencies_of_orders", "last_definition", "other_mapping_before"]

_loads = metadata.tables["loads"]


def other_mapping_before(stores: Stores, load: Load, siblings: Collection[str] = ()) -> bool:
    """Whether the newest earlier load of the same entity of the source had another mapping.

    `siblings` are the mappings of further entities of that kind in the source, as of two files of suppressions;
    their loads are passed over.
    """
    query = (
        sa.select(_loads.c.files)
        .where(
            _loads.c.source == load.source,
            _loads.c.entity == load.entity,
            _loads.c.state == "done",
            _loads.c.load_id != load.load_id,
        )
        .order_by(_loads.c.seq.desc())
    )
    with stores.control.read() as connection:
        for files in connection.execute(query).scalars():
            if files.get("replay"):  # it took a few rows; the lake's were taken as before
                continue
            if files["mapping"] == load.mapping:
                return False
            if files["mapping"] not in siblings:
                return True
    return False


def last_definition(stores: Stores, source: str) -> dict[str, Any] | None:
    """The document under which a source was collected last; None where it never was."""
    query = sa.select(_loads.c.files).where(_loads.c.source == source).order_by(_loads.c.seq.desc())
    with stores.control.read() as connection:
        for files in connection.execute(query).scalars():
            if files.get("definition"):
                return dict(files["definition"])
    return None


def currencies_of_orders(stores: Stores) -> dict[str, tuple[str, ...]]:
    """For each load of orders that ended: the currencies of its rows, before they were converted."""
    query = sa.select(_loads.c.load_id, _loads.c.report).where(
        _loads.c.entity == "orders", _loads.c.state == "done"
    )
    with stores.control.read() as connection:
        return {row.load_id: tuple(row.report["currencies"]) for row in connection.execute(query)}
