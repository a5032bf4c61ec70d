"""Read keys by the command line: shown once, kept nowhere, revoked for good."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from aimwell.collect.tracking.keys import sources_by_hash
from aimwell.privacy.key_ring import key_hash
from aimwell.privacy.read_keys import labels_by_hash
from aimwell.store.schema import metadata
from aimwell.store.stores import open_stores
from command import Run


def test_read_keys_are_made_listed_and_revoked(run: Run, shop: Path) -> None:
    made = run("read-keys", "create", "web shop", "-w", "shop", "--json").json
    told = run("read-keys", "create", "mailer", "-w", "shop").out.splitlines()
    assert "shown this once" in told[0]
    other = told[1]
    assert min(len(made["read_key"]), len(other)) >= 32
    listed = run("read-keys", "list", "-w", "shop", "--json").json
    assert {one["label"] for one in listed} == {"web shop", "mailer"}
    stores = open_stores(shop)
    assert labels_by_hash(stores) == {
        key_hash(made["read_key"]): "web shop",
        key_hash(other): "mailer",
    }
    assert sources_by_hash(stores) == {}  # no write keys
    with stores.read_control() as connection:
        for table in ("read_keys", "audit_log"):
            kept = repr(connection.execute(sa.select(metadata.tables[table])).all())
            assert made["key_id"] in kept
            assert made["read_key"] not in kept
    first = run("read-keys", "revoke", made["key_id"], "-w", "shop", "--json").json["revoked_at"]
    again = run("read-keys", "revoke", made["key_id"], "-w", "shop", "--json").json["revoked_at"]
    assert first == again
    assert labels_by_hash(stores) == {key_hash(other): "mailer"}
    stores.close()
    wrong = run("read-keys", "revoke", "nothing", "-w", "shop", code=1)
    assert "aimwell read-keys list" in wrong.err
    shown = run("read-keys", "list", "-w", "shop").out
    assert made["key_id"] in shown
    assert other not in shown
