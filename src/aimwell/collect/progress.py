"""How far each input of a source was read, where it can tell: a database's cursor, a table's version, an object's mark."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.store.control import upsert
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["keep_object", "keep_progress", "known_object", "read_progress"]

_progress = metadata.tables["source_progress"]
_objects = metadata.tables["source_objects"]


def read_progress(stores: Stores, source: str, name: str) -> dict[str, Any]:
    """What `keep_progress` kept of an input; nothing where it was not read before."""
    query = sa.select(_progress.c.state).where(
        _progress.c.source == source, _progress.c.input == name
    )
    with stores.read_control() as connection:
        return dict(connection.execute(query).scalar_one_or_none() or {})


def keep_progress(
    stores: Stores, source: str, name: str, state: dict[str, Any], *, now: datetime
) -> None:
    """Keep how far an input was read."""
    row = {"source": source, "input": name, "state": state, "read_at": now}
    with stores.control.begin() as connection:
        upsert(connection, _progress, [row], update=("state", "read_at"))


def known_object(stores: Stores, address: str, mark: str) -> tuple[str, int] | None:
    """(SHA-256, size) of an object that was fetched before and has the same mark now."""
    query = sa.select(_objects.c.sha256, _objects.c.size_bytes).where(
        _objects.c.address == address, _objects.c.mark == mark
    )
    with stores.read_control() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else (row.sha256, row.size_bytes)


def keep_object(stores: Stores, address: str, mark: str, sha256: str, size_bytes: int) -> None:
    """Note what an object held when it had this mark."""
    row = {"address": address, "mark": mark, "sha256": sha256, "size_bytes": size_bytes}
    with stores.control.begin() as connection:
        upsert(connection, _objects, [row], update=("mark", "sha256", "size_bytes"))
