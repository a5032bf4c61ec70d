"""Leases: one process at a time may do a named thing; a dead holder's lease is taken over.

A lease lasts `seconds` after its last renewal; a thread renews it while the block runs. On the same machine a
holder whose process has ended loses it at once, so nobody waits after a crash.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from aimwell.errors import LeaseBusyError
from aimwell.store.control import Control, insert_missing
from aimwell.store.schema import metadata

__all__ = ["Leases", "process_is_gone", "process_name"]

_table = metadata.tables["leases"]
_POLL_SECONDS = 0.05


@cache
def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip()[:8] if path.exists() else "0"


def _started(pid: int) -> str | None:
    """The kernel's start time of a process, so that a reused pid is not taken for it; None: no such."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None


def process_name() -> str:
    """This process: host, boot, pid and start time."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{_boot_id()}/{pid}/{_started(pid) or 0}"


def process_is_gone(name: str) -> bool:
    """Whether a process named by `process_name` has certainly ended (unknown machines: False)."""
    host, boot, pid, started = (name.split("/") + [""] * 4)[:4]
    if host != socket.gethostname() or not Path("/proc/self/stat").exists():
        return False
    if boot != _boot_id():
        return True
    return pid.isdigit() and _started(int(pid)) != started


class Leases:
    """The leases of a workspace, kept in the control database."""

    def __init__(self, control: Control, *, seconds: int = 30) -> None:
        self._control, self._seconds = control, seconds
        self._held = threading.local()

    @contextmanager
    def hold(self, name: str, *, wait_seconds: float = 120.0) -> Iterator[None]:
        """Hold `name` for the length of the block. The same thread may hold it again inside.

        Raises:
            LeaseBusyError: Another process held it for all of `wait_seconds`.
        """
        held: set[str] = self._held.__dict__.setdefault("names", set())
        if name in held:
            yield
            return
        token = self._acquire(name, wait_seconds)
        stop = threading.Event()
        renewer = threading.Thread(target=self._renew, args=(name, token, stop), daemon=True)
        renewer.start()
        held.add(name)
        try:
            yield
        finally:
            held.discard(name)
            stop.set()
            renewer.join()
            with self._control.begin() as connection:
                connection.execute(
                    sa.delete(_table).where(_table.c.name == name, _table.c.token == token)
                )

    def _acquire(self, name: str, wait_seconds: float) -> str:
        token, deadline = secrets.token_hex(16), time.monotonic() + wait_seconds
        while True:
            owner = self._try(name, token)
            if owner is None:
                return token
            if time.monotonic() >= deadline:
                raise LeaseBusyError(
                    f"'{name}' is held by another process ({owner}) since over {wait_seconds:.0f} seconds. "
                    "Wait until it has finished and try again."
                )
            time.sleep(_POLL_SECONDS)

    def _try(self, name: str, token: str) -> str | None:
        """Take the lease; None when taken, else who holds it."""
        now = datetime.now(UTC)
        fresh = {
            "token": token,
            "owner": process_name(),
            "until": now + timedelta(seconds=self._seconds),
        }
        with self._control.begin() as connection:
            insert_missing(connection, _table, [{"name": name, **fresh}])
            row = connection.execute(
                sa.select(_table).where(_table.c.name == name).with_for_update()
            ).one_or_none()
            if row is None:  # released between the two statements; the next try gets it
                return "a process that has just finished"
            if row.token == token:
                return None
            if row.until > now and not process_is_gone(row.owner):
                return str(row.owner)
            connection.execute(
                sa.update(_table)
                .where(_table.c.name == name, _table.c.token == row.token)
                .values(**fresh)
            )
            return None

    def _renew(self, name: str, token: str, stop: threading.Event) -> None:
        while not stop.wait(self._seconds / 3):
            until = datetime.now(UTC) + timedelta(seconds=self._seconds)
            try:
                with self._control.begin() as connection:
                    connection.execute(
                        sa.update(_table)
                        .where(_table.c.name == name, _table.c.token == token)
                        .values(until=until)
                    )
            except SQLAlchemyError:
                continue  # the database is busy or away for a moment; the next round tries again
