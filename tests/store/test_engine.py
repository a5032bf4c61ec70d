"""The engine: names and queries of one session, its errors in our words, nothing left behind."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import duckdb
import pytest

from aimwell.errors import QueryError, StoreError
from aimwell.store.engine import DuckDBEngine, Engine
from aimwell.store.engine_errors import translated
from aimwell.store.spill import spill_folder
from aimwell.store.sql import sql
from child import child
from engine_contract import EngineContract, numbers


class TestDuckDB(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        return DuckDBEngine(threads=2)


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
