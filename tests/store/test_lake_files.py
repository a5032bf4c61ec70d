"""Parquet files that become a part of the lake without being written again."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from aimwell.errors import SchemaMismatchError, StoreError
from aimwell.store import lake as lake_module
from aimwell.store.engine import DuckDBEngine
from aimwell.store.lake import Lake
from aimwell.store.sql import sql
from aimwell.store.tables import LAKE_TABLES
from lake_rows import events, values_of


def ids(lake: Lake) -> list[object]:
    with DuckDBEngine(threads=1).session() as session:
        session.bind("t", lake.pin("events").tables["events"])
        return values_of(session.table(sql("SELECT * FROM t")), "event_id")


def written(folder: Path, name: str, rows: pa.Table) -> Path:
    """The rows as a file, as the engine writes it."""
    path = folder / name
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", rows)
        connection.sql("SELECT * FROM rows").write_parquet(str(path))
    return path


def test_files_are_added_once_and_outlive_the_originals(lake: Lake, tmp_path: Path) -> None:
    files = [
        written(tmp_path, "a.parquet", events(["a", "b"])),
        written(tmp_path, "b.parquet", events(["c"])),
    ]
    assert lake.append_files("events", files, transaction=("load", 1))
    assert not lake.append_files("events", files, transaction=("load", 1))
    for file in files:
        file.unlink()
    assert ids(lake) == ["a", "b", "c"]


def test_added_files_live_with_appended_rows_compaction_and_erasure(
    lake: Lake, tmp_path: Path
) -> None:
    lake.append("events", events(["x", "y"]))
    for number, name in enumerate("abc"):
        file = written(tmp_path, f"{name}.parquet", events([name]))
        lake.append_files("events", [file], transaction=(f"load {number}", 1))
    assert lake.compact("events") > 0
    lake.delete_origins("events", ["person-b", "person-x"])
    assert ids(lake) == ["a", "c", "y"]
    lake.vacuum("events", retention_hours=0)
    assert ids(lake) == ["a", "c", "y"]


@pytest.mark.parametrize(
    "wrong",
    [
        events(["a"]).drop_columns(["sku"]),
        events(["a"]).append_column("more", pa.array(["x"])),
        events(["a"]).set_column(8, "quantity", pa.array([1.5])),
        events(["a", None]).cast(pa.schema([f.with_nullable(True) for f in events(["a"]).schema])),
    ],
    ids=["column missing", "column too many", "another type", "null where it must not be"],
)
@pytest.mark.parametrize("statistics", [True, False])
def test_files_that_do_not_fit_are_refused_whole(
    lake: Lake, tmp_path: Path, wrong: pa.Table, statistics: bool
) -> None:
    good = written(tmp_path, "good.parquet", events(["g"]))
    pq.write_table(wrong, tmp_path / "wrong.parquet", write_statistics=statistics)
    with pytest.raises(SchemaMismatchError):
        lake.append_files("events", [good, tmp_path / "wrong.parquet"], transaction=("load", 1))
    assert ids(lake) == []


def test_what_an_older_version_had_prepared_is_taken_once_the_table_has_more_columns(
    tmp_path: Path,
) -> None:
    root = tmp_path / "older"
    schema = LAKE_TABLES["events"].schema
    narrow = pa.schema([field for field in schema if field.name not in ("sku", "machine")])
    DeltaTable.create(root / "events", schema=narrow)
    older = Lake(root, lambda _name: nullcontext())
    older.create()
    file = written(tmp_path, "a.parquet", events(["a"], sku="p").select(narrow.names))
    assert older.append_files("events", [file], transaction=("load", 1))
    older.append("events", events(["b"], sku="p"))
    with DuckDBEngine(threads=1).session() as session:
        session.bind("events", older.pin("events").tables["events"])
        found = session.rows(sql("SELECT event_id, sku, machine FROM events ORDER BY 1"))
    assert found == [("a", None, None), ("b", "p", None)]
    lacking = written(tmp_path, "b.parquet", events(["c"]).drop_columns(["event"]))
    with pytest.raises(SchemaMismatchError):
        older.append_files("events", [lacking], transaction=("load", 2))


def test_a_failed_commit_leaves_no_file_and_can_be_repeated(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "a.parquet", events(["a"]))
    before = sorted(os.listdir(lake.root / "events"))

    def fails(*_: object, **__: object) -> None:
        raise CommitFailedError("overtaken")

    with monkeypatch.context() as patch:
        patch.setattr(lake_module, "add_files", fails)
        with pytest.raises(StoreError):
            lake.append_files("events", [file], transaction=("load", 1))
    assert sorted(os.listdir(lake.root / "events")) == before
    assert lake.append_files("events", [file], transaction=("load", 1))
    assert ids(lake) == ["a"]


def test_a_commit_that_landed_although_its_writer_raised_counts(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "a.parquet", events(["a"]))
    real = lake_module.add_files

    def lands_and_raises(*arguments: object, **named: object) -> None:
        real(*arguments, **named)  # type: ignore[arg-type]
        raise OSError("the answer was lost")

    monkeypatch.setattr(lake_module, "add_files", lands_and_raises)
    assert lake.append_files("events", [file], transaction=("load", 1))
    assert ids(lake) == ["a"]
