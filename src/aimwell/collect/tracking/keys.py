"""Write keys: what a tracking client shows at the door. Each belongs to one source and can be revoked.

A write key stands in every page of a shop, so it only lets messages in and never lets anything out. It is random
and long, so a plain SHA-256 keeps it; the key itself is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from aimwell.errors import CollectError
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["WriteKey", "create_key", "list_keys", "revoke_key", "sources_by_hash", "write_key_hash"]

_keys = metadata.tables["write_keys"]
_KEY_BYTES = 24
_ID_LENGTH = 8


@dataclass(frozen=True, kw_only=True)
class WriteKey:
    """One write key as it may be shown. `revoked_at`: from then on it lets nothing in; None: it is good."""

    key_id: str
    source: str
    label: str
    created_at: datetime
    revoked_at: datetime | None = None


def write_key_hash(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def create_key(
    stores: Stores, source: str, *, label: str = "", now: datetime, by: str
) -> tuple[str, WriteKey]:
    """A new key for the messages of a source: the key itself, which can never be shown again, and its entry."""
    key = secrets.token_urlsafe(_KEY_BYTES)
    hashed = write_key_hash(key)
    made = WriteKey(key_id=hashed[:_ID_LENGTH], source=source, label=label, created_at=now)
    with stores.control.begin() as connection:
        connection.execute(
            _keys.insert().values(
                key_hash=hashed, key_id=made.key_id, source=source, label=label, created_at=now
            )
        )
    stores.audit("write_key.create", actor=by, subject=made.key_id, source=source)
    return key, made


def revoke_key(stores: Stores, key_id: str, *, now: datetime, by: str) -> WriteKey:
    """Let nothing in any more under a key; servers that run follow within seconds. One that was revoked stays so.

    Raises:
        CollectError: There is no such key.
    """
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(_keys)
            .where(_keys.c.key_id == key_id, _keys.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        row = connection.execute(sa.select(_keys).where(_keys.c.key_id == key_id)).one_or_none()
    if row is None:
        raise CollectError(
            f"There is no write key '{key_id}'. List them with: aimwell collect keys list"
        )
    stores.audit("write_key.revoke", actor=by, subject=key_id)
    return _entry(row)


def list_keys(stores: Stores) -> list[WriteKey]:
    """All keys, newest first, the revoked ones too."""
    query = sa.select(_keys).order_by(_keys.c.created_at.desc(), _keys.c.key_id)
    with stores.read_control() as connection:
        return [_entry(row) for row in connection.execute(query)]


def sources_by_hash(stores: Stores) -> dict[str, str]:
    """Hash of each good key → its source: what a server keeps in memory for some seconds."""
    query = sa.select(_keys.c.key_hash, _keys.c.source).where(_keys.c.revoked_at.is_(None))
    with stores.read_control() as connection:
        return {row.key_hash: row.source for row in connection.execute(query)}


def _entry(row: sa.Row[tuple[object, ...]]) -> WriteKey:
    return WriteKey(
        key_id=row.key_id,
        source=row.source,
        label=row.label,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
