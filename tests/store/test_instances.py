"""Instances of DuckDB: lent to one session at a time, empty for the next one, small while idle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from aimwell.store.instances import Instance, lent_instance

LOOK = "SELECT current_setting('memory_limit'), current_setting('threads'), current_setting('temp_directory')"


@contextmanager
def lent(spill: Path, *, memory_mb: int | None = 200, threads: int = 1) -> Iterator[Instance]:
    with lent_instance(memory_mb=memory_mb, threads=threads, spill=spill) as instance:
        yield instance


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def number(instance: Instance) -> object:
    """What tells the instance: settings of the whole of it are not reset when it is lent again."""
    [(found,)] = instance.connection.execute(
        "SELECT current_setting('max_temp_directory_size')"
    ).fetchall()
    return found


def mark(instance: Instance, size: str) -> None:
    instance.connection.execute("SET GLOBAL max_temp_directory_size = $1", [size])


def test_the_next_session_gets_the_same_one_with_its_own_settings(tmp_path: Path) -> None:
    with lent(tmp_path / "a") as instance:
        mark(instance, "7GB")
        seven = number(instance)
    with lent(tmp_path / "b", memory_mb=100, threads=2) as instance:
        assert number(instance) == seven
        assert instance.connection.execute(LOOK).fetchall() == [
            ("95.3 MiB", 2, str(tmp_path / "b"))
        ]
    with lent(tmp_path / "c") as one, lent(tmp_path / "d") as two:
        assert number(one) != number(two), "each session of the same time has its own"


def test_nothing_of_a_session_is_left_to_the_next(tmp_path: Path) -> None:
    with lent(tmp_path) as instance:
        mark(instance, "6GB")
        six = number(instance)
        instance.connection.execute("CREATE TABLE t AS SELECT 1 AS x")
        instance.connection.execute("CREATE TEMP TABLE u AS SELECT 1 AS x")
        instance.connection.execute("CREATE MACRO twice(x) AS 2 * x")
        instance.connection.register("v", pa.table({"x": [1]}))
        assert instance.another().execute("SELECT x FROM t").fetchall() == [(1,)]
        instance.close(instance.another())
        [stream] = instance._streams
        instance.close(stream)
    with lent(tmp_path) as instance:
        assert number(instance) == six
        for name in ("t", "u", "v", "twice(1)"):
            with pytest.raises(duckdb.CatalogException):
                instance.connection.execute(f"SELECT * FROM {name}")  # noqa: S608


def test_one_whose_session_failed_is_not_lent_again(tmp_path: Path) -> None:
    failed = []

    def fail() -> None:
        with lent(tmp_path) as instance:
            mark(instance, "5GB")
            failed.append((instance, number(instance)))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    [(gone, marked)] = failed
    with pytest.raises(
        duckdb.ConnectionException
    ):  # else its memory would stay as long as the error does
        gone.connection.execute("SELECT 1")
    with lent(tmp_path) as instance:
        assert number(instance) != marked


def test_one_that_is_still_read_is_not_lent_again(tmp_path: Path) -> None:
    with lent(tmp_path) as instance:
        mark(instance, "5.5GB")
        marked = number(instance)
        stream = instance.another().sql("SELECT range AS r FROM range(100000)").to_arrow_reader()
    with lent(tmp_path) as instance:
        assert number(instance) != marked
    assert sum(batch.num_rows for batch in stream) == 100_000


def test_one_that_keeps_its_old_spill_folder_is_not_lent_again(tmp_path: Path) -> None:
    with lent(tmp_path / "a", memory_mb=50) as instance:
        mark(instance, "4GB")
        four = number(instance)
        instance.connection.execute(
            "CREATE TABLE t AS SELECT md5(CAST(range AS TEXT)) AS a FROM range(2000000) ORDER BY a"
        )
        assert list((tmp_path / "a").iterdir()), "it has spilled"
    with lent(tmp_path / "b") as instance:
        assert number(instance) != four
        assert instance.connection.execute(LOOK).fetchall()[0][2] == str(tmp_path / "b")


def test_an_idle_one_gives_its_memory_back(tmp_path: Path) -> None:
    with lent(tmp_path):
        pass
    before = resident_mb()
    with lent(tmp_path, memory_mb=1_000) as instance:
        instance.connection.execute(
            "CREATE TABLE t AS SELECT md5(CAST(range AS TEXT)) AS a FROM range(3000000)"
        )
        held = resident_mb() - before
    assert held > 60
    assert resident_mb() - before < 0.5 * held


def test_a_forked_process_opens_its_own(tmp_path: Path) -> None:
    with lent(tmp_path) as instance:
        mark(instance, "3GB")
        three = number(instance)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with lent(tmp_path / "child", threads=2) as instance:
                rows = instance.connection.execute("SELECT sum(range) FROM range(1000)").fetchall()
                code = 0 if rows == [(499_500,)] and number(instance) != three else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
