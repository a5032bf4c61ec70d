"""A private MariaDB for the long tests: its own folder and port, gone when the tests end. Only the server's program is used.

Debian, Ubuntu:  apt-get install --no-install-recommends mariadb-server-core   (or let `make test-long` do it)
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql

__all__ = ["MariaServer", "running_mariadb"]

_SHARE = Path("/usr/share/mysql")
_TABLES = ("mysql_system_tables.sql", "mysql_system_tables_data.sql")
_START_SECONDS = 60


class MariaServer:
    """One server in one folder; `url` is of a user who owns the database `shop`."""

    def __init__(self, folder: Path, program: str) -> None:
        self._folder, self._program = folder, program
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"mysql://reader:geheim@127.0.0.1:{self.port}/shop"

    def initialise(self) -> None:
        """Make the server's own tables, one statement a line."""
        (self._folder / "data" / "mysql").mkdir(parents=True)
        tables = b"use mysql;\n" + b"".join((_SHARE / name).read_bytes() for name in _TABLES)
        subprocess.run(
            [*self._command(), "--bootstrap"], input=tables, capture_output=True, check=True
        )
        (self._folder / "first.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS shop;\n"
            "CREATE USER IF NOT EXISTS reader@'127.0.0.1' IDENTIFIED BY 'geheim';\n"
            "GRANT ALL ON shop.* TO reader@'127.0.0.1';\n"
        )

    def _command(self) -> list[str]:
        root = ["--user=root"] if os.geteuid() == 0 else []
        return [self._program, "--no-defaults", f"--datadir={self._folder / 'data'}", *root]

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve"]
        settings += [f"--socket={self._folder / 's'}", f"--init-file={self._folder / 'first.sql'}"]
        with (self._folder / "log").open("ab") as log:
            command = [*self._command(), *settings]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            try:
                pymysql.connect(
                    host="127.0.0.1",
                    port=self.port,
                    user="reader",
                    password="geheim",
                    database="shop",
                ).close()
            except pymysql.err.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"MariaDB did not start:\n{(self._folder / 'log').read_text()[-2000:]}")

    def kill_hard(self) -> None:
        """Kill it, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


@contextmanager
def running_mariadb() -> Iterator[MariaServer]:
    """A server that runs until the block ends."""
    program = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise RuntimeError(
            "MariaDB is missing: apt-get install --no-install-recommends mariadb-server-core"
        )
    with tempfile.TemporaryDirectory(prefix="aimwell-mariadb-") as folder:
        server = MariaServer(Path(folder), program)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.kill_hard()
