"""Write keys: shown once, kept as hashes, revocable."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from aimwell.collect.tracking.keys import (
    create_key,
    list_keys,
    revoke_key,
    sources_by_hash,
)
from aimwell.errors import CollectError
from aimwell.privacy.key_ring import key_hash
from aimwell.store.schema import metadata
from collecting import Shop

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_key_lets_in_until_it_is_revoked(shop: Shop) -> None:
    key, made = create_key(shop.stores, "web", label="the shop's pages", now=NOW, by="ann")
    other, _ = create_key(shop.stores, "app", now=LATER, by="ann")
    assert sources_by_hash(shop.stores) == {
        key_hash(key): "web",
        key_hash(other): "app",
    }
    assert revoke_key(shop.stores, made.key_id, now=LATER, by="ann").revoked_at == LATER
    assert sources_by_hash(shop.stores) == {key_hash(other): "app"}
    assert [(one.source, one.revoked_at) for one in list_keys(shop.stores)] == [
        ("app", None),
        ("web", LATER),
    ]


def test_revoking_again_keeps_the_first_moment(shop: Shop) -> None:
    _, made = create_key(shop.stores, "web", now=NOW, by="ann")
    revoke_key(shop.stores, made.key_id, now=NOW, by="ann")
    assert revoke_key(shop.stores, made.key_id, now=LATER, by="ann").revoked_at == NOW


def test_an_unknown_key_is_told(shop: Shop) -> None:
    with pytest.raises(CollectError, match="no write key 'abc'"):
        revoke_key(shop.stores, "abc", now=NOW, by="ann")


def test_the_key_itself_is_kept_nowhere(shop: Shop) -> None:
    key, _ = create_key(shop.stores, "web", now=NOW, by="ann")
    assert ":" not in key
    with shop.stores.read_control() as connection:
        for table in ("write_keys", "audit_log"):
            rows = connection.execute(sa.select(metadata.tables[table])).all()
            assert rows
            assert key not in repr(rows)
