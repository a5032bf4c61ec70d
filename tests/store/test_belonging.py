"""A lake is opened only with the control database that its rows belong to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aimwell.errors import ControlAwayError, WorkspaceError
from aimwell.store.belonging import claim, has_rows, is_foreign, refuse_foreign
from aimwell.store.stores import create_stores, open_stores
from lake_rows import events


def with_rows(lake: Path) -> Path:
    (lake / "orders").mkdir(parents=True)
    (lake / "orders" / "part-1.parquet").write_bytes(b"x")
    return lake


def test_a_lake_with_rows_keeps_its_owner(tmp_path: Path) -> None:
    lake = with_rows(tmp_path / "lake")
    claim(lake, "ours", "l1")
    assert has_rows(lake)
    assert not is_foreign(lake, "ours")
    assert is_foreign(lake, "theirs")
    with pytest.raises(WorkspaceError, match="restore the control database from a backup"):
        refuse_foreign(lake, "theirs")


def test_a_lake_without_rows_is_anybodys(tmp_path: Path) -> None:
    claim(tmp_path, "ours", "l1")
    assert not is_foreign(tmp_path, "theirs")
    claim(tmp_path, "theirs", "l2")
    note = {"workspace_id": "theirs", "lake_id": "l2"}
    assert json.loads((tmp_path / "workspace.json").read_text()) == note


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"workspace_id": 7}'])
def test_a_note_that_cannot_be_read_is_written_anew(tmp_path: Path, text: str) -> None:
    lake = with_rows(tmp_path)
    (lake / "workspace.json").write_text(text)
    assert not is_foreign(lake, "ours")
    claim(lake, "ours", "l1")
    assert is_foreign(lake, "theirs")


def test_a_workspace_made_before_gets_its_note_at_the_next_opening(tmp_path: Path) -> None:
    made = create_stores(tmp_path / "shop")
    note = tmp_path / "shop" / "lake" / "workspace.json"
    told = json.loads(note.read_text())
    assert told["workspace_id"] == made.workspace_id
    made.close()
    note.unlink()
    open_stores(tmp_path / "shop").close()
    assert json.loads(note.read_text()) == told


def test_another_control_database_is_refused_before_anything_is_written(
    tmp_path: Path, control_url: str
) -> None:
    mine = create_stores(tmp_path / "shop")
    mine.lake.append("events", events(["a"]))
    mine.close()
    create_stores(tmp_path / "other", control_url=control_url).close()
    for take in (open_stores, create_stores):
        with pytest.raises(WorkspaceError, match="this lake belongs to another one"):
            take(tmp_path / "shop", control_url=control_url)
    open_stores(tmp_path / "shop").close()


def test_a_new_database_for_a_lake_with_rows_is_refused(tmp_path: Path, control_url: str) -> None:
    mine = create_stores(tmp_path / "shop")
    mine.lake.append("events", events(["a"]))
    mine.close()
    for take in (open_stores, create_stores):
        with pytest.raises(WorkspaceError, match="restore the control database"):
            take(tmp_path / "shop", control_url=control_url)


def test_a_server_that_is_away_may_be_there_later(tmp_path: Path) -> None:
    url = "postgresql://ann:secret@127.0.0.1:1/shop"
    with pytest.raises(ControlAwayError) as caught:
        create_stores(tmp_path / "shop", control_url=url)
    assert caught.value.retryable
