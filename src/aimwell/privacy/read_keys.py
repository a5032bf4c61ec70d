"""Read keys: what another system of the firm's shows to ask what is expected of a person.

A write key stands in every page of a shop; a read key lets something out, so it belongs on servers alone, and one kind is
never good for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.errors import PrivacyError
from aimwell.privacy.key_ring import KeyRing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = [
    "ReadKey",
    "create_read_key",
    "labels_by_hash",
    "list_read_keys",
    "revoke_read_key",
]

_ring = KeyRing(metadata.tables["read_keys"], "read_key")


@dataclass(frozen=True, kw_only=True)
class ReadKey:
    """One read key as it may be shown. `revoked_at`: from then on it lets nothing out; None: it is good."""

    key_id: str
    label: str
    created_at: datetime
    revoked_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "key_id": self.key_id,
            "label": self.label,
            "created_at": self.created_at.isoformat(),
            "revoked_at": self.revoked_at.isoformat() if self.revoked_at else None,
        }


def create_read_key(stores: Stores, label: str, *, now: datetime, by: str) -> tuple[str, ReadKey]:
    """A new key for whoever `label` names: the key itself, which can never be shown again, and its entry."""
    key, row = _ring.create(stores, now=now, by=by, told={"label": label}, label=label)
    return key, _entry(row)


def revoke_read_key(stores: Stores, key_id: str, *, now: datetime, by: str) -> ReadKey:
    """Let nothing out any more under a key; servers that run follow within seconds. One that was revoked stays so.

    Raises:
        PrivacyError: There is no such key.
    """
    row = _ring.revoke(stores, key_id, now=now, by=by)
    if row is None:
        raise PrivacyError(
            f"There is no read key '{key_id}'. List them with: aimwell read-keys list"
        )
    return _entry(row)


def list_read_keys(stores: Stores) -> list[ReadKey]:
    """All keys, newest first, the revoked ones too."""
    return [_entry(row) for row in _ring.rows(stores)]


def labels_by_hash(stores: Stores) -> dict[str, str]:
    """Hash of each good key → who asks with it."""
    return _ring.good(stores, "label")


def _entry(row: sa.Row[Any]) -> ReadKey:
    return ReadKey(
        key_id=row.key_id,
        label=row.label,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
