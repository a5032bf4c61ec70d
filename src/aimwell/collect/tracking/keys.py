"""Write keys: what a tracking client shows at the door. Each belongs to one source and can be revoked.

A write key stands in every page of a shop, so it only lets messages in and never lets anything out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.errors import CollectError
from aimwell.privacy.key_ring import KeyRing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["WriteKey", "create_key", "list_keys", "revoke_key", "sources_by_hash"]

_ring = KeyRing(metadata.tables["write_keys"], "write_key")


@dataclass(frozen=True, kw_only=True)
class WriteKey:
    """One write key as it may be shown. `revoked_at`: from then on it lets nothing in; None: it is good."""

    key_id: str
    source: str
    label: str
    created_at: datetime
    revoked_at: datetime | None = None


def create_key(
    stores: Stores, source: str, *, label: str = "", now: datetime, by: str
) -> tuple[str, WriteKey]:
    """A new key for the messages of a source: the key itself, which can never be shown again, and its entry."""
    key, row = _ring.create(
        stores, now=now, by=by, told={"source": source}, source=source, label=label
    )
    return key, _entry(row)


def revoke_key(stores: Stores, key_id: str, *, now: datetime, by: str) -> WriteKey:
    """Let nothing in any more under a key; servers that run follow within seconds. One that was revoked stays so.

    Raises:
        CollectError: There is no such key.
    """
    row = _ring.revoke(stores, key_id, now=now, by=by)
    if row is None:
        raise CollectError(
            f"There is no write key '{key_id}'. List them with: aimwell collect keys list"
        )
    return _entry(row)


def list_keys(stores: Stores) -> list[WriteKey]:
    """All keys, newest first, the revoked ones too."""
    return [_entry(row) for row in _ring.rows(stores)]


def sources_by_hash(stores: Stores) -> dict[str, str]:
    """Hash of each good key → its source: what a server keeps in memory for some seconds."""
    return _ring.good(stores, "source")


def _entry(row: sa.Row[Any]) -> WriteKey:
    return WriteKey(
        key_id=row.key_id,
        source=row.source,
        label=row.label,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
