"""What every test may use: a seed, a control database on SQLite and on PostgreSQL.

Switches of a run, all through the environment:

- `AIMWELL_TEST_SQLITE_ONLY=1` leaves out whatever needs PostgreSQL (a quick run of your own, never CI).
- `AIMWELL_TEST_SEED=7` is the seed of tests that draw at random; it is printed on top of each run.
- `AIMWELL_DATA=folder` is where the real data sets lie (see `data_folder.py`).
"""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import hypothesis
import pytest
import sqlalchemy as sa
from httpx._transports import default as httpx_transports

from aimwell.store.control import Control
from aimwell.store.migrate import upgrade
from compiled_once import compiled_once
from databases import take_turns
from postgres import PostgresServer, running_postgres

DEFAULT_SEED = 20260301
_NEED_POSTGRES = {"postgres_server", "crash_postgres"}

# Files that take longest begin, the longest first: one of them at the end would leave the other worker idle.
_BEGIN = (
    *("deliver/test_killed_senders.py", "loop/test_online_retail.py", "store/test_spark.py"),
    "collect/test_commands.py",
    *("collect/tracking/test_killed_tracking.py", "cli/test_demo.py", "predict/test_service.py"),
    *(
        "collect/test_replaying_crashes.py",
        "deliver/test_mail_servers.py",
        "collect/test_crashes.py",
    ),
    *("unify/matching/test_service.py", "unify/test_decisions.py", "predict/test_same_again.py"),
    *(
        "history/test_computed.py",
        "jobs/test_states.py",
        "deliver/test_touches.py",
        "project/test_postgres.py",
    ),
)

# The answer must not depend on the machine: its time zone, or settings that a developer has exported.
os.environ["TZ"] = "Asia/Kathmandu"
time.tzset()
for _name in [name for name in os.environ if name.startswith("AIMWELL_")]:
    if _name != "AIMWELL_DATA" and not _name.startswith("AIMWELL_TEST_"):
        del os.environ[_name]

# Each client would read all authorities that the world trusts anew; servers of tests are on loopback.
vars(httpx_transports)["create_ssl_context"] = functools.cache(httpx.create_ssl_context)

sa.create_engine = compiled_once(sa.create_engine)

# A worker of xdist would finish its test (and keep its PostgreSQL) after pytest itself was killed.
if "PYTEST_XDIST_WORKER" in os.environ and sys.platform == "linux":
    _PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

# A test that fails once in a hundred runs helps nobody before a push, so the short run draws the same
# examples each time; the long one (--hypothesis-profile=long) searches anew with the printed seed.
hypothesis.settings.register_profile(
    "short", deadline=None, derandomize=True, max_examples=40, print_blob=True
)
hypothesis.settings.register_profile("long", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("short")


# A worker holds millions of objects that stay, of libraries and of the collected tests. Looking through them again and
# again for garbage took a fifth of all the processor's time.
gc.set_threshold(50_000, 20, 50)


_ENOUGH_MEMORY = 6 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Let the short run keep its folders in memory: thousands of small writes that wait for a disk are most of its waiting.

    What a killed process leaves is the same there. The long run has big data, and stays on the disk. Queries of the
    short run take one thread, as the two workers have one core each; those of the long run take all.
    """
    if not config.option.markexpr.startswith("not long"):
        return
    os.environ.setdefault("AIMWELL_ENGINE_THREADS", "1")
    memory = Path("/dev/shm")  # noqa: S108
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ENOUGH_MEMORY:
        os.environ.setdefault("TMPDIR", str(memory))
        tempfile.tempdir = None


def pytest_collection_finish() -> None:
    """What is there now stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Some libraries look at their end whether all that they made is gone."""
    gc.unfreeze()


def pytest_report_header() -> list[str]:
    """The lines on top of a run that are needed to repeat it."""
    databases = "SQLite only" if _sqlite_only() else "SQLite and PostgreSQL"
    return [f"control database: {databases}", f"seed: AIMWELL_TEST_SEED={_seed()}"]


@pytest.hookimpl(tryfirst=True)  # before pytest looks at -m, so that `-m "not postgres"` works too
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL, leave it out where that was asked for, and begin with what takes longest."""
    if not _sqlite_only():
        take_turns(items, Path(__file__).parent)
    for item in items:
        if _NEED_POSTGRES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.postgres)
    begin = {Path(__file__).parent / name: place for place, name in enumerate(_BEGIN)}
    items.sort(key=lambda item: begin.get(item.path, len(begin)))
    if _sqlite_only():
        left_out = [item for item in items if item.get_closest_marker("postgres")]
        items[:] = [item for item in items if not item.get_closest_marker("postgres")]
        config.hook.pytest_deselected(items=left_out)


def _sqlite_only() -> bool:
    return os.environ.get("AIMWELL_TEST_SQLITE_ONLY", "") not in {"", "0"}


def _seed() -> int:
    return int(os.environ.get("AIMWELL_TEST_SEED", DEFAULT_SEED))


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed of this run: the same in every `make test`, another one in every `make test-long`."""
    return _seed()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL shared by the tests of this process; fast, so not for tests that crash it."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def crash_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of the test's own, durable: `kill_hard()` it, `start()` it, look what is left."""
    with running_postgres(durable=True) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def control_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new, empty control database; the test runs once on SQLite, once on PostgreSQL (see databases.py)."""
    if request.param == "sqlite":
        yield f"sqlite+pysqlite:///{tmp_path / 'control.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.fresh_database()
    yield url
    server.drop(url)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A control database of the newest schema on SQLite, to copy; do not open it."""
    file = tmp_path_factory.mktemp("migrated") / "control.sqlite3"
    _migrate(f"sqlite+pysqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """The name of a database of the newest schema on PostgreSQL, to copy; do not connect to it."""
    _migrate(postgres_server.create_database("migrated"))
    return "migrated"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def control(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Control]:
    """A new control database of the newest schema; the test runs once on each database."""
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "control.sqlite3")
        opened = Control(f"sqlite+pysqlite:///{file}")
        yield opened
        opened.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.fresh_database(request.getfixturevalue("migrated_postgres"))
    opened = Control(url)
    yield opened
    opened.close()
    server.drop(url)


def _migrate(url: str) -> None:
    opened = Control(url)
    upgrade(opened)
    opened.close()
