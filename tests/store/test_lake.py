"""The lake: all or nothing, once, whoever is killed; and readers who are never disturbed."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from aimwell.errors import SchemaMismatchError, StoreError, WorkspaceError
from aimwell.store import lake as lake_module
from aimwell.store.engine import DuckDBEngine
from aimwell.store.lake import Lake, empty_table, refuse_unusable_path
from aimwell.store.sql import sql
from aimwell.store.tables import LAKE_TABLES
from aimwell.store.versions import TableVersion
from child import child
from lake_rows import OPEN_LAKE, events, values_of


def read(version: TableVersion) -> pa.Table:
    """All rows of a pinned version, as a stage reads them."""
    with DuckDBEngine(threads=1).session() as session:
        session.bind("t", version)
        return session.table(sql("SELECT * FROM t"))


def ids(lake: Lake) -> list[object]:
    return values_of(read(lake.pin("events").tables["events"]), "event_id")


def fields_of(table: DeltaTable) -> list[dict[str, Any]]:
    """The columns as any reader of Delta tables sees them."""
    fields: list[dict[str, Any]] = json.loads(table.schema().to_json())["fields"]
    return fields


def data_files(lake: Lake, name: str = "events") -> set[str]:
    return {entry.name for entry in os.scandir(lake.root / name) if entry.is_file()}


# --- tables -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAKE_TABLES)
def test_every_canonical_table_is_there_with_its_columns_and_types(lake: Lake, name: str) -> None:
    version = lake.pin(name).tables[name]
    assert version.schema == LAKE_TABLES[name].schema
    table = DeltaTable(lake.root / name)
    assert (table.metadata().name, table.metadata().description) == (name, LAKE_TABLES[name].row)
    told = {field["name"]: field["metadata"]["comment"] for field in fields_of(table)}
    assert told == {column.name: column.help for column in LAKE_TABLES[name].columns}


@pytest.mark.parametrize("name", LAKE_TABLES)
def test_an_empty_table_reads_with_canonical_columns_and_types(lake: Lake, name: str) -> None:
    found = read(lake.pin(name).tables[name])
    assert found.num_rows == 0
    # DuckDB tells nothing of columns that are never null.
    assert found.schema == pa.schema([f.with_nullable(True) for f in LAKE_TABLES[name].schema])
    assert empty_table(name).schema == LAKE_TABLES[name].schema


def test_creating_again_changes_nothing(lake: Lake) -> None:
    lake.append("events", events(["a"]))
    before = lake.pin().versions
    lake.create()
    assert lake.pin().versions == before
    assert ids(lake) == ["a"]


def test_a_creation_that_was_cut_short_is_finished(lake: Lake) -> None:
    shutil.rmtree(lake.root / "orders")
    shutil.rmtree(lake.root / "events" / "_delta_log")
    (lake.root / "events" / "_delta_log").mkdir()
    lake.create()
    assert lake.append("events", events(["a"]))
    assert set(lake.pin().tables) == set(LAKE_TABLES)


def test_a_column_that_came_later_is_null_in_older_files_and_versions(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    old = LAKE_TABLES["events"].schema
    narrow = pa.schema([field for field in old if field.name not in {"revenue", "session_id"}])
    DeltaTable.create(root / "events", schema=narrow)
    rows = events(["before"]).select(narrow.names)
    lake_module.append_rows(
        DeltaTable(root / "events"), rows.cast(narrow), transaction=None, token="x"
    )
    lake = Lake(root, lambda _: nullcontext())
    first = lake.pin("events")
    lake.create()
    for version in (first, lake.pin("events"), lake.pinned(first.versions)):
        found = read(version.tables["events"]).to_pylist()
        assert [(r["event_id"], r["revenue"], r["session_id"]) for r in found] == [
            ("before", None, None)
        ]
    lake.append("events", events(["after"], session_id="s"))
    found = read(lake.pin("events").tables["events"])
    assert values_of(found, "event_id") == ["after", "before"]
    assert set(found.column("revenue").to_pylist()) == {None, Decimal("1.2500")}
    assert found.schema.names == old.names
    comments = [
        field["metadata"].get("comment") for field in fields_of(DeltaTable(root / "events"))
    ]
    assert "Money value that the event reports." in comments


def test_a_table_whose_comments_were_written_otherwise_gets_its_new_columns(tmp_path: Path) -> None:
    """An older workspace has the comments of its day; the Delta library refuses to merge two of one column."""
    root = tmp_path / "lake"
    documented = LAKE_TABLES["events"].documented_schema
    older = [
        field.with_metadata({"comment": "In other words."})
        for field in documented
        if field.name not in {"revenue", "session_id"}
    ]
    DeltaTable.create(root / "events", schema=pa.schema(older))
    lake = Lake(root, lambda _: nullcontext())
    lake.create()
    lake.append("events", events(["after"], session_id="s"))
    assert read(lake.pin("events").tables["events"]).to_pylist()[0]["session_id"] == "s"
    comments = [
        field["metadata"].get("comment") for field in fields_of(DeltaTable(root / "events"))
    ]
    assert "In other words." in comments
    assert "Money value that the event reports." in comments


def test_an_unknown_table_is_refused_with_the_nearest_name(lake: Lake) -> None:
    with pytest.raises(StoreError, match=r"no table 'event'.*Did you mean 'events'"):
        lake.append("event", events([]))


def test_a_lake_without_its_tables_says_how_to_repair_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="aimwell init"):
        Lake(tmp_path / "nothing", lambda _: nullcontext()).pin("events")


# --- values -----------------------------------------------------------------------------------------------


def test_values_survive_to_the_last_digit(lake: Lake) -> None:
    kathmandu = datetime.fromisoformat("2026-03-29T01:30:00.123456+05:45")
    rows = events(
        ["9223372036854775807", "0012", "  ", "ünï\n💌'\"\\"],
        revenue=Decimal("99999999999999.9999"),
        occurred_at=kathmandu,
        properties='{"a": "\\u0000"}',
    )
    lake.append("events", rows)
    found = read(lake.pin("events").tables["events"])
    assert values_of(found, "event_id") == sorted(rows.column("event_id").to_pylist())
    assert set(found.column("revenue").to_pylist()) == {Decimal("99999999999999.9999")}
    assert set(found.column("occurred_at").to_pylist()) == {kathmandu}
    assert found.column("occurred_at").to_pylist()[0].utcoffset() == timedelta(0)
    assert set(found.column("properties").to_pylist()) == {'{"a": "\\u0000"}'}


@pytest.mark.parametrize(
    "folder", ["a b", "a#b", "aé ü", "a&b+c=d", "it's", 'say "x"', "a,b;c", "$HOME", "~", "日本"]
)
def test_any_usual_path_works(empty_lake: Path, tmp_path: Path, folder: str) -> None:
    lake = Lake(shutil.copytree(empty_lake, tmp_path / folder / "lake"), lambda _: nullcontext())
    lake.append("events", events(["a"]))
    lake.append("events", events(["b"]))
    assert ids(lake) == ["a", "b"]
    assert lake.compact("events") == 1
    assert lake.vacuum("events", retention_hours=0) == 2
    assert len(data_files(lake)) == 1
    assert ids(lake) == ["a", "b"]
    assert [entry[2] for entry in lake.history("events")][-3:] == ["WRITE", "WRITE", "CREATE TABLE"]
    lake.delete_origins("events", ["person-a"])
    assert ids(lake) == ["b"]


@pytest.mark.parametrize("character", "*[]?%")
def test_a_path_that_readers_take_for_a_pattern_is_refused(character: str) -> None:
    with pytest.raises(WorkspaceError, match="Choose a path without"):
        refuse_unusable_path(Path(f"/data/my{character}shop"))
    with pytest.raises(WorkspaceError):
        Lake(Path(f"/data/my{character}shop"), lambda _: nullcontext())


# --- what is refused --------------------------------------------------------------------------------------


def wrong_rows() -> dict[str, tuple[pa.Table, str]]:
    good = events(["a"])
    naive = good.column("occurred_at").cast(pa.timestamp("us"))
    occurred = good.schema.get_field_index("occurred_at")
    revenue = good.schema.get_field_index("revenue")
    no_id = good.set_column(0, "event_id", pa.array([None], pa.string()))
    return {
        "missing": (good.drop_columns(["event"]), "missing: event"),
        "unknown": (good.append_column("colour", pa.array(["red"])), "unknown: colour"),
        "twice": (good.append_column("event", pa.array(["x"])), "twice: event"),
        "float for money": (
            good.set_column(revenue, "revenue", pa.array([1.5])),
            r"revenue is double, not decimal128\(18, 4\)",
        ),
        "money with other digits": (
            good.set_column(revenue, "revenue", pa.array([Decimal(1)], pa.decimal128(18, 2))),
            r"revenue is decimal128\(18, 2\)",
        ),
        "time without a zone": (
            good.set_column(occurred, "occurred_at", naive),
            r"occurred_at is timestamp\[us\]",
        ),
        "number for an id": (good.set_column(0, "event_id", pa.array([1])), "event_id is int64"),
        "null": (no_id, "lack a required value in: event_id"),
    }


@pytest.mark.parametrize("case", wrong_rows())
@pytest.mark.parametrize("as_stream", [False, True])
def test_wrong_rows_are_refused_and_nothing_is_written(
    lake: Lake, case: str, as_stream: bool
) -> None:
    rows, words = wrong_rows()[case]
    before = data_files(lake)
    given: Any = iter([*events(["good"]).to_batches(), *rows.to_batches()]) if as_stream else rows
    with pytest.raises(SchemaMismatchError, match=words):
        lake.append("events", given)
    assert ids(lake) == []
    assert data_files(lake) == before, "no file of the failed write is left behind"


def test_a_reader_of_wrong_batches_is_refused_before_it_is_read(lake: Lake) -> None:
    reader = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.int64())]), iter([]))
    with pytest.raises(SchemaMismatchError, match="unknown: x"):
        lake.append("events", reader)


def test_an_error_inside_a_stream_comes_out_as_it_is(lake: Lake) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from events(["a"]).to_batches()
        raise StoreError("the source is gone")

    before = data_files(lake)
    with pytest.raises(StoreError, match=r"^the source is gone$"):
        lake.append("events", batches())
    assert (ids(lake), data_files(lake)) == ([], before)


# --- once -------------------------------------------------------------------------------------------------


def test_what_was_written_is_down_on_the_disk_before_append_returns(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    down: list[Path] = []
    real = os.fsync

    def note(handle: int) -> None:
        down.append(Path(os.readlink(f"/proc/self/fd/{handle}")))
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    folder = lake.root / "events"
    before = set(folder.rglob("*"))
    for change in (
        lambda: lake.append("events", events(["a"])),
        lambda: lake.append("events", iter(events(["b"]).to_batches())),
        lambda: lake.compact("events"),
        lambda: lake.delete_origins("events", ["person-a"]),
    ):
        change()
        new = set(folder.rglob("*")) - before
        before |= new
        assert len(new) >= 2
        assert new | {folder, folder / "_delta_log"} == set(down)
        logged = [path for path in down if path.suffix == ".json"]
        data = [path for path in down if path.suffix == ".parquet"]
        assert down.index(logged[0]) > down.index(data[-1]), "the log counts only with its data"
        down.clear()


def test_streams_are_written_whole(lake: Lake) -> None:
    parts = [events([f"{i:02}-{j}" for j in range(3)]) for i in range(20)]
    assert lake.append("events", (batch for part in parts for batch in part.to_batches()))
    assert len(ids(lake)) == 60
    assert lake.append("events", iter(()))
    assert len(ids(lake)) == 60


def test_a_transaction_is_applied_once(lake: Lake) -> None:
    assert lake.append("events", events(["a"]), transaction=("load", 1))
    assert not lake.append("events", events(["a"]), transaction=("load", 1))
    assert lake.append("events", events(["b"]), transaction=("load", 2))
    assert not lake.append("events", events(["a"]), transaction=("load", 1)), "an older one is done"
    assert lake.append("events", events(["c"]), transaction=("other", 1))
    assert ids(lake) == ["a", "b", "c"]
    assert lake.has_transaction("events", ("load", 2))
    assert not lake.has_transaction("events", ("load", 3))


def test_a_transaction_without_rows_is_remembered_too(lake: Lake) -> None:
    assert lake.append("events", events([]), transaction=("load", 1))
    assert not lake.append("events", events(["a"]), transaction=("load", 1))
    assert ids(lake) == []


def test_a_stream_that_is_already_there_is_not_read(lake: Lake) -> None:
    def never() -> Iterator[pa.RecordBatch]:
        raise AssertionError("read")
        yield

    lake.append("events", events(["a"]), transaction=("load", 1))
    assert not lake.append("events", never(), transaction=("load", 1))


@pytest.mark.parametrize("as_stream", [False, True])
def test_a_writer_that_was_overtaken_does_not_write_twice(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, as_stream: bool
) -> None:
    # As if this process had been halted between asking for the transaction and writing it, for so long
    # that another took its lease and did the work.
    write, overtaken = lake_module.append_rows, []

    def slow(table: DeltaTable, rows: Any, **rest: Any) -> None:
        if not overtaken:
            overtaken.append(True)
            write(DeltaTable(table.table_uri), events(["a"]), **{**rest, "token": "other"})
        write(table, rows, **rest)

    monkeypatch.setattr(lake_module, "append_rows", slow)
    rows: Any = iter(events(["a"]).to_batches()) if as_stream else events(["a"])
    if as_stream:  # it cannot be tried again, so it is told
        with pytest.raises(StoreError):
            lake.append("events", rows, transaction=("load", 1))
    else:
        assert not lake.append("events", rows, transaction=("load", 1))
    assert ids(lake) == ["a"]


def test_a_commit_that_landed_counts_although_the_work_after_it_failed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = lake_module.append_rows

    def fail_afterwards(*args: Any, **rest: Any) -> None:
        write(*args, **rest)
        raise OSError(28, "No space left on device")  # while writing a checkpoint, say

    monkeypatch.setattr(lake_module, "append_rows", fail_afterwards)
    assert lake.append("events", events(["a"]))
    assert ids(lake) == ["a"]


def test_a_commit_that_keeps_failing_is_told_in_our_words(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def fail(*_args: Any, **_rest: Any) -> None:
        tries.append(1)
        raise CommitFailedError("busy")

    monkeypatch.setattr(lake_module, "append_rows", fail)
    with pytest.raises(StoreError, match="'events' refused"):
        lake.append("events", events(["a"]))
    assert len(tries) == 5


ROWS = 300_000

# argv: lake, URL. Appends many rows as load 1 and says so; killed somewhere in between.
KILLED = (
    OPEN_LAKE
    + f"""
