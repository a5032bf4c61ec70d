"""Flushes of the inbox: each segment's messages come into the lake once, and a crash leaves all or nothing.

A flush is *running* while its rows are worked out into files of the workspace, *prepared* once those are complete and
safely on the disk, *published* when the lake has taken them over, and *done* when its segments are gone from the
inbox. What dies before it is prepared has left nothing that counts; what is prepared is ended by whoever flushes next.
One process flushes at a time, by a lease, also where several machines have an inbox each: else two of them might take
a message for new that a client sent to both.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlglot import exp

from aimwell.errors import LeaseLostError
from aimwell.store.disk import settle
from aimwell.store.inbox import remove_segment
from aimwell.store.leases import Held
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = [
    "Begun",
    "begin",
    "fail",
    "finish",
    "hold_inbox",
    "last_report",
    "load_id",
    "mark_unified",
    "not_unified",
    "origins_of",
    "prepare",
    "publish",
    "unfinished",
]

_flushes = metadata.tables["flushes"]
_KEEP = timedelta(days=7)
_TABLE_ORDER = ("events", "traits", "accounts", "account_members", "products", "orders")


@dataclass(frozen=True)
class Begun:
    """A flush at work. `last`: the newest flush that counted when it began."""

    flush_id: str
    folder: Path
    last: int


def hold_inbox(stores: Stores, *, wait_seconds: float) -> AbstractContextManager[Held]:
    """Hold the inbox: one flusher at a time."""
    return stores.leases.hold("flush:inbox", wait_seconds=wait_seconds)


def begin(stores: Stores, segments: Sequence[str], *, node: str, now: datetime) -> Begun:
    """Note a new flush of these segments of the inbox `node`; what attempts that died have left goes."""
    flush_id = secrets.token_hex(10)
    with stores.control.begin() as connection:
        # Whoever ran before us has died, or it would hold the inbox still.
        dead = connection.execute(
            sa.select(_flushes.c.staging).where(_flushes.c.state.in_(["running", "failed"]))
        ).scalars()
        folders = [name for name in dead if name]
        connection.execute(sa.delete(_flushes).where(_flushes.c.state.in_(["running", "failed"])))
        connection.execute(
            sa.delete(_flushes)
            .where(
                _flushes.c.state == "done", _flushes.c.unified, _flushes.c.finished_at < now - _KEEP
            )
            .where(_flushes.c.seq < sa.select(sa.func.max(_flushes.c.seq)).scalar_subquery())
        )
        last = _last(connection)
        connection.execute(
            _flushes.insert().values(
                flush_id=flush_id,
                seq=last + 1,
                state="running",
                node=node,
                segments=list(segments),
                staging=f"flush-{flush_id}",
                unified=False,
                started_at=now,
            )
        )
    staging = stores.folder("staging")
    for name in folders:
        shutil.rmtree(staging / name, ignore_errors=True)
    folder = staging / f"flush-{flush_id}"
    folder.mkdir()
    return Begun(flush_id, folder, last)


def _last(connection: sa.Connection) -> int:
    found = connection.execute(
        sa.select(sa.func.max(_flushes.c.seq)).where(
            _flushes.c.state.in_(["prepared", "published", "done"])
        )
    ).scalar_one()
    return int(found or 0)


def prepare(stores: Stores, begun: Begun, report: Mapping[str, Any]) -> None:
    """Say that the flush's files are complete. From here on it will be ended, whatever happens.

    Raises:
        LeaseLostError: Another process has flushed meanwhile, because it took this one for dead.
    """
    settle(sorted(path for path in begun.folder.rglob("*") if path.is_file()))
    with stores.control.begin() as connection:
        # Also against one that does the same at this moment: both would have to change this row.
        changed = connection.execute(
            sa.update(_flushes)
            .where(_flushes.c.flush_id == begun.flush_id, _flushes.c.state == "running")
            .values(state="prepared", report=dict(report))
        ).rowcount
        if changed != 1 or _last(connection) != begun.last + 1:
            raise LeaseLostError(
                "Another process has flushed the inbox while this one was held up. Nothing of this flush was taken; "
                "run it again."
            )


def last_report(stores: Stores) -> dict[str, Any]:
    """What the newest flush that counts noted; empty where there was none."""
    query = (
        sa.select(_flushes.c.report)
        .where(_flushes.c.state.in_(["prepared", "published", "done"]))
        .order_by(_flushes.c.seq.desc())
        .limit(1)
    )
    with stores.control.read() as connection:
        return dict(connection.execute(query).scalar() or {})


def unfinished(stores: Stores, *, node: str) -> list[str]:
    """Flushes that were prepared or published when their process died, oldest first.

    Of other inboxes than `node` those that were prepared: they must be in the lake before anything else is.
    """
    mine = sa.or_(_flushes.c.node == node, _flushes.c.node.is_(None))
    query = (
        sa.select(_flushes.c.flush_id)
        .where(
            sa.or_(_flushes.c.state == "prepared", sa.and_(_flushes.c.state == "published", mine))
        )
        .order_by(_flushes.c.seq)
    )
    with stores.control.read() as connection:
        return list(connection.execute(query).scalars())


def publish(stores: Stores, flush_id: str) -> None:
    """Give the files of a prepared flush to the lake. Harmless to repeat."""
    row = _row(stores, flush_id)
    if row is None or row.state != "prepared":
        return
    folder = stores.folder("staging") / row.staging
    tables = sorted(
        (entry for entry in folder.iterdir() if entry.is_dir()),
        key=lambda entry: (
            _TABLE_ORDER.index(entry.name) if entry.name in _TABLE_ORDER else 99,
            entry.name,
        ),
    )
    for entry in tables:
        files = sorted(entry.glob("*.parquet"))
        if files:
            # One application for all flushes: a name for each would stay in the table's log for ever.
            stores.lake.append_files(
                entry.name, files, transaction=(f"inbox:{entry.name}", int(row.seq))
            )
    _set(stores, flush_id, "prepared", state="published")


def finish(stores: Stores, flush_id: str, inbox: Path, *, node: str) -> None:
    """Remove what a published flush needs no more: its segments and its files. Harmless to repeat.

    The segments of another machine stay until that one does so; nobody else can read them.
    """
    row = _row(stores, flush_id)
    if row is None or row.state != "published" or row.node not in {None, node}:
        return
    for name in row.segments:
        remove_segment(inbox / name)
    shutil.rmtree(stores.folder("staging") / row.staging, ignore_errors=True)
    _set(stores, flush_id, "published", state="done", finished_at=datetime.now(UTC))


def fail(stores: Stores, begun: Begun) -> None:
    """Give a flush up; one that is prepared by now stays as it is."""
    _set(stores, begun.flush_id, "running", state="failed")
    row = _row(stores, begun.flush_id)
    if row is None or row.state == "failed":
        shutil.rmtree(begun.folder, ignore_errors=True)


def not_unified(stores: Stores, *, prepared: bool = False) -> list[str]:
    """Flushes in the lake (or `prepared`, so that they may be there any moment) whose people were not looked at since."""
    states = ["published", "done", *(["prepared"] if prepared else [])]
    query = sa.select(_flushes.c.flush_id).where(
        _flushes.c.state.in_(states), sa.not_(_flushes.c.unified)
    )
    with stores.read_control() as connection:
        return list(connection.execute(query).scalars())


def origins_of(stores: Stores, flush_ids: Sequence[str]) -> frozenset[str]:
    """Of whom these flushes brought anything, as the lake tells."""
    loads = [load_id(flush_id) for flush_id in flush_ids]
    found: set[str] = set()
    with stores.engine.session() as session:
        for name, version in stores.lake.pin("events", "orders").tables.items():
            session.bind(name, version)
            rows = session.rows(
                sql(
                    "SELECT DISTINCT origin_id FROM :rows WHERE load_id IN :loads",
                    rows=exp.to_table(name),
                    loads=loads,
                )
            )
            found.update(row[0] for row in rows if row[0] is not None)
    return frozenset(found)


def load_id(flush_id: str) -> str:
    """What rows of the lake bear as the load that brought them."""
    return f"flush:{flush_id}"


def mark_unified(stores: Stores, flush_ids: Sequence[str]) -> None:
    """Note that the people of these flushes were looked at."""
    if flush_ids:
        with stores.control.begin() as connection:
            connection.execute(
                sa.update(_flushes)
                .where(_flushes.c.flush_id.in_(list(flush_ids)))
                .values(unified=True)
            )


def _row(stores: Stores, flush_id: str) -> Any:
    with stores.control.read() as connection:
        return connection.execute(
            sa.select(_flushes).where(_flushes.c.flush_id == flush_id)
        ).one_or_none()


def _set(stores: Stores, flush_id: str, before: str, **values: Any) -> None:
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(_flushes)
            .where(_flushes.c.flush_id == flush_id, _flushes.c.state == before)
            .values(**values)
        )
