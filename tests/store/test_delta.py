"""The Delta library, as the lake relies on it: traps that a new version of it may bring back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from aimwell.store.delta import (
    add_columns,
    append_rows,
    column_names,
    commits,
    files_of,
    has_commit,
    has_transaction,
    is_widened,
    moment,
)

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), ("n", pa.int64())])
ROWS = pa.table([["a"], [1]], schema=SCHEMA)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "a b#é"
    DeltaTable.create(path, schema=SCHEMA)
    return path


def append(table: DeltaTable, number: int, *, app: str = "load") -> None:
    append_rows(table, ROWS, transaction=(app, number), token=f"{app} {number}")


def test_a_transaction_that_came_after_the_table_was_opened_makes_the_commit_fail(
    folder: Path,
) -> None:
    early, late = DeltaTable(folder), DeltaTable(folder)
    append(late, 1)
    with pytest.raises(CommitFailedError):
        append(early, 1)
    assert len(files_of(DeltaTable(folder))) == 1


def test_other_commits_after_the_table_was_opened_do_no_harm(folder: Path) -> None:
    early = DeltaTable(folder)
    append(DeltaTable(folder), 1, app="other")
    append(early, 1)
    assert len(files_of(DeltaTable(folder))) == 2


def test_a_replayed_transaction_would_be_accepted_so_it_must_be_asked_for(folder: Path) -> None:
    append(DeltaTable(folder), 1)
    table = DeltaTable(folder)
    assert has_transaction(table, ("load", 1))
    assert has_transaction(table, ("load", 0))
    assert not has_transaction(table, ("load", 2))
    assert not has_transaction(table, ("other", 0))
    append(table, 1)
    assert len(files_of(DeltaTable(folder))) == 2


def test_a_commit_is_known_by_its_token(folder: Path) -> None:
    append(DeltaTable(folder), 1)
    append(DeltaTable(folder), 2)
    table = DeltaTable(folder)
    assert has_commit(table, "load 1")
    assert not has_commit(table, "load 3")
    assert [entry["version"] for entry in commits(table, limit=9)] == [2, 1, 0]
    assert [entry["version"] for entry in commits(table, limit=2)] == [2, 1]
    (folder / "_delta_log" / f"{1:020}.json").unlink()
    assert [entry["version"] for entry in commits(table, limit=9)] == [2]


def test_files_are_paths_that_can_be_opened(folder: Path) -> None:
    assert files_of(DeltaTable(folder)) == ()
    append(DeltaTable(folder), 1)
    [file] = files_of(DeltaTable(folder))
    assert Path(file).parent == folder
    assert Path(file).exists()


def test_a_widened_table_is_marked(folder: Path) -> None:
    append(DeltaTable(folder), 1)
    assert not is_widened(DeltaTable(folder))
    add_columns(DeltaTable(folder), SCHEMA.append(pa.field("new", pa.float64())))
    table = DeltaTable(folder)
    assert is_widened(table)
    assert column_names(table) == ["id", "n", "new"]


def test_times_of_the_log_are_in_utc() -> None:
    assert moment(1_000) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert moment(None) is None