rows = events([str(i) for i in range({ROWS})])
print("ready", flush=True)
lake.append("events", rows, transaction=("load", 1))
print("done", flush=True)
input()
"""
)


def count(lake: Lake) -> int:
    with DuckDBEngine().session() as session:
        session.bind("t", lake.pin("events").tables["events"])
        [[rows, different]] = session.rows(sql("SELECT count(*), count(DISTINCT event_id) FROM t"))
    assert rows == different
    return int(rows)


def kill_while_it_appends(lake: Lake, url: str, seconds: float) -> None:
    with child(KILLED, lake.root, url) as process:
        assert process.line() == "ready"
        threading.Event().wait(seconds)
        process.kill()
    assert count(lake) in {0, ROWS}
    lake.append("events", events([str(i) for i in range(ROWS)]), transaction=("load", 1))
    assert count(lake) == ROWS


@pytest.mark.parametrize("milliseconds", [30, 120, 300])
def test_a_killed_append_leaves_all_or_nothing_and_is_done_once(
    shared_lake: Lake, sqlite_url: str, milliseconds: int
) -> None:
    kill_while_it_appends(shared_lake, sqlite_url, milliseconds / 1000)


@pytest.mark.long
@pytest.mark.parametrize("attempt", range(100))
def test_a_hundred_killed_appends_leave_all_or_nothing(
    shared_lake: Lake, sqlite_url: str, attempt: int
) -> None:
    kill_while_it_appends(shared_lake, sqlite_url, attempt * 0.01)


HALF = (
    OPEN_LAKE
    + """
