"""The PostgreSQL of the tests keeps what it should, and leaves nothing behind however the tests end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from postgres import PostgresServer, find_programs, running_postgres

TESTS = Path(__file__).parents[1]
WAIT_SECONDS = 90

# As from a terminal: whatever was begun in the background is deaf to SIGINT, and so is what it begins.
PYTEST = """
import signal, sys, pytest
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"))


def test_control_url_is_an_empty_database_of_the_named_kind(control_url: str) -> None:
    if control_url.startswith("sqlite"):
        assert not Path(control_url.removeprefix("sqlite+pysqlite:///")).exists()
        return
    with connect(control_url) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone()
        connection.execute("CREATE TABLE owned_by_the_user (id INTEGER)")
    assert tables == (0,)


def test_a_database_made_from_a_template_is_a_copy_of_it(postgres_server: PostgresServer) -> None:
    with connect(postgres_server.create_database("pattern")) as connection:
        connection.execute("CREATE TABLE shelf (book TEXT)")
        connection.execute("INSERT INTO shelf VALUES ('first')")
    copy = postgres_server.fresh_database(template="pattern")
    with connect(copy) as connection:
        connection.execute("INSERT INTO shelf VALUES ('second')")
        assert connection.execute("SELECT count(*) FROM shelf").fetchone() == (2,)
    with connect(postgres_server.url("pattern")) as connection:
        assert connection.execute("SELECT count(*) FROM shelf").fetchone() == (1,)
    postgres_server.drop(copy)
    postgres_server.drop_database("pattern")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(copy)


def test_the_server_is_unlike_a_developers_machine(postgres_server: PostgresServer) -> None:
    url = postgres_server.fresh_database()
    with connect(url) as connection:
        superuser = connection.execute("SHOW is_superuser").fetchone()
        zone = connection.execute("SHOW timezone").fetchone()
        names = connection.execute("SELECT n FROM (VALUES ('b'), ('A'), ('a')) t(n) ORDER BY n")
        assert [name for (name,) in names] == ["a", "A", "b"]
    assert superuser == ("off",)
    assert zone == ("Pacific/Auckland",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        connect(url.replace("aimwell:", "aimwell:wrong"))
    postgres_server.drop(url)


def test_a_durable_server_keeps_every_commit_through_a_hard_kill(
    crash_postgres: PostgresServer,
) -> None:
    url = crash_postgres.create_database("ledger")
    busy = connect(url)
    busy.execute("CREATE TABLE sent (id INTEGER)")
    busy.commit()
    for number in range(20):
        busy.execute("INSERT INTO sent VALUES (%s)", (number,))
        busy.commit()
    busy.execute("INSERT INTO sent VALUES (99)")  # not committed
    first = crash_postgres.pid

    crash_postgres.kill_hard()

    assert crash_postgres.pid is None
    with pytest.raises(psycopg.OperationalError):
        busy.execute("SELECT 1")
    busy.close()
    crash_postgres.start()
    assert crash_postgres.pid not in {None, first}
    with connect(url) as connection:
        rows = connection.execute("SELECT id FROM sent ORDER BY id").fetchall()
    assert [number for (number,) in rows] == list(range(20))


def test_a_server_that_was_stopped_in_good_order_starts_again(
    crash_postgres: PostgresServer,
) -> None:
    url = crash_postgres.create_database("kept")
    crash_postgres.stop()
    assert crash_postgres.pid is None
    crash_postgres.start()
    with connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.postgres
def test_the_server_is_stopped_and_its_folder_gone_when_the_test_fails() -> None:
    class FailedTestError(Exception):
        pass

    with pytest.raises(FailedTestError), running_postgres() as server:  # noqa: PT012
        pid, folder = server.pid, server.folder
        raise FailedTestError
    assert pid is not None
    assert not exists(pid)
    assert not folder.exists()


@pytest.mark.postgres
@pytest.mark.parametrize(
    "ending", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGKILL]
)
def test_no_server_outlives_pytest_however_that_ends(
    ending: signal.Signals, tmp_path: Path
) -> None:
    told, ended = tmp_path / "told", tmp_path / "ended"
    inner = tmp_path / "test_inner.py"
    inner.write_text(
        "import pathlib, time\n"
        "def test_waits(postgres_server):\n"
        f"    pathlib.Path({str(told)!r}).write_text(\n"
        "        f'{postgres_server.pid} {postgres_server.folder}')\n"
        "    time.sleep(60)\n"
        f"    pathlib.Path({str(ended)!r}).touch()\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", PYTEST, "-q", "-p", "no:cacheprovider", "-p", "conftest", inner],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: told.exists() and told.read_text() != "")
        number, folder = told.read_text().split(" ", 1)
        pid = int(number)
        assert exists(pid)
        run.send_signal(ending)
        run.wait(WAIT_SECONDS)
        assert not ended.exists()
        wait_for(lambda: not exists(pid))
        with running_postgres():  # the next run tidies up after one that could not
            assert not Path(folder).exists()
    finally:
        run.kill()
        run.wait()


def test_without_programs_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postgres._FOLDERS", [])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="apt-get install postgresql"):
        find_programs()


def exists(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
