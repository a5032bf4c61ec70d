"""Flushes the inbox: sealed segments of tracking messages become rows of the lake, each message once.

`flush_inbox` may be killed at any moment; run again it gives what one clean run would have given. See `flushes`
for how.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aimwell.collect.desk import Desk, full_disk_is_told, open_desk
from aimwell.collect.health import tell_of_rates
from aimwell.collect.tracking import flushes
from aimwell.collect.tracking.consents import keep_answers
from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.keeping import keep_faults, keep_messages
from aimwell.collect.tracking.orders import collected_mark, orders_may_change, take_orders
from aimwell.collect.tracking.reading import read_segments
from aimwell.collect.tracking.sources import settings_of, tracking_sources
from aimwell.collect.tracking.taking import (
    Flush,
    bind_sheets,
    take_messages,
    touched_origins,
    write_tables,
)
from aimwell.definitions.kinds.source import Source
from aimwell.errors import PrivacyError, StoreError
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.model import utc_now
from aimwell.privacy.inbox_cipher import RecordCipher, inbox_cipher
from aimwell.store.inbox import read_segment, seal_abandoned, sealed_segments
from aimwell.store.nodes import claim_inbox
from aimwell.store.stores import Stores

__all__ = ["FlushReport", "flush_inbox"]

_BATCH_BYTES = 256 * 1024 * 1024
_FILES_MAX = 64
_TABLES = ("events", "orders", "order_lines", "products", "quarantine", "market")
_COMPACTED = (
    *("events", "traits", "accounts", "account_members", "products", "orders"),
    *("order_lines", "quarantine"),
)


@dataclass(frozen=True, kw_only=True)
class FlushReport:
    """What one call took.

    Attributes:
        segments: Segments that were taken out of the inbox.
        messages: Messages in them.
        taken: Messages that were new.
        duplicates: Messages that the lake had already, by source and message id.
        robots: Messages of known robots that were left out, where their source says so.
        quarantined: Reason → messages that were set aside, of which the lake did not know yet.
        rows: Rows that each table of the lake got.
        orders_waiting: Reason → orders that the lake does not have yet, of those that were looked at.
        flushes: Ids of the flushes, also of ones that a killed process had left.
        origins: Whose messages they were.
    """

    segments: int = 0
    messages: int = 0
    taken: int = 0
    duplicates: int = 0
    robots: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    orders_waiting: dict[str, int] = field(default_factory=dict)
    flushes: tuple[str, ...] = ()
    origins: frozenset[str] = frozenset()

    def plus(self, other: FlushReport) -> FlushReport:
        """Both together."""
        return FlushReport(
            segments=self.segments + other.segments,
            messages=self.messages + other.messages,
            taken=self.taken + other.taken,
            duplicates=self.duplicates + other.duplicates,
            robots=self.robots + other.robots,
            quarantined=dict(Counter(self.quarantined) + Counter(other.quarantined)),
            rows=dict(Counter(self.rows) + Counter(other.rows)),
            orders_waiting={**self.orders_waiting, **other.orders_waiting},
            flushes=(*self.flushes, *other.flushes),
            origins=self.origins | other.origins,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; of the people the number."""
        return {**asdict(self), "flushes": list(self.flushes), "origins": len(self.origins)}