def batches():
    for i in range(40):
        if i == 20:
            print("half", flush=True)
            input()
        yield from events([f"{i}-{j}" for j in range(20_000)]).to_batches()
lake.append("events", batches(), transaction=("load", 1))
"""
)


def test_an_append_killed_in_the_middle_of_its_stream_leaves_nothing(
    shared_lake: Lake, sqlite_url: str
) -> None:
    with child(HALF, shared_lake.root, sqlite_url) as process:
        assert process.line() == "half"
        process.kill()
    assert ids(shared_lake) == []
    assert shared_lake.append("events", events(["a"]), transaction=("load", 1))
    assert ids(shared_lake) == ["a"]
    for file in data_files(shared_lake):
        os.utime(shared_lake.root / "events" / file, (0, 0))
    shared_lake.vacuum("events", retention_hours=1)
    assert (len(data_files(shared_lake)), ids(shared_lake)) == (1, ["a"])


def test_killed_between_write_and_bookkeeping_the_load_is_not_doubled(
    shared_lake: Lake, sqlite_url: str
) -> None:
    with child(KILLED, shared_lake.root, sqlite_url) as process:
        assert [process.line(), process.line()] == ["ready", "done"]
        process.kill()  # it had written, and told nobody
    assert shared_lake.has_transaction("events", ("load", 1))
    assert not shared_lake.append("events", events(["x"]), transaction=("load", 1))
    assert count(shared_lake) == ROWS


CROWD = (
    OPEN_LAKE
    + """
