"""Damage in a table's log is told, also where the library reads over it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aimwell.cli.doctor.command import examine
from aimwell.cli.doctor.table_log import log_damage
from lake_rows import events
from workspaces import new_workspace


@pytest.fixture
def table(tmp_path: Path) -> Path:
    stores = new_workspace(tmp_path / "shop", identity_key=bytes(32))
    for name in "abc":
        stores.lake.append("events", events([name]))
    stores.close()
    return tmp_path / "shop" / "lake" / "events"


def commit(table: Path, number: int) -> Path:
    return table / "_delta_log" / f"{number:020}.json"


def told(table: Path) -> list[str]:
    found = examine(table.parent.parent, now=datetime.now(UTC))
    return [one.told for one in found if one.check == "lake" and one.state == "fault"]


def test_a_whole_log_is_well(table: Path) -> None:
    assert list(log_damage(table)) == []
    assert told(table) == []


def test_an_empty_commit_is_named(table: Path) -> None:
    commit(table, 3).write_bytes(b"")
    [found] = told(table)
    assert f"{3:020}.json is empty" in found
    assert "'events'" in found


@pytest.mark.parametrize("text", ['{"commitInfo": {"time', "7\n", "\x00" * 40])
def test_a_commit_that_cannot_be_read_is_named(table: Path, text: str) -> None:
    commit(table, 2).write_text(text, encoding="utf-8")
    found = told(table)
    assert f"{2:020}.json cannot be read" in found[0]
    assert all("\n" not in one and "<unknown>" not in one for one in found)


def test_a_gap_is_named(table: Path) -> None:
    commit(table, 1).unlink()
    assert list(log_damage(table)) == ["version 1 of 3 is missing"]
    commit(table, 0).unlink()
    assert list(log_damage(table)) == ["version 0 and 1 more of 3 is missing"]


def test_what_a_checkpoint_holds_may_be_gone(table: Path) -> None:
    (table / "_delta_log" / f"{1:020}.checkpoint.parquet").write_bytes(b"x")
    commit(table, 0).unlink()
    commit(table, 1).unlink()
    assert list(log_damage(table)) == []
    commit(table, 2).unlink()
    assert list(log_damage(table)) == ["version 2 of 3 is missing"]
