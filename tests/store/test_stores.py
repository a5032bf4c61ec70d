"""The stores of a workspace, opened together."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from aimwell.errors import SettingsError, StoreError, WorkspaceError
from aimwell.settings import FILE_NAME
from aimwell.store import belonging
from aimwell.store.lake import Lake
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores, create_stores, open_stores
from aimwell.store.tables import LAKE_TABLES, Column, LakeTable
from child import child
from lake_rows import events
from postgres import PostgresServer

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Stores]:
    stores = create_stores(tmp_path / "shop")
    yield stores
    stores.close()


def test_a_new_workspace_has_settings_tables_and_keys(tmp_path: Path, control_url: str) -> None:
    stores = create_stores(tmp_path / "shop", control_url=control_url, currency="EUR")
    assert stores.settings.currency == "EUR"
    assert set(stores.lake.pin().tables) == set(LAKE_TABLES)
    assert len(stores.identity_key) == len(stores.token_key) == 32
    assert stores.identity_key != stores.token_key
    again = open_stores(tmp_path / "shop")
    assert again.settings == stores.settings
    assert (again.workspace_id, again.identity_key, again.token_key) == (
        stores.workspace_id,
        stores.identity_key,
        stores.token_key,
    )
    again.close()
    stores.close()


def test_creating_again_keeps_everything(tmp_path: Path) -> None:
    first = create_stores(tmp_path / "shop", currency="EUR")
    first.lake.append("events", events(["a"]))
    text = (first.root / FILE_NAME).read_text()
    first.close()
    second = create_stores(tmp_path / "shop")
    assert (second.root / FILE_NAME).read_text() == text
    assert second.settings.currency == "EUR"
    assert second.workspace_id == first.workspace_id
    assert len(second.lake.pin("events").tables["events"].files) == 1
    second.close()


def test_a_lake_of_an_older_version_gets_its_new_columns_when_it_is_opened(
    shop: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lake.append("events", events(["a"]))
    old = LAKE_TABLES["events"]
    new = LakeTable("events", old.row, (*old.columns, Column("mood", pa.string(), "How it felt.")))
    monkeypatch.setitem(LAKE_TABLES, "events", new)
    versions = shop.lake.pin().versions
    again = open_stores(shop.root)
    with again.engine.session() as session:
        session.bind("events", again.lake.pin("events").tables["events"])
        assert session.rows(sql("SELECT event_id, mood FROM events")) == [("a", None)]
    others = {name: nr for name, nr in again.lake.pin().versions.items() if name != "events"}
    assert others.items() <= versions.items()
    again.close()
    monkeypatch.setattr(Lake, "create", lambda _: pytest.fail("nothing is left to be made"))
    open_stores(shop.root).close()


def test_a_table_that_somebody_deleted_is_made_again_by_init(shop: Stores) -> None:
    shutil.rmtree(shop.root / "lake" / "orders")
    with pytest.raises(StoreError, match="aimwell init"):
        open_stores(shop.root).lake.pin("orders")
    again = create_stores(shop.root)
    assert again.lake.pin("orders").versions == {"orders": 0}
    again.close()


def test_the_keys_are_not_shown(shop: Stores) -> None:
    assert shop.identity_key.hex() not in repr(shop)
    assert str(shop.identity_key) not in repr(shop)


def test_a_given_identity_key_is_used(tmp_path: Path) -> None:
    key = bytes(range(32))
    create_stores(tmp_path / "shop", identity_key=key).close()
    stores = open_stores(tmp_path / "shop")
    assert stores.identity_key == key
    stores.close()


def test_a_new_folder_is_closed_to_others(tmp_path: Path) -> None:
    shop = create_stores(tmp_path / "a" / "shop")
    shop.close()
    assert stat.S_IMODE(os.stat(tmp_path / "a" / "shop").st_mode) == 0o700
    there = tmp_path / "there"
    there.mkdir(mode=0o750)
    (there / "notes.txt").write_text("mine")
    create_stores(there).close()
    assert stat.S_IMODE(os.stat(there).st_mode) == 0o750
    assert (there / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("folder", ["a b", "a#b", "é", "it's", "a&b;c"])
def test_a_workspace_may_lie_in_any_usual_path(tmp_path: Path, folder: str) -> None:
    create_stores(tmp_path / folder).close()
    stores = open_stores(tmp_path / folder)
    stores.lake.append("events", events(["a"]))
    with stores.engine.session() as session:
        session.bind("events", stores.lake.pin("events").tables["events"])
        assert session.rows(sql("SELECT event_id FROM events")) == [("a",)]
    assert (tmp_path / folder / "control.sqlite3").exists()
    stores.close()


@pytest.mark.parametrize("folder", ["a*b", "a[1]", "a?", "100%"])
def test_a_path_that_reads_as_a_pattern_is_refused_before_anything_is_made(
    tmp_path: Path, folder: str
) -> None:
    with pytest.raises(WorkspaceError, match="Choose a path without"):
        create_stores(tmp_path / folder)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("x")
    with pytest.raises(WorkspaceError, match="is a file"):
        create_stores(tmp_path / "shop")


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="aimwell init"):
        open_stores(tmp_path)


def test_wrong_settings_leave_no_file_behind(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="currency"):
        create_stores(tmp_path / "shop", currency="pounds")
    assert list(tmp_path.iterdir()) == []


def test_settings_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_files: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(belonging, "settle", fail)
    with pytest.raises(WorkspaceError, match="No space left"):
        create_stores(tmp_path / "shop")
    assert list((tmp_path / "shop").iterdir()) == []


def test_the_environment_is_not_written_into_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMWELL_CURRENCY", "SEK")
    stores = create_stores(tmp_path / "shop", country="SE")
    assert stores.settings.currency == "SEK"
    stores.close()
    monkeypatch.delenv("AIMWELL_CURRENCY")
    stores = open_stores(tmp_path / "shop")
    assert (stores.settings.currency, stores.settings.country) == ("GBP", "SE")
    stores.close()


def test_a_relative_sqlite_file_lies_in_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    create_stores(tmp_path / "shop", control_url="sqlite:///my.db").close()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    open_stores(tmp_path / "shop").close()
    assert (tmp_path / "shop" / "my.db").exists()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "postgresql://ann:secret@127.0.0.1:1/shop",
            r"ann:\*\*\*@127.0.0.1:1/shop cannot be reached",
        ),
        ("sqlite:////no/such/folder/c.db", "unable to open database file"),
        ("nonsense", "cannot be understood"),
        ("sqlite:///:memory:", "must be a file"),
    ],
)
def test_a_control_database_out_of_reach_is_told_without_its_password(
    tmp_path: Path, url: str, words: str
) -> None:
    with pytest.raises(WorkspaceError, match=words) as caught:
        create_stores(tmp_path / "shop", control_url=url)
    assert "secret" not in str(caught.value)


def test_a_wrong_password_or_database_is_told(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url("no_such_database")
    with pytest.raises(WorkspaceError, match="no_such_database"):
        create_stores(tmp_path / "shop", control_url=url)


def test_a_file_that_is_no_database_is_told(tmp_path: Path, shop: Stores) -> None:
    (tmp_path / "bad.db").write_text("this is not a database " * 100)
    with pytest.raises(WorkspaceError, match="not a database"):
        open_stores(shop.root, control_url=f"sqlite:///{tmp_path / 'bad.db'}")


def test_an_empty_control_database_says_how_to_finish(tmp_path: Path, shop: Stores) -> None:
    with pytest.raises(WorkspaceError, match="Finish the workspace with: aimwell init"):
        open_stores(shop.root, control_url=f"sqlite:///{tmp_path / 'new.db'}")


def test_a_workspace_of_a_newer_version_is_refused(shop: Stores) -> None:
    with shop.control.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WorkspaceError, match="Install the newer version"):
        open_stores(shop.root)


CREATE = """
import sys
from pathlib import Path
from aimwell.store.stores import create_stores
print("ready", flush=True)
input()
stores = create_stores(Path(sys.argv[1]), control_url=sys.argv[2])
print(stores.workspace_id, stores.identity_key.hex(), len(stores.lake.pin().tables), flush=True)
stores.close()
"""


def test_processes_that_make_the_same_workspace_at_once_agree(
    tmp_path: Path, control_url: str
) -> None:
    with (
        child(CREATE, tmp_path / "shop", control_url) as one,
        child(CREATE, tmp_path / "shop", control_url) as two,
    ):
        assert [one.line(), two.line()] == ["ready", "ready"]
        one.go()
        two.go()
        assert one.line() == two.line()
        assert [one.end(), two.end()] == [0, 0]


def test_a_creation_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    for pause in (0.0, 0.05, 0.1, 0.2, 0.4):
        with child(CREATE, tmp_path / "shop", "sqlite:///c.db") as process:
            assert process.line() == "ready"
            process.go()
            process.wait(pause)
            process.kill()
    stores = create_stores(tmp_path / "shop")
    assert set(stores.lake.pin().tables) == set(LAKE_TABLES)
    assert stores.lake.append("events", events(["a"]))
    stores.close()


def test_the_audit_log_keeps_who_did_what(shop: Stores) -> None:
    shop.audit("plan.approved", actor="ann", subject="plan 7", people=12)
    shop.audit("looked", actor="bob")
    table = metadata.tables["audit_log"]
    with shop.read_control() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.id)).all()
    assert [(r.actor, r.action, r.subject, r.detail) for r in rows] == [
        ("ann", "plan.approved", "plan 7", {"people": 12}),
        ("bob", "looked", None, None),
    ]
    assert abs(rows[0].occurred_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_folder_of_the_workspace_is_made_when_asked_for(shop: Stores) -> None:
    assert shop.folder("models") == shop.folder("models") == shop.root / "models"
    assert (shop.root / "models").is_dir()


# --- pins -------------------------------------------------------------------------------------------------


def compacted(shop: Stores) -> Callable[[], int]:
    """Joins the files of all versions so far; returns the vacuum that would remove the old ones."""
    shop.lake.compact("events")
    return lambda: shop.lake.vacuum("events", retention_hours=0)


def test_a_pinned_version_outlives_a_vacuum_until_it_is_given_up(shop: Stores) -> None:
    for name in "abc":
        shop.lake.append("events", events([name]))
    snapshot = shop.lake.pin("events", "orders")
    shop.pin(snapshot, owner="plan:1", until=LATER)
    shop.pin(snapshot, owner="plan:2", until=LATER)
    vacuum = compacted(shop)
    assert vacuum() == 0
    assert shop.unpin("plan:1") == 2
    assert vacuum() == 0, "another plan still reads it"
    assert shop.lake.pinned(snapshot.versions).tables == snapshot.tables
    assert shop.unpin("plan:2") == 2
    assert vacuum() == 3
    assert shop.unpin("plan:2") == 0


def test_a_pin_ends_by_itself(shop: Stores) -> None:
    for name in "ab":
        shop.lake.append("events", events([name]))
    snapshot = shop.lake.pin("events")
    shop.pin(snapshot, owner="plan:1", until=LATER)
    shop.pin(snapshot, owner="plan:1", until=datetime.now(UTC) - timedelta(seconds=1))
    assert compacted(shop)() == 2
    fresh = shop.lake.pin("events")
    shop.pin(fresh, owner="plan:2", until=LATER)
    with shop.read_control() as connection:
        owners = connection.execute(sa.select(metadata.tables["pins"].c.owner)).scalars().all()
    assert owners == ["plan:2"], "what has ended is forgotten"


def test_a_version_that_is_gone_cannot_be_pinned(shop: Stores) -> None:
    for name in "ab":
        shop.lake.append("events", events([name]))
    snapshot = shop.lake.pin("events")
    compacted(shop)()
    with pytest.raises(StoreError, match="removed by a vacuum"):
        shop.pin(snapshot, owner="plan:1", until=LATER)


def test_what_was_pinned_by_another_program_is_kept(shop: Stores) -> None:
    for name in "ab":
        shop.lake.append("events", events([name]))
    other = open_stores(shop.root)
    other.pin(other.lake.pin("events"), owner="report", until=LATER)
    other.close()
    assert compacted(shop)() == 0


def test_stores_are_frozen(shop: Stores) -> None:
    with pytest.raises(AttributeError):
        shop.root = Path("/")  # type: ignore[misc]
    assert replace(shop, workspace_id="x").workspace_id == "x"
