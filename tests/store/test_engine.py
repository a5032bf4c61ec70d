"""The engine: names and queries of one session, its errors in our words, nothing left behind."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from aimwell.errors import QueryError, SnapshotGoneError, StoreError
from aimwell.store.engine import DuckDBEngine, DuckDBSession
from aimwell.store.engine_errors import translated
from aimwell.store.lake import Lake
from aimwell.store.spill import spill_folder
from aimwell.store.sql import sql
from child import child
from lake_rows import events


@pytest.fixture
def session() -> Iterator[DuckDBSession]:
    with DuckDBEngine(threads=2).session() as opened:
        yield opened


def numbers(count: int) -> pa.Table:
    return pa.table({"x": list(range(count))})


def test_a_name_stands_for_a_table_a_query_or_a_lake_version(
    session: DuckDBSession, lake: Lake
) -> None:
    lake.append("events", events(["a", "b"]))
    session.bind("arrow", numbers(3))
    session.bind("lake", lake.pin("events").tables["events"])
    session.bind("query", sql("SELECT sum(x) AS s FROM arrow"))
    assert session.rows(sql("SELECT s, (SELECT count(*) FROM lake) FROM query")) == [(3, 2)]


def test_a_query_is_evaluated_when_read_and_a_materialised_one_once(session: DuckDBSession) -> None:
    session.bind("t", numbers(2))
    session.bind("later", sql("SELECT count(*) AS n FROM t"))
    session.materialise("now", sql("SELECT count(*) AS n FROM t"))
    session.bind("t", numbers(5))
    assert session.rows(sql("SELECT later.n, now.n FROM later, now")) == [(5, 2)]


def test_a_name_can_be_bound_again_to_anything(session: DuckDBSession) -> None:
    session.bind("t", numbers(4))
    session.materialise("t", sql("SELECT x FROM t WHERE x > 0"))  # also from what it replaces
    assert session.rows(sql("SELECT count(*) FROM t")) == [(3,)]
    session.materialise("t", sql("SELECT x FROM t WHERE x > 1"))
    assert session.rows(sql("SELECT count(*) FROM t")) == [(2,)]
    session.bind("t", numbers(9))
    assert session.rows(sql("SELECT count(*) FROM t")) == [(9,)]
    session.bind("t", sql("SELECT 1 AS x"))
    assert session.rows(sql("SELECT x FROM t")) == [(1,)]


def test_sessions_know_nothing_of_each_other() -> None:
    engine = DuckDBEngine(threads=1)
    with engine.session() as one, engine.session() as two:
        one.bind("t", numbers(1))
        with pytest.raises(QueryError, match="t does not exist"):
            two.rows(sql("SELECT * FROM t"))


def test_a_stream_leaves_the_session_free_for_other_queries(session: DuckDBSession) -> None:
    session.bind("arrow", numbers(250_000))
    session.materialise("kept", sql("SELECT x FROM arrow"))
    for name in ("arrow", "kept"):
        stream = session.batches(sql("SELECT x FROM :t", t=sql(name)), rows=1000)
        other = session.batches(sql("SELECT x FROM :t", t=sql(name)), rows=1000)
        seen = stream.read_next_batch().num_rows
        assert session.rows(sql("SELECT count(*) FROM kept")) == [(250_000,)]
        other.read_next_batch()
        assert seen + sum(batch.num_rows for batch in stream) == 250_000


def test_a_stream_has_batches_of_about_the_asked_size(session: DuckDBSession) -> None:
    sizes = [b.num_rows for b in session.batches(sql("SELECT * FROM range(100000)"), rows=10_000)]
    assert sum(sizes) == 100_000
    assert max(sizes) <= 20_000


def test_a_stream_goes_straight_into_the_lake(session: DuckDBSession, lake: Lake) -> None:
    session.bind("t", events([str(i) for i in range(30_000)]))
    lake.append("events", session.batches(sql("SELECT * FROM t"), rows=5000))
    session.bind("back", lake.pin("events").tables["events"])
    assert session.rows(sql("SELECT count(DISTINCT event_id) FROM back")) == [(30_000,)]


def test_sessions_work_in_several_threads_at_once() -> None:
    engine, found = DuckDBEngine(threads=1), []

    def work(number: int) -> None:
        with engine.session() as session:
            session.bind("t", numbers(number))
            found.append((number, session.rows(sql("SELECT count(*) FROM t"))[0][0]))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(n, n) for n in range(8)]


def test_times_are_in_utc_whatever_the_machine_s_zone(session: DuckDBSession) -> None:
    assert os.environ["TZ"] != "UTC"
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    query = sql(
        "SELECT 1 AS n, :t AS t, CAST(:t AS TEXT) AS s, date_trunc('day', :t) AS d", t=moment
    )
    [(_, at, text, day)] = session.rows(query)
    assert (at, text, day.hour) == (moment, "2026-03-29 01:30:00+00", 0)
    for table in (session.table(query), pa.Table.from_batches(session.batches(query))):
        assert table.schema.field("t").type == pa.timestamp("us", tz="UTC")


def test_settings_reach_the_engine() -> None:
    look = sql("SELECT current_setting('threads'), current_setting('memory_limit')")
    with DuckDBEngine(memory_mb=100, threads=1).session() as session:
        assert session.rows(look) == [(1, "95.3 MiB")]
    with DuckDBEngine().session() as session:
        [(threads, memory)] = session.rows(look)
        assert threads >= 1
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        value, unit = memory.split()
        assert float(value) * 1024 ** (" KMGT".index(unit[0])) <= 0.61 * total


# --- errors -----------------------------------------------------------------------------------------------


def test_a_wrong_query_says_what_is_wrong_but_not_its_texts(session: DuckDBSession) -> None:
    session.bind("t", numbers(1))
    with pytest.raises(QueryError, match='"nope" not found') as caught:
        session.rows(sql("SELECT nope FROM t WHERE 'ann@example.com' = :x", x="bob@example.com"))
    assert "SELECT nope FROM t" in str(caught.value)
    assert "@" not in str(caught.value)


@pytest.mark.parametrize("how", ["rows", "table", "batches", "materialise", "late"])
def test_a_value_that_does_not_fit_is_told_without_the_value(
    session: DuckDBSession, how: str
) -> None:
    bad = sql("SELECT CAST(v AS BIGINT) AS n FROM t")
    session.bind("t", pa.table({"v": ["1"] * 200_000 + ["ann@example.com"]}))

    def run() -> None:
        if how == "rows":
            session.rows(bad)
        elif how == "table":
            session.table(bad)
        elif how == "materialise":
            session.materialise("m", bad)
        else:
            for _ in session.batches(bad, rows=1000 if how == "late" else 1_000_000):
                pass

    with pytest.raises(QueryError, match="could not compute a query") as caught:
        run()
    assert "ann@" not in str(caught.value)


def test_a_removed_file_is_told_as_a_version_that_is_gone(
    session: DuckDBSession, lake: Lake
) -> None:
    lake.append("events", events(["a"]))
    pinned = lake.pin("events").tables["events"]
    lake.append("events", events(["b"]))
    lake.compact("events")
    session.bind("t", pinned)
    lake.vacuum("events", retention_hours=0)
    with pytest.raises(SnapshotGoneError, match="Read the newest version") as caught:
        session.rows(sql("SELECT * FROM t"))
    assert caught.value.retryable
    session.bind("t", lake.pin("events").tables["events"])
    assert session.rows(sql("SELECT count(*) FROM t")) == [(2,)]


def test_too_little_memory_is_told_with_the_setting_to_raise() -> None:
    big = sql("SELECT list(md5(CAST(r AS TEXT))) FROM range(20000000) AS t(r)")
    with DuckDBEngine(memory_mb=64, threads=1).session() as session:
        with pytest.raises(StoreError, match="engine_memory_mb"):
            session.rows(big)
        assert session.rows(sql("SELECT 1 + 1")) == [(2,)]


def test_errors_of_others_stay_as_they_are() -> None:
    for error in (KeyError("x"), StoreError("ours"), KeyboardInterrupt()):
        assert translated(error, sql("SELECT 1")) is error  # type: ignore[arg-type]
    assert isinstance(translated(duckdb.InternalException("x"), sql("SELECT 1")), QueryError)


# --- spilling ---------------------------------------------------------------------------------------------


def test_a_big_query_spills_and_leaves_nothing(tmp_path: Path) -> None:
    engine = DuckDBEngine(memory_mb=120, threads=2, temp_root=tmp_path)
    with engine.session() as session:
        session.materialise(
            "t", sql("SELECT md5(CAST(r AS TEXT)) AS a FROM range(4000000) AS t(r) ORDER BY a")
        )
        [folder] = tmp_path.glob("aimwell-spill-*")
        assert session.rows(sql("SELECT count(*) FROM t")) == [(4_000_000,)]
        assert sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) > 1_000_000
    assert list(tmp_path.iterdir()) == []


def test_a_session_that_raises_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyError), DuckDBEngine(temp_root=tmp_path).session():
        raise KeyError
    assert list(tmp_path.iterdir()) == []


SPILL = """
import sys
from pathlib import Path
from aimwell.store.spill import spill_folder
with spill_folder(Path(sys.argv[1])) as folder:
    (folder / "big").write_bytes(b"0" * 1000)
    print(folder, flush=True)
    input()
"""


def test_the_folder_of_a_killed_process_is_swept_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "aimwell-spill-just-being-made").mkdir()
    (tmp_path / "somebody-else-s").mkdir()
    with child(SPILL, tmp_path) as living:
        living.line()
        with child(SPILL, tmp_path) as killed:
            left = Path(killed.line()).parent
        assert left.exists()
        with spill_folder(tmp_path) as own:
            assert own.is_dir()
            assert not left.exists()
        assert len(list(tmp_path.iterdir())) == 3, "those of living processes and of others stay"


def test_without_a_folder_of_its_own_it_spills_to_the_system_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with spill_folder() as folder:
        assert folder.is_relative_to(tmp_path)