print("ready", flush=True)
input()
for i in range(12):
    lake.append("events", events([f"{sys.argv[3]}-{i}"]), transaction=(sys.argv[3], i))
    if i % 5 == 4:
        lake.compact("events")
control.close()
"""
)


def test_processes_that_append_and_compact_at_once_lose_nothing(
    shared_lake: Lake, sqlite_url: str
) -> None:
    with (
        child(CROWD, shared_lake.root, sqlite_url, "a") as one,
        child(CROWD, shared_lake.root, sqlite_url, "b") as two,
        child(CROWD, shared_lake.root, sqlite_url, "c") as three,
    ):
        crowd = (one, two, three)
        for process in crowd:
            assert process.line() == "ready"
        for process in crowd:
            process.go()
        seen = 0
        while seen < 36:  # a reader beside them never sees less than before
            now = len(ids(shared_lake))
            assert now >= seen
            seen = now
        assert [process.end() for process in crowd] == [0, 0, 0]
    assert ids(shared_lake) == sorted(f"{who}-{i}" for who in "abc" for i in range(12))


def test_threads_that_append_at_once_lose_nothing(shared_lake: Lake) -> None:
    def write(who: int) -> None:
        for i in range(5):
            shared_lake.append("events", events([f"{who}-{i}"]))

    threads = [threading.Thread(target=write, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids(shared_lake)) == 30


# --- readers and housekeeping -----------------------------------------------------------------------------


def test_a_reader_of_a_version_is_not_disturbed_by_what_comes_later(lake: Lake) -> None:
    for i in range(4):
        lake.append("events", events([f"old {i}"]))
    pinned = lake.pin("events").tables["events"]
    with DuckDBEngine(threads=1).session() as session:
        session.bind("t", pinned)
        stream = session.batches(sql("SELECT event_id FROM t"), rows=1)
        first = stream.read_next_batch()
        lake.append("events", events(["new"]))
        lake.delete_origins("events", ["person-old 1"])
        lake.compact("events")
        lake.vacuum("events", retention_hours=24)
        rest = sum(batch.num_rows for batch in stream)
        assert first.num_rows + rest == 4
        assert session.rows(sql("SELECT count(*) FROM t")) == [(4,)]
    assert lake.pinned({"events": pinned.version}).tables["events"] == pinned
    assert ids(lake) == ["new", "old 0", "old 2", "old 3"]


PAIRS = (
    OPEN_LAKE
    + """
