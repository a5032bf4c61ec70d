"""Nodes: machines with an inbox each, over one control database and one lake.

The lock by which a living writer of a segment is told from a dead one does not reach across machines. So an inbox is one
machine's: it bears a name, and the control database knows which machine used it last. Who flushes says what waits in
its inbox, so that every node knows of all of them.
"""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from aimwell.errors import InboxElsewhereError
from aimwell.store.control import Control, upsert
from aimwell.store.inbox import inbox_state
from aimwell.store.processes import machine_name
from aimwell.store.schema import metadata

__all__ = ["Node", "claim_inbox", "node_of", "nodes", "oldest_elsewhere"]

_table = metadata.tables["inbox_nodes"]
_FILE = "node"
_GONE, _GONE_EMPTY = timedelta(days=30), timedelta(days=1)
"""After so long without a word an inbox is taken for lost; for given up, if nothing waited there."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """An inbox, as its machine told of it last.

    Attributes:
        machine: The running system, until it is started anew.
        host: Its name, for people.
        seen_at: When it told.
        oldest_at: When the oldest segment that waited was begun; None: nothing waited.
    """

    node: str
    machine: str
    host: str
    seen_at: datetime
    oldest_at: datetime | None
    segments: int


def node_of(folder: Path) -> str:
    """The name of an inbox; one that has none gets one."""
    file = folder / _FILE
    while True:
        try:
            name = file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            name = ""
        if name:
            return name
        part = folder / f"{_FILE}.{secrets.token_hex(4)}"
        part.write_text(secrets.token_hex(8) + "\n", encoding="ascii")
        try:
            file.hardlink_to(part)
        except FileExistsError:  # another process was quicker
            pass
        except OSError:  # a file system without second names
            part.replace(file)
        part.unlink(missing_ok=True)


def claim_inbox(control: Control, folder: Path, *, seconds: float, now: datetime) -> str:
    """Say that this machine uses the inbox and what waits there; returns its name.

    Args:
        control: The control database.
        folder: The inbox.
        seconds: After so long without a word from another machine it no longer counts.
        now: The present.

    Raises:
        InboxElsewhereError: Another machine uses it.
    """
    name, state = node_of(folder), inbox_state(folder)
    oldest = None if state.oldest_ns is None else datetime.fromtimestamp(state.oldest_ns / 1e9, UTC)
    row = {
        "node": name,
        "machine": machine_name(),
        "host": socket.gethostname(),
        "seen_at": now,
        "oldest_at": oldest,
        "segments": state.segments,
    }
    with control.read() as connection:  # most often a look is enough, and costs little
        found = connection.execute(sa.select(_table).where(_table.c.node == name)).one_or_none()
    ours = found is not None and found.machine == row["machine"]
    if found is not None and ours and now - found.seen_at < timedelta(seconds=seconds / 4):
        return name
    with control.begin() as connection:
        found = connection.execute(
            sa.select(_table).where(_table.c.node == name).with_for_update()
        ).one_or_none()
        if (
            found is not None
            and found.machine != row["machine"]
            and now - found.seen_at < timedelta(seconds=seconds)
        ):
            raise InboxElsewhereError(
                f"The inbox in {folder} is used by another machine ({found.host}) since less than {seconds:.0f} seconds. "
                "Give each machine an inbox on a disk of its own: set AIMWELL_INBOX_FOLDER there."
            )
        upsert(connection, _table, [row], update=tuple(row)[1:])
    return name


def nodes(control: Control) -> tuple[Node, ...]:
    """All inboxes that are known."""
    with control.read() as connection:
        rows = connection.execute(sa.select(_table).order_by(_table.c.host, _table.c.node))
        return tuple(Node(**row._mapping) for row in rows)


def oldest_elsewhere(control: Control, node: str, *, now: datetime) -> datetime | None:
    """From when on messages may still wait in the inboxes of other machines; None: there are none."""
    found = [
        one.seen_at if one.oldest_at is None else min(one.oldest_at, one.seen_at)
        for one in nodes(control)
        if one.node != node
        and now - one.seen_at < (_GONE if one.oldest_at is not None else _GONE_EMPTY)
    ]
    return min(found, default=None)
