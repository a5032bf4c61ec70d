"""A lake with its empty tables for the tests of this room."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from aimwell.store.control import Control
from aimwell.store.lake import Lake
from aimwell.store.leases import Leases


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite database, for what has nothing to do with the database."""
    return f"sqlite+pysqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'leases.sqlite3')}"


@pytest.fixture(scope="session")
def empty_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A created lake to copy; do not write into it."""
    root = tmp_path_factory.mktemp("lake") / "lake"
    Lake(root, lambda _: nullcontext()).create()
    return root


@pytest.fixture
def lake(empty_lake: Path, tmp_path: Path) -> Lake:
    """A lake of this process alone: its leases hold nothing."""
    return Lake(shutil.copytree(empty_lake, tmp_path / "lake"), lambda _: nullcontext())


@pytest.fixture
def shared_lake(empty_lake: Path, tmp_path: Path, sqlite_url: str) -> Iterator[Lake]:
    """A lake with real leases, as other processes open it: see `OPEN_LAKE`."""
    database = Control(sqlite_url)
    yield Lake(shutil.copytree(empty_lake, tmp_path / "lake"), Leases(database, seconds=5).hold)
    database.close()
