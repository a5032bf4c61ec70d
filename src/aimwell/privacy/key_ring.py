"""Keys that other systems show: long and random, shown once, kept as a plain SHA-256, and revoked by a date."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.store.stores import Stores

__all__ = ["KeyRing", "key_hash"]

_KEY_BYTES = 24
_ID_LENGTH = 8


def key_hash(key: str) -> str:
    """What is kept of a key. It is random and long, so no salt and no slow hash are needed."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one kind.

    Args:
        table: key_hash, key_id, created_at, revoked_at, and what else is known of each.
        name: Of the kind, in the audit log: `write_key`.
    """

    table: sa.Table
    name: str

    def create(
        self, stores: Stores, *, now: datetime, by: str, told: dict[str, Any], **known: str
    ) -> tuple[str, sa.Row[Any]]:
        """A new key, which can never be shown again, and its row. `known`: further columns; `told`: to the audit log."""
        key = secrets.token_urlsafe(_KEY_BYTES)
        hashed = key_hash(key)
        key_id = hashed[:_ID_LENGTH]
        values = {"key_hash": hashed, "key_id": key_id, "created_at": now, **known}
        with stores.control.begin() as connection:
            connection.execute(self.table.insert().values(**values))
            row = connection.execute(self._of(key_id)).one()
        stores.audit(f"{self.name}.create", actor=by, subject=key_id, **told)
        return key, row

    def revoke(self, stores: Stores, key_id: str, *, now: datetime, by: str) -> sa.Row[Any] | None:
        """The row of a key that is good no more, since now or since it was revoked before; None: there is no such key."""
        with stores.control.begin() as connection:
            connection.execute(
                sa.update(self.table)
                .where(self.table.c.key_id == key_id, self.table.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            row = connection.execute(self._of(key_id)).one_or_none()
        if row is not None:
            stores.audit(f"{self.name}.revoke", actor=by, subject=key_id)
        return row

    def rows(self, stores: Stores) -> list[sa.Row[Any]]:
        """All keys, newest first, the revoked ones too."""
        query = sa.select(self.table).order_by(self.table.c.created_at.desc(), self.table.c.key_id)
        with stores.read_control() as connection:
            return list(connection.execute(query))

    def good(self, stores: Stores, column: str) -> dict[str, str]:
        """Hash of each key that is good → that column of it: what a server keeps in memory for some seconds."""
        query = sa.select(self.table.c.key_hash, self.table.c[column]).where(
            self.table.c.revoked_at.is_(None)
        )
        with stores.read_control() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def _of(self, key_id: str) -> sa.Select[Any]:
        return sa.select(self.table).where(self.table.c.key_id == key_id)
