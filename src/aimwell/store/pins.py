"""Pins: versions of lake tables that somebody still reads, so that a vacuum keeps their files."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from aimwell.store.control import Control, upsert
from aimwell.store.schema import metadata
from aimwell.store.versions import Snapshot

__all__ = ["Pins"]

_table = metadata.tables["pins"]


class Pins:
    """The pins of a workspace, kept in the control database."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def pin(self, snapshot: Snapshot, *, owner: str, until: datetime) -> None:
        """Keep the files of `snapshot` until then; pinning the same again by the same owner moves `until`."""
        rows = [
            {"table_name": name, "version": version, "owner": owner, "until": until}
            for name, version in snapshot.versions.items()
        ]
        with self._control.begin() as connection:
            connection.execute(sa.delete(_table).where(_table.c.until < datetime.now(UTC)))
            upsert(connection, _table, rows, update=("until",))

    def unpin(self, owner: str) -> int:
        """Forget all pins of `owner`; returns how many there were."""
        with self._control.begin() as connection:
            return connection.execute(sa.delete(_table).where(_table.c.owner == owner)).rowcount

    def versions(self, table: str) -> frozenset[int]:
        """The versions of `table` that are pinned now."""
        query = sa.select(_table.c.version).where(
            _table.c.table_name == table, _table.c.until >= datetime.now(UTC)
        )
        with self._control.read() as connection:
            return frozenset(connection.execute(query).scalars())
