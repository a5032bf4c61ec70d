"""DuckDB's databases in memory: opened once, and lent to one session after another.

Opening one costs tens of milliseconds of processor time (DuckDB registers all its functions anew), and a command
opens dozens of sessions. What a session makes lies in a database that is attached for it alone and detached at
its end; settings of its connection end with the connection. An instance serves one session at a time, so memory,
threads and the spill folder are that session's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import duckdb

__all__ = ["Instance", "lent_instance"]

_IDLE_MAX = 4
# An idle instance gives what it no longer needs back to the system when its limit is lowered.
_IDLE_MEMORY = "16MB"

_numbers = count()
_idle: list[duckdb.DuckDBPyConnection] = []
# Those of the parent process: their threads are not in this one, so they are neither used nor closed here.
_parent_s: list[duckdb.DuckDBPyConnection] = []


@dataclass(frozen=True)
class Instance:
    """An instance for the length of one session.

    Attributes:
        connection: The session's own connection.
    """

    connection: duckdb.DuckDBPyConnection
    _database: str
    _streams: list[duckdb.DuckDBPyConnection]

    def another(self) -> duckdb.DuckDBPyConnection:
        """A further connection to the same tables and views: one is busy as long as a stream of it is open."""
        connection = self.connection.cursor()
        _use(connection, self._database)
        self._streams.append(connection)
        return connection

    def close(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Close a further connection."""
        connection.close()
        with suppress(ValueError):
            self._streams.remove(connection)

    @property
    def streaming(self) -> bool:
        """Whether a further connection is still open."""
        return bool(self._streams)


@contextmanager
def lent_instance(*, memory_mb: int | None, threads: int | None, spill: Path) -> Iterator[Instance]:
    """An instance with these settings, given back after the block.

    One whose session failed, or left a stream unread, is closed instead.

    Args:
        memory_mb: Memory that it may use; None takes 60 % of the machine's.
        threads: Threads of a query; None takes all cores.
        spill: Where big intermediate results spill to.
    """
    memory = f"{memory_mb}MB" if memory_mb else "60%"
    root = _ready(memory, threads, spill)
    connection, kept = root.cursor(), False
    try:
        database = f"session_{next(_numbers)}"
        connection.execute(f"ATTACH ':memory:' AS {database}")
        _use(connection, database)
        instance = Instance(connection, database, [])
        yield instance
        connection.close()
        kept = not instance.streaming and _emptied(root, database) and _kept(root)
    finally:
        if (
            not kept
        ):  # both: an instance lives, with all its memory, as long as any connection to it
            connection.close()
            root.close()


def _ready(memory: str, threads: int | None, spill: Path) -> duckdb.DuckDBPyConnection:
    while _idle:
        try:
            root = _idle.pop()
        except IndexError:  # another thread was quicker
            break
        try:
            _set(root, memory, threads, spill)
        except duckdb.Error:  # one that has spilled keeps its folder
            root.close()
        else:
            return root
    root = duckdb.connect(":memory:", config={"memory_limit": _IDLE_MEMORY})
    try:
        root.execute("SET GLOBAL TimeZone = 'UTC'")
        _set(root, memory, threads, spill)
    except BaseException:
        root.close()
        raise
    return root


def _set(root: duckdb.DuckDBPyConnection, memory: str, threads: int | None, spill: Path) -> None:
    root.execute("SET GLOBAL temp_directory = $1", [str(spill)])
    if threads is None:
        root.execute("RESET GLOBAL threads")
    else:
        root.execute(f"SET GLOBAL threads = {int(threads)}")
    root.execute(f"SET GLOBAL memory_limit = '{memory}'")


def _emptied(root: duckdb.DuckDBPyConnection, database: str) -> bool:
    try:
        root.execute(f"DETACH {database}")
        root.execute(f"SET GLOBAL memory_limit = '{_IDLE_MEMORY}'")
    except duckdb.Error:  # an instance that has broken down refuses everything
        return False
    return True


def _kept(root: duckdb.DuckDBPyConnection) -> bool:
    if len(_idle) >= _IDLE_MAX:
        return False
    _idle.append(root)
    return True


def _use(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    connection.execute(f"USE {database}")
    connection.execute("SET enable_progress_bar = false")


def _leave_to_the_parent() -> None:
    _parent_s.extend(_idle)
    _idle.clear()


os.register_at_fork(after_in_child=_leave_to_the_parent)
