"""Where a load is worked on: a private folder of the workspace and an engine session that spills into it.

Both hold personal data for as long as the block runs; the folder of a killed process is swept by the next.
Files are always read by DuckDB, whatever engine computes over the lake.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sqlglot import exp

from aimwell.errors import StorageFullError
from aimwell.store.disk import is_full
from aimwell.store.engine import DuckDBEngine, DuckDBSession
from aimwell.store.engine_errors import translated
from aimwell.store.spill import spill_folder
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["Desk", "full_disk_is_told", "open_desk"]

_MEMORY_MB_MAX = 1_024
# Large dictionaries are not tried, which takes a fifth less time: ids have as many values as rows. What the lake
# keeps for long is compacted anyway.
_ONE_FILE = """
COPY (SELECT * FROM :rows AS rows) TO :path
(FORMAT parquet, COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 1000)
"""
_FILES = """
COPY (SELECT * FROM :rows AS rows) TO :path
(FORMAT parquet, COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 1000, FILE_SIZE_BYTES '128MiB')
"""


@dataclass(frozen=True)
class Desk:
    """One load's session and folder."""

    session: DuckDBSession
    folder: Path

    def write_rows(self, query: exp.Expr, path: Path) -> None:
        """Write the rows of `query` to one Parquet file, in order."""
        self._run(query, sql(_ONE_FILE, rows=query, path=str(path)))

    def write_files(self, query: exp.Expr, folder: Path) -> None:
        """Write the rows of `query` to Parquet files of moderate size in a new folder."""
        self._run(query, sql(_FILES, rows=query, path=str(folder)))

    def _run(self, query: exp.Expr, copy: exp.Expr) -> None:
        try:
            self.session.connection.execute(copy.sql("duckdb"))
        except duckdb.Error as error:
            raise translated(error, query) from error


@contextmanager
def open_desk(stores: Stores) -> Iterator[Desk]:
    """A desk for the length of the block."""
    memory = min(stores.settings.engine_memory_mb or _MEMORY_MB_MAX, _MEMORY_MB_MAX)
    with full_disk_is_told(), spill_folder(stores.folder("collecting")) as folder:
        engine = DuckDBEngine(
            memory_mb=memory, threads=stores.settings.engine_threads, temp_root=folder
        )
        with engine.session() as session:
            yield Desk(session, folder)


@contextmanager
def full_disk_is_told() -> Iterator[None]:
    """Say in our words that the disk is full."""
    try:
        yield
    except OSError as error:
        if is_full(error) or error.errno == errno.ENOSPC:
            raise StorageFullError(
                "The disk is full: nothing of this load was taken. Free some space and run the same command "
                "again."
            ) from error
        raise
