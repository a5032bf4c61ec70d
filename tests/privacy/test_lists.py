"""Lists with personal data: on demand, noted, readable by their owner, whole or not there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from aimwell.errors import PrivacyError, StorageFullError
from aimwell.privacy.lists import with_personal, write_list
from aimwell.privacy.vault import keep_people
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from shop import make_stores
from small_disk import small_disk_of

AUDIT = metadata.tables["audit_log"]
PEOPLE = pa.table({"profile_id": ["p1", "p2", "p3"]})


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    stores = make_stores(tmp_path, control_url)
    rows = [
        {"origin_id": "p3", "email": "c@example.com", "customer_id": "c"},
        {"origin_id": "p1", "email": "a@example.com", "customer_id": None},
    ]
    keep_people(
        stores, pa.Table.from_pylist(rows), source="crm", set_at=datetime(2026, 3, 1, tzinfo=UTC)
    )
    return stores


def test_fields_stand_beside_their_people_and_the_audit_log_says_who_asked(stores: Stores) -> None:
    listed = with_personal(
        stores, PEOPLE, ["customer_id", "email"], by="ann", subject="segment lapsing"
    )
    assert listed.to_pylist() == [
        {"profile_id": "p1", "customer_id": None, "email": "a@example.com"},
        {"profile_id": "p2", "customer_id": None, "email": None},
        {"profile_id": "p3", "customer_id": "c", "email": "c@example.com"},
    ]
    with stores.read_control() as connection:
        [line] = connection.execute(sa.select(AUDIT).where(AUDIT.c.action == "reveal list")).all()
    assert (line.actor, line.subject) == ("ann", "segment lapsing")
    assert line.detail == {"people": 3, "fields": ["customer_id", "email"]}


def test_a_field_that_is_none_is_refused_and_nothing_is_revealed(stores: Stores) -> None:
    with pytest.raises(PrivacyError, match=r"no personal field 'emial'. Known: customer_id, email"):
        with_personal(stores, PEOPLE, ["emial"], by="ann", subject="x")
    with stores.read_control() as connection:
        assert not connection.execute(sa.select(AUDIT).where(AUDIT.c.action == "reveal list")).all()


def test_a_list_is_written_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "Gäste #1.csv"
    file.write_text("older")
    file.chmod(0o644)
    write_list(PEOPLE, file)
    assert file.read_text() == '"profile_id"\n"p1"\n"p2"\n"p3"\n'
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_list_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match=r"No such file or directory\. Name a file in a folder"):
        write_list(PEOPLE, tmp_path / "none" / "list.csv")
    with pytest.raises(PrivacyError, match="Is a directory"):
        write_list(PEOPLE, tmp_path)


def test_on_a_full_disk_the_older_list_stays(tmp_path: Path) -> None:
    with small_disk_of(8, tmp_path / "disk", way="limit") as disk:
        file = disk.folder / "list.csv"
        write_list(PEOPLE, file)
        disk.fill(10)
        with pytest.raises(StorageFullError):
            write_list(PEOPLE.slice(0, 2), file)
        disk.free()
        assert list(disk.folder.iterdir()) == [file]
        assert file.read_text().count("\n") == 4
