"""A private PostgreSQL for the tests: its own folder, its own port, gone when the tests end.

Nothing of the machine is used but the server's programs: no cluster of the system is started, asked or
changed. Every run of pytest (with xdist: every worker) makes its own cluster, which takes about two seconds,
so workers share nothing and no lock is needed.

The cluster is made unlike a developer's machine on purpose, because users' servers are:

- it listens on 127.0.0.1 with a password, and tests are not its superuser;
- text sorts by a language (ICU, English), not by byte, so `ORDER BY name` and Python's `sorted` differ;
- its time zone is not UTC, so a session that forgets to set UTC is noticed.

`python tests/postgres.py` says which programs would be used, and exits with 1 where there are none.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

__all__ = ["PostgresPrograms", "PostgresServer", "find_programs", "running_postgres"]

OLDEST_MAJOR = 15
START_SECONDS = 60
STOP_SECONDS = 20
PORT_ATTEMPTS = 5

_ADMIN = "postgres"
_USER = "aimwell"
_PREFIX = "aimwell-postgres-"
_OWNER_FILE = "owner"
_FOLDERS = ["/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin"]
_NOT_FOUND = f"""\
No PostgreSQL {OLDEST_MAJOR} or later was found, which tests of the control database need.
  Debian, Ubuntu:  apt-get install postgresql   (as root; or let scripts/install-test-needs do it)
  Elsewhere:       install the server programs and put `initdb` and `postgres` on PATH.
To leave these tests out of a quick run of your own, set AIMWELL_TEST_SQLITE_ONLY=1."""


@dataclass(frozen=True)
class PostgresPrograms:
    """The server's programs: the folder that holds `initdb` and `postgres`, and their major version."""

    folder: Path
    major: int


def find_programs() -> PostgresPrograms:
    """The newest PostgreSQL on this machine.

    Raises:
        RuntimeError: There is none, or only older ones; the message says what to install.
    """
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in _FOLDERS:
        folders.extend(Path("/").glob(pattern.lstrip("/")))
    found = [PostgresPrograms(folder, major) for folder in folders if (major := _major(folder))]
    usable = [programs for programs in found if programs.major >= OLDEST_MAJOR]
    if not usable:
        raise RuntimeError(_NOT_FOUND)
    return max(usable, key=lambda programs: programs.major)


def _major(folder: Path) -> int | None:
    """The major version of the server in `folder`; None where a program is missing."""
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        return None
    told = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    version = re.search(r"\(PostgreSQL\) (\d+)", told)
    return int(version[1]) if version else None