from aimwell.store.lake import empty_table
print("ready", flush=True)
input()
for i in range(int(sys.argv[3])):
    lake.append("events", empty_table("events"), transaction=("pair", i))
    lake.append("touches", empty_table("touches"), transaction=("pair", i))
print("done", flush=True)
control.close()
"""
)


@pytest.mark.parametrize("names", [("events", "touches"), ()])
def test_a_pin_never_shows_a_later_commit_without_the_earlier_one(
    shared_lake: Lake, sqlite_url: str, names: tuple[str, ...]
) -> None:
    start = shared_lake.pin().versions
    with child(PAIRS, shared_lake.root, sqlite_url, "25") as writer:
        assert writer.line() == "ready"
        writer.go()
        seen = {0}
        while max(seen) < 50 and not writer.wait(0):
            found = shared_lake.pin(*names).versions
            first, second = (found[name] - start[name] for name in ("events", "touches"))
            assert first - second in {0, 1}  # the events of a pair are committed before its touches
            seen.add(first + second)
        assert writer.line() == "done"
    assert len(seen) > 5  # it looked while the other wrote


def test_a_commit_between_the_tables_of_a_pin_is_noticed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, opened = lake.pin().versions, lake._open
    left = iter(range(3))

    def interrupted(name: str, version: int | None = None) -> DeltaTable:
        table = opened(name, version)
        if name == "events" and next(left, None) is not None:
            with monkeypatch.context() as plain:
                plain.setattr(lake, "_open", opened)
                lake.append("events", empty_table("events"))
                lake.append("touches", empty_table("touches"))
        return table

    lake.append("events", empty_table("events"))  # one that is known would not be opened
    monkeypatch.setattr(lake, "_open", interrupted)
    found = lake.pin("events", "touches").versions
    assert {name: found[name] - start[name] for name in found} == {"events": 4, "touches": 3}


def test_a_table_that_did_not_change_is_not_opened_again(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.append("events", events(["a"]))
    copy = tmp_path / "copy"
    shutil.copytree(lake.root / "events", copy)
    opened, open_one = [], lake._open

    def noted(name: str, version: int | None = None) -> DeltaTable:
        opened.append(name)
        return open_one(name, version)

    monkeypatch.setattr(lake, "_open", noted)
    first = lake.pin("events", "touches")
    assert lake.pin("events", "touches") == first
    assert opened == ["events", "touches"]
    lake.append("events", events(["b"]))
    opened.clear()
    assert lake.pin("events").tables["events"].version == first.tables["events"].version + 1
    assert opened == ["events"]
    # A workspace that is restored from a copy has older versions, and the same numbers for other ones.
    shutil.rmtree(lake.root / "events")
    shutil.copytree(copy, lake.root / "events")
    assert lake.pin("events").tables["events"].files == first.tables["events"].files
    lake.append("events", events(["c"]))
    with DuckDBEngine(threads=1).session() as session:
        session.bind("t", lake.pin("events").tables["events"])
        assert session.rows(sql("SELECT event_id FROM t ORDER BY event_id")) == [("a",), ("c",)]


def test_tables_that_never_stand_still_are_not_pinned(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_module, "_PIN_TRIES", 20)
    monkeypatch.setattr(lake, "_is_newest", lambda _version: False)
    with pytest.raises(StoreError, match="events, touches were written again and again"):
        lake.pin("events", "touches")


def test_compaction_joins_small_files_and_changes_no_row(lake: Lake) -> None:
    for i in range(10):
        lake.append("events", events([str(i)]))
    before = read(lake.pin("events").tables["events"]).sort_by("event_id")
    assert lake.compact("events") == 9
    version = lake.pin("events").tables["events"]
    assert len(version.files) == 1
    assert read(version).sort_by("event_id").equals(before)
    assert lake.compact("events") == 0


def test_a_vacuum_keeps_the_newest_version_and_pinned_ones(
    empty_lake: Path, tmp_path: Path
) -> None:
    pins: set[int] = set()
    root = shutil.copytree(empty_lake, tmp_path / "lake")
    lake = Lake(root, lambda _: nullcontext(), lambda name: pins if name == "events" else set())
    for i in range(4):
        lake.append("events", events([str(i)]))
    pinned = lake.pin("events")
    pins.add(pinned.versions["events"])
    lake.compact("events")
    lake.append("events", events(["new"]))
    assert lake.vacuum("events", retention_hours=0) == 0
    assert values_of(read(pinned.tables["events"]), "event_id") == ["0", "1", "2", "3"]
    lake.pinned(pinned.versions)

    pins.clear()
    kept = pinned.versions["events"]
    assert lake.vacuum("events", retention_hours=0, keep_versions=[kept]) == 0
    assert lake.vacuum("events", retention_hours=0) == 4
    assert ids(lake) == ["0", "1", "2", "3", "new"]
    with pytest.raises(StoreError, match="removed by a vacuum"):
        lake.pinned(pinned.versions)


def test_a_version_that_never_was_is_refused(lake: Lake) -> None:
    with pytest.raises(StoreError, match="Version 99 of the table 'events' cannot be read"):
        lake.pinned({"events": 99})


def test_a_vacuum_removes_what_killed_writers_left(lake: Lake) -> None:
    lake.append("events", events(["a"]))
    folder = lake.root / "events"
    (folder / "part-00000-orphan.snappy.parquet").write_bytes(b"half")
    (folder / "part-00001-orphan.snappy.parquet#1").write_bytes(b"half")
    assert lake.vacuum("events", retention_hours=1) == 0, "it may still be written"
    for file in folder.glob("*orphan*"):
        os.utime(file, (0, 0))
    assert lake.vacuum("events", retention_hours=1) == 2
    assert not list(folder.glob("*orphan*"))
    assert ids(lake) == ["a"]


def test_erased_origins_are_gone_and_nobody_else(lake: Lake) -> None:
    names = ["it's", "' OR '1'='1", "\\", "ok", "null\0", "é"]
    for name in names:
        lake.append("events", events([name], origin_id=name))
    lake.append("quarantine", empty_table("quarantine"))
    for gone in ("it's", "' OR '1'='1", "\\", "null\0", "é"):
        lake.delete_origins("events", [gone])
        names.remove(gone)
        assert ids(lake) == sorted(names)
    lake.delete_origins("events", [])
    lake.delete_origins("products", ["ok"])  # has no people
    assert ids(lake) == ["ok"]
    lake.vacuum("events", retention_hours=0)
    assert len(data_files(lake)) == 1


def test_the_history_tells_what_was_done_when(lake: Lake) -> None:
    lake.append("events", events(["a"]))
    [newest, *_, oldest] = lake.history("events")
    assert (newest[0], newest[2]) == (1, "WRITE")
    assert oldest[2] == "CREATE TABLE"
    assert newest[1] is not None
    assert abs(newest[1] - datetime.now(UTC)) < timedelta(minutes=5)


def test_many_versions_stay_readable_through_checkpoints(empty_lake: Path, tmp_path: Path) -> None:
    lake = Lake(shutil.copytree(empty_lake, tmp_path / "a b#é"), lambda _: nullcontext())
    for i in range(105):
        lake.append("usage", empty_table("usage"), transaction=("load", i))
    assert lake.has_transaction("usage", ("load", 104))
    assert list((lake.root / "usage" / "_delta_log").glob("*.checkpoint.parquet"))
    assert lake.pinned({"usage": 1}).versions == {"usage": 1}
