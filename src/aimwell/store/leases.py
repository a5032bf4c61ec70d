"""Leases: one process at a time may do a named thing; a dead holder's lease is taken over.

A lease lasts `seconds` after its last renewal; a thread renews it while the block runs. On the same machine a
holder whose process has ended loses it at once, so nobody waits after a crash. A holder that was stopped for
too long (a suspended machine) may lose its lease while it lives; what it writes then must be refused, so it
asks `Held.check` before a step that cannot be undone.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from aimwell.errors import LeaseBusyError, LeaseLostError, StoreError
from aimwell.store.control import Control, insert_missing
from aimwell.store.processes import process_is_gone, process_name
from aimwell.store.schema import metadata

__all__ = ["Held", "Leases", "process_is_gone", "process_name"]

_table = metadata.tables["leases"]
_POLL_SECONDS = 0.05
# Tokens of leases that this process could not give back (the disk was full, the database away). They are free.
_left: set[str] = set()


class Held:
    """A lease while it is held."""

    def __init__(self, control: Control, name: str, token: str) -> None:
        self._control, self.name, self.token = control, name, token

    @property
    def is_mine(self) -> bool:
        """Whether no other process has taken it over. (Until `seconds` have passed, none can.)"""
        with self._control.read() as connection:
            token = connection.execute(
                sa.select(_table.c.token).where(_table.c.name == self.name)
            ).scalar()
        return token == self.token

    def check(self) -> None:
        """Raise LeaseLostError where another process has taken it over."""
        if not self.is_mine:
            raise LeaseLostError(
                f"'{self.name}' has gone to another process, because this one gave no sign of life for too "
                "long. Nothing more was written; run the same command again."
            )


class Leases:
    """The leases of a workspace, kept in the control database.

    Args:
        seconds: How long a lease lasts after a sign of life. On several machines their clocks must agree
            within a fraction of it.
    """

    def __init__(self, control: Control, *, seconds: int = 30) -> None:
        self._control, self._seconds = control, seconds
        self._mine = threading.local()

    @contextmanager
    def hold(self, name: str, *, wait_seconds: float = 120.0) -> Iterator[Held]:
        """Hold `name` for the length of the block. The same thread may hold it again inside.

        Raises:
            LeaseBusyError: Another process (or thread) held it for all of `wait_seconds`.
        """
        # By process too: a child that was forked inside the block has not got the lease.
        mine: dict[tuple[int, str], Held] = self._mine.__dict__.setdefault("held", {})
        key = (os.getpid(), name)
        if key in mine:
            yield mine[key]
            return
        held = Held(self._control, name, self._acquire(name, wait_seconds))
        stop = threading.Event()
        renewer = threading.Thread(
            target=self._renew, args=(held, stop), name=f"lease {name}", daemon=True
        )
        renewer.start()
        mine[key] = held
        try:
            yield held
        finally:
            del mine[key]
            stop.set()
            renewer.join()
            # A lease that cannot be given back runs out; that must not hide what the block raised.
            try:
                self._release(held)
            except (SQLAlchemyError, StoreError):
                _left.add(held.token)

    def is_held(self, name: str) -> bool:
        """Whether some living process or thread holds `name` just now."""
        return self._holder(name) is not None

    def _acquire(self, name: str, wait_seconds: float) -> str:
        token, deadline = secrets.token_hex(16), time.monotonic() + wait_seconds
        while True:
            owner = self._holder(name) or self._take(name, token)
            if owner is None:
                return token
            if time.monotonic() >= deadline:
                raise LeaseBusyError(
                    f"'{name}' is held by another process ({owner}) since over {wait_seconds:.0f} seconds. "
                    "Wait until it has finished and try again."
                )
            time.sleep(_POLL_SECONDS)

    def _holder(self, name: str) -> str | None:
        """Who holds the lease now; a look that keeps no writer waiting."""
        with self._control.read() as connection:
            row = connection.execute(sa.select(_table).where(_table.c.name == name)).one_or_none()
        return None if row is None or _is_free(row) else str(row.owner)

    def _take(self, name: str, token: str) -> str | None:
        """Take the lease; None when taken, else who was quicker."""
        fresh = {"token": token, "owner": process_name(), "until": self._until()}
        with self._control.begin() as connection:
            insert_missing(connection, _table, [{"name": name, **fresh}])
            row = connection.execute(
                sa.select(_table).where(_table.c.name == name).with_for_update()
            ).one_or_none()
            if row is None:  # released between the two statements; the next try gets it
                return "a process that has just finished"
            if row.token == token:
                return None
            if not _is_free(row):
                return str(row.owner)
            connection.execute(
                sa.update(_table)
                .where(_table.c.name == name, _table.c.token == row.token)
                .values(**fresh)
            )
            return None

    def _until(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._seconds)

    def _renew(self, held: Held, stop: threading.Event) -> None:
        while not stop.wait(self._seconds / 3):
            # The database may be busy or away for a moment; the next round tries again.
            with (
                contextlib.suppress(SQLAlchemyError, StoreError),
                self._control.begin() as connection,
            ):
                connection.execute(sa.update(_table).where(*_is(held)).values(until=self._until()))

    def _release(self, held: Held) -> None:
        with self._control.begin() as connection:
            connection.execute(sa.delete(_table).where(*_is(held)))


def _is(held: Held) -> tuple[sa.ColumnElement[bool], ...]:
    return (_table.c.name == held.name, _table.c.token == held.token)


def _is_free(row: sa.Row[Any]) -> bool:
    gone = row.token in _left or process_is_gone(row.owner)
    return gone or bool(row.until <= datetime.now(UTC))