def flush_inbox(
    stores: Stores,
    *,
    now: datetime,
    wait_seconds: float = 120.0,
    batch_bytes: int = _BATCH_BYTES,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> FlushReport:
    """Take all sealed segments into the lake.

    Args:
        stores: The workspace.
        now: The present.
        wait_seconds: How long to wait for another flusher.
        batch_bytes: Segments of about this size are taken at once; memory and temporary files grow with it.
        progress: Told what is done, segments done, and segments in all.

    Raises:
        LeaseBusyError: Another process flushes, on this machine or another.
        InboxElsewhereError: The inbox is another machine's.
        StorageFullError: The disk is full; what was not taken stays in the inbox.
    """
    folder = inbox_folder(stores)
    report = FlushReport()
    with full_disk_is_told():
        node = claim_inbox(
            stores.control, folder, seconds=stores.settings.lease_seconds, now=utc_now()
        )
    with full_disk_is_told(), flushes.hold_inbox(stores, wait_seconds=wait_seconds):
        report = report.plus(FlushReport(flushes=tuple(_end_unfinished(stores, folder, node))))
        seal_abandoned(folder)
        sealed = sealed_segments(folder)
        orders_may_go = _orders_may_go(stores)
        if not sealed and not orders_may_go:
            return report
        sources, cipher = tracking_sources(stores), inbox_cipher(stores)
        waiting = _readable(stores, sealed, cipher)
        total, done = len(waiting), 0
        for batch in _batches(waiting, batch_bytes) or ([[]] if orders_may_go else []):
            if progress:
                progress("flushing", done, total)
            report = report.plus(
                _flush(stores, folder, node, batch, sources=sources, cipher=cipher, now=now)
            )
            done += len(batch)
        _tell_of_orders(stores, sources.values(), now=now)
        _compact(stores)
    return report


def _orders_may_go(stores: Stores) -> bool:
    """Whether orders wait that could not go at the last flush, and could now."""
    if not orders_may_change(stores):
        return False
    before = flushes.last_report(stores)
    return bool(before.get("again")) or before.get("collected") != collected_mark(stores)


def _tell_of_orders(stores: Stores, sources: Iterable[Source], *, now: datetime) -> None:
    """Tell of orders that wait for a rate, and that they wait no more."""
    for source in sources:
        tell_of_rates(stores, source, now=now)


def _end_unfinished(stores: Stores, folder: Path, node: str) -> list[str]:
    """End what was prepared when its process died."""
    found = flushes.unfinished(stores, node=node)
    for flush_id in found:
        flushes.publish(stores, flush_id)
        flushes.finish(stores, flush_id, folder, node=node)
    return found


def _batches(paths: Sequence[Path], size_max: int) -> list[list[Path]]:
    batches: list[list[Path]] = []
    size = size_max
    for path in paths:
        size += path.stat().st_size
        if size > size_max:
            batches.append([])
            size = path.stat().st_size
        batches[-1].append(path)
    return batches


def _flush(
    stores: Stores,
    folder: Path,
    node: str,
    paths: Sequence[Path],
    *,
    sources: dict[str, Source],
    cipher: RecordCipher | None,
    now: datetime,
) -> FlushReport:
    begun = flushes.begin(stores, [path.name for path in paths], node=node, now=now)
    before, collected = flushes.last_report(stores), collected_mark(stores)
    recheck = bool(before.get("again")) or before.get("collected") != collected
    try:
        with open_desk(stores) as desk:
            report = _work_out(
                stores,
                desk,
                begun,
                paths,
                sources=sources,
                cipher=cipher,
                now=now,
                recheck=recheck,
            )
        # What several tracking sources tell of one order is seen by each once it is in the lake.
        again = len(sources) > 1 and "orders" in report.rows
        stored = {**report.to_dict(), "collected": collected, "again": again}
        flushes.prepare(stores, begun, stored)
    except Exception:
        flushes.fail(stores, begun)
        raise
    flushes.publish(stores, begun.flush_id)
    flushes.finish(stores, begun.flush_id, folder, node=node)
    return report


def _work_out(
    stores: Stores,
    desk: Desk,
    begun: flushes.Begun,
    paths: Sequence[Path],
    *,
    sources: dict[str, Source],
    cipher: RecordCipher | None,
    now: datetime,
    recheck: bool,
) -> FlushReport:
    read = read_segments(
        paths,
        desk.folder / "sheets",
        {name: settings_of(source) for name, source in sources.items()},
        cipher=cipher,
    )
    for path in paths:
        if path.name in read.damaged:
            _keep_damaged(stores, path, read.damaged[path.name])
    bind_sheets(desk.session, read.files)
    flush = Flush(
        stores=stores,
        desk=desk,
        sources=sources,
        snapshot=stores.lake.pin(*_TABLES),
        folder=begun.folder,
        flush_id=begun.flush_id,
        now=now,
        recheck=recheck,
    )
    taken = take_messages(flush)
    keep_messages(flush)
    keep_answers(flush)
    rows = write_tables(flush)
    order_rows, waiting = take_orders(flush)
    quarantined = keep_faults(flush)
    return FlushReport(
        segments=len(paths),
        messages=read.messages + read.faults + read.robots,
        taken=taken,
        duplicates=read.messages - taken,
        robots=read.robots,
        quarantined=dict(quarantined),
        rows={name: number for name, number in {**rows, **order_rows}.items() if number},
        orders_waiting=waiting,
        flushes=(begun.flush_id,),
        origins=touched_origins(flush),
    )


def _keep_damaged(stores: Stores, path: Path, lost_bytes: int) -> None:
    """What can be read of a damaged segment is taken; the file is kept, for what cannot was acknowledged."""
    aside = path.parent / "damaged"
    aside.mkdir(exist_ok=True)
    if not (aside / path.name).exists():
        os.link(path, aside / path.name)
    Alerts(stores.control).alert(
        f"inbox:{path.stem}",
        f"The disk has damaged {path.name} in the inbox: {lost_bytes:,} bytes of tracking messages cannot be read. "
        f"The file is kept in {aside}.",
        severity="error",
    )


def _readable(stores: Stores, paths: Sequence[Path], cipher: RecordCipher | None) -> list[Path]:
    """The segments that can be opened. One of another version, or under a key that is not set, waits; a person is told."""
    found = []
    for path in paths:
        try:
            next(iter(read_segment(path, cipher=cipher)), None)
        except (StoreError, PrivacyError) as error:
            Alerts(stores.control).alert(f"inbox:{path.stem}", str(error), severity="error")
        else:
            found.append(path)
    return found


def _compact(stores: Stores) -> None:
    """Join the small files that many flushes leave."""
    for name, version in stores.lake.pin(*_COMPACTED).tables.items():
        if len(version.files) > _FILES_MAX:
            stores.lake.compact(name)
