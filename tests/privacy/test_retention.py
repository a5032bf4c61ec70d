"""What the vault holds for a time only goes when its time is over, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from aimwell.collect import quarantine
from aimwell.privacy.retention import forget_old
from aimwell.privacy.vault import keep_rows
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, create_stores
from collecting import COLUMNS, NOW, Shop, source_of

KEY = bytes(range(32))


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    made = create_stores(
        tmp_path / "workspace", identity_key=KEY, control_url=control_url, currency="GBP"
    )
    yield made
    made.close()


def told(stores: Stores, **days: int) -> Stores:
    """The workspace with other settings."""
    settings = stores.settings.model_copy(update=days)
    return Stores(**{**vars(stores), "settings": settings})


def test_rows_of_the_quarantine_go_when_they_have_not_come_again_for_long(
    stores: Stores, tmp_path: Path
) -> None:
    shop = Shop(stores, tmp_path)
    bad = "1,never,ann,mug,1,4.50\n2,2026-01-06,bob,mug,two,4.50\n"
    shop.collect(f"{COLUMNS}\n{bad}3,2026-01-06,cat,mug,1,4\n", source_of())
    later = NOW + timedelta(days=100)
    # The first of them comes again, in another file.
    shop.collect(f"{COLUMNS}\n{bad[: bad.index('2,2026')]}4,2026-01-07,cat,mug,1,4\n", now=later)
    assert forget_old(stores, now=NOW + timedelta(days=179)) == {}
    assert forget_old(stores, now=NOW + timedelta(days=181)) == {"vault_rows": 1}
    found = quarantine(stores, "shop")
    assert (found.counts, found.unkept) == ({"shop": {"not_a_time": 1}}, 1)
    log = metadata.tables["audit_log"]
    with stores.read_control() as connection:
        logged = connection.execute(sa.select(log.c.detail).where(log.c.action == "retention"))
        assert logged.scalars().all() == [{"vault_rows": 1}]
    # Where they stand in a file again they wait again.
    again = NOW + timedelta(days=182)
    shop.collect(f"{COLUMNS}\n{bad}5,2026-01-06,cat,mug,1,4\n", now=again)
    found = quarantine(stores, "shop")
    assert (found.counts, found.unkept) == ({"shop": {"not_a_number": 1, "not_a_time": 1}}, 0)


def test_texts_parts_and_originals_stay_unless_a_setting_says_otherwise(stores: Stores) -> None:
    old = NOW - timedelta(days=40)
    tables = {
        "vault_texts": {"text_id": "t", "kind": "review", "content": "x", "said_at": old},
        "vault_parts": {
            "vault_key": "k",
            "origin_id": "o",
            "content": "{}",
            "first_at": old,
            "last_at": old,
        },
        "vault_originals": {
            "origin_id": "o",
            "field": "email",
            "value": "a@b.c",
            "written": "A@b.c",
            "how": "email",
            "set_at": old,
        },
    }
    with stores.control.begin() as connection:
        for name, row in tables.items():
            connection.execute(sa.insert(metadata.tables[name]).values(source="crm", **row))
    keep_rows(stores, pa.table({"row_hash": ["r"], "content": ["{}"]}), source="crm", kept_at=old)
    assert forget_old(stores, now=NOW) == {}
    month = {"texts_days": 30, "message_parts_days": 30, "originals_days": 30}
    assert forget_old(told(stores, **month, quarantine_days=0), now=NOW) == dict.fromkeys(tables, 1)