class PostgresServer:
    """One cluster in one folder; made by `running_postgres`.

    With `durable` it keeps what was committed through `kill_hard`, as a user's server does. Without,
    it is about three times as fast and loses the last commits in a crash.
    """

    def __init__(self, folder: Path, programs: PostgresPrograms, *, durable: bool = False) -> None:
        self.durable = durable
        self.port = 0
        self.folder = folder
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._admin_password = secrets.token_hex(12)
        self._user_password = secrets.token_hex(12)
        self._system_user = _system_user()
        self._numbers = count(1)

    @property
    def pid(self) -> int | None:
        """The process id of the server; None where it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process and running else None

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of `database`, for a user who owns it but is not a superuser."""
        return (
            f"postgresql+psycopg://{_USER}:{self._user_password}@127.0.0.1:{self.port}/{database}"
        )

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create `name`, empty or as a copy of `template`, and give its URL.

        Nobody may be connected to `template` while it is copied: dispose of engines first.
        """
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(_USER), sql.Identifier(template or "template1")
        )
        self._administer(statement)
        return self.url(name)

    def fresh_database(self, template: str | None = None) -> str:
        """Create a database of a name not used before (`test_1`, `test_2` …) and give its URL."""
        return self.create_database(f"test_{next(self._numbers)}", template)

    def drop_database(self, name: str) -> None:
        """Drop `name` if it is there, throwing out whoever is still connected."""
        self._administer(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def drop(self, url: str) -> None:
        """Drop the database that `url` names."""
        self.drop_database(url.rsplit("/", 1)[1])

    def initialise(self) -> None:
        """Make the cluster's files."""
        password_file = self.folder / "password"
        password_file.write_text(self._admin_password)
        if self._system_user:
            account = pwd.getpwnam(self._system_user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            os.chown(password_file, account.pw_uid, account.pw_gid)
        made = self._run_program(
            "initdb", f"--pgdata={self.folder / 'data'}", f"--username={_ADMIN}",
            f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
            "--locale-provider=icu", "--icu-locale=en", "--no-sync", "--no-instructions",
        )  # fmt: skip
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{made.stdout}")

    def start(self) -> None:
        """Start the server and wait until it answers; after a crash this includes recovery."""
        first_time = self.port == 0
        for _ in range(PORT_ATTEMPTS if first_time else 1):
            if first_time:
                self.port = _free_port()
            self._process = self._launch()
            if self._wait_until_ready():
                break
        else:
            raise RuntimeError(f"PostgreSQL did not start:\n{self._log_tail()}")
        if first_time:
            self._administer(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(_USER), sql.Literal(self._user_password)
                )
            )

    def stop(self, *, at_once: bool = False) -> None:
        """End the server: in good order, or (`at_once`) without writing anything more."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_hard()

    def kill_hard(self) -> None:
        """Kill every process of the server with SIGKILL, as a power cut would; `start` brings it back."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGSTOP)  # so that no further child is born while we look
        doomed = [*_children(process.pid), process.pid]
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        # The server refuses to start while a child of the old one still holds its shared memory.
        deadline = time.monotonic() + STOP_SECONDS
        while any(_alive(pid) for pid in doomed) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _launch(self) -> subprocess.Popen[bytes]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "Pacific/Auckland",
            "log_timezone": "UTC",
            "cluster_name": "aimwell-tests",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        switches = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs.folder / "postgres"), "-D", str(self.folder / "data")]
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                [*_die_with_us(), *command, *switches],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops the server itself
                user=self._system_user,
                group=self._system_user,
                extra_groups=[] if self._system_user else None,
            )

    def _wait_until_ready(self) -> bool:
        """True once the server answers, False where it has given up (the port was taken)."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.pid is None:
                return False
            try:
                self._administer(sql.SQL("SELECT 1"))
            except psycopg.OperationalError:
                time.sleep(0.03)
            else:
                return True
        self.kill_hard()
        raise RuntimeError(f"PostgreSQL did not answer in time:\n{self._log_tail()}")

    def _administer(self, statement: sql.Composed | sql.SQL) -> None:
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=_ADMIN,
            password=self._admin_password,
            dbname="postgres",
            connect_timeout=10,
            autocommit=True,
        ) as connection:
            connection.execute(statement)

    def _run_program(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._programs.folder / name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=self.folder,
            user=self._system_user,
            group=self._system_user,
            extra_groups=[] if self._system_user else None,
        )

    def _log_tail(self) -> str:
        return "\n".join(
            (self.folder / "server.log").read_text(errors="replace").splitlines()[-20:]
        )


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A cluster that runs inside the `with` block and is then stopped and deleted.

    Start it in a thread that lives as long as the server shall: the server is ended by the kernel
    when that thread is gone, so that not even `kill -9` of pytest leaves one behind.

    Raises:
        RuntimeError: PostgreSQL is not installed or does not start; the message says more.
    """
    programs = find_programs()
    # Not pytest's tmp_path: root's is closed to the user under whom the server must run.
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    (folder / _OWNER_FILE).write_text(str(os.getpid()))
    server = PostgresServer(folder, programs, durable=durable)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop(at_once=True)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Delete the folders of runs that were killed before they could do so themselves."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            if not _alive(int((folder / _OWNER_FILE).read_text())):
                shutil.rmtree(folder, ignore_errors=True)


def _system_user() -> str | None:
    """PostgreSQL refuses to run as root: whom to become instead, or None to stay who we are."""
    if os.geteuid() != 0:
        return None
    names = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _die_with_us() -> Sequence[str]:
    """A prefix that has the kernel end the server when the tests are killed; empty where unknown."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "QUIT"] if setpriv and sys.platform == "linux" else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _children(parent: int) -> list[int]:
    """The process ids of the children of `parent`."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (state := _process_state(pid)) and state[1] == parent]


def _alive(pid: int) -> bool:
    """Whether `pid` still runs; a dead process that nobody has collected yet does not."""
    state = _process_state(pid)
    return state is not None and state[0] != "Z"


def _process_state(pid: int) -> tuple[str, int] | None:
    """State letter and parent of a process, or None where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = text.rpartition(")")[2].split()[:2]  # the name in brackets may hold spaces
    return state, int(parent)


def main() -> int:
    """Say which PostgreSQL the tests would use."""
    try:
        programs = find_programs()
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"PostgreSQL {programs.major}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
