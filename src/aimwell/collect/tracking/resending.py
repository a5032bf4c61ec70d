"""Takes messages that wait in quarantine: as they are, or as a person corrected them.

    write_messages(stores, "web", Path("bad.jsonl"), by="ann")      # correct `_content`
    resend(stores, "web", corrections=read_corrections(Path("bad.jsonl")), now=now)
    flush_inbox(stores, now=now)

A message that would be taken now goes into the inbox again, as of the moment at which it came, and leaves the quarantine;
one that would not stays. It has the same message id each time, so that a crash between the two does no harm.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from aimwell.collect import loads
from aimwell.collect.corrections import Correction, Waiting, write_waiting
from aimwell.collect.settling import Settled, settle_rows
from aimwell.collect.tracking.commerce import ORDER_FAULTS, order_fault
from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.messages import OPTED_OUT, TOO_DEEP, Fault, Received, read_messages
from aimwell.collect.tracking.records import Kept, pack
from aimwell.collect.tracking.sources import settings_of, tracking_sources
from aimwell.collect.tracking.whole import whole_message
from aimwell.collect.waiting import MESSAGES, bind_waiting
from aimwell.collect.waiting_rows import nothing_waits, waiting_rows
from aimwell.definitions.nobody import ids_in
from aimwell.errors import SourceFileError
from aimwell.privacy.inbox_cipher import inbox_cipher
from aimwell.privacy.message_parts import read_parts
from aimwell.store.inbox import InboxWriter
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["Resent", "resend", "write_messages"]

_INBOX = "inbox"


@dataclass(frozen=True, kw_only=True)
class Resent:
    """What became of messages that waited.

    Attributes:
        left: Messages that went into the inbox.
        stay: Reason, as it is now → messages that wait on.
        gone: Rows of the file that no longer waited.
    """

    source: str
    left: int = 0
    stay: dict[str, int] = field(default_factory=dict)
    gone: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def write_messages(
    stores: Stores, source: str, path: Path, *, by: str, reason: str | None = None
) -> int:
    """Write the messages of a source that wait to a new file, readable for its owner alone; returns how many.

    Raises:
        CollectError: Nothing waits, or there is such a file.
    """
    rows = _waiting(stores, source, reason)
    write_waiting(path, rows, as_json=True)
    stores.audit("quarantine exported", actor=by, subject=source, rows=len(rows))
    return len(rows)


def resend(
    stores: Stores,
    source: str,
    *,
    now: datetime,
    corrections: Sequence[Correction] | None = None,
    file: str = "",
    reason: str | None = None,
) -> Resent:
    """Put messages of a source that wait into the inbox, each once; a flush then takes them.

    Args:
        stores: The workspace.
        source: Name of the source.
        now: The present.
        corrections: Messages as a person corrected them; None: all that wait, as they are.
        file: Name of the file of corrections, for messages.
        reason: Only messages that wait for this reason.

    Raises:
        CollectError: Nothing of the source waits.
        SourceFileError: A correction is no message.
        StorageFullError: The disk is full. Nothing has left the quarantine.
    """
    with loads.hold_source(stores, source):
        waiting = {row.row_hash: row for row in _waiting(stores, source, reason)}
        arrived = _arrivals(stores, source)
        nobody = ids_in(settings_of(tracking_sources(stores).get(source)).nobody)
        wanted, gone = _wanted(waiting, corrections, file)
        records, settled = [], []
        stay: Counter[str] = Counter()
        for row, document in wanted:
            try:
                body, received = _body(row, document, arrived[row.row_hash])
                refused = _refused(row, document, body, received, nobody)
            except RecursionError:
                stay[TOO_DEEP] += 1
                continue
            if refused is not None:
                stay[refused] += 1
                continue
            records.append(pack(Kept(source, received, body)))
            changed = document != _parsed(row.content)
            settled.append(Settled(source, MESSAGES, row.row_hash, corrected=changed, taken=True))
        asyncio.run(_append(stores, records))
        with stores.control.begin() as connection:
            settle_rows(connection, _INBOX, settled, at=now)
    return Resent(source=source, left=len(records), stay=dict(stay), gone=gone)


async def _append(stores: Stores, records: Iterable[bytes]) -> None:
    writer = InboxWriter(inbox_folder(stores), cipher=inbox_cipher(stores))
    try:
        for record in records:
            await writer.append(record)
    finally:
        await writer.close()


def _waiting(stores: Stores, source: str, reason: str | None) -> list[Waiting]:
    """The messages that wait; one that was taken as an event is told whole, as it came."""
    rows = [row for row in waiting_rows(stores, source, reason=reason) if row.entity == MESSAGES]
    if not rows:
        raise nothing_waits(stores, source, reason)
    known = {row.row_hash: _parsed(row.content) for row in rows if row.reason in ORDER_FAULTS}
    events = _events(stores, source, [str(one["messageId"]) for one in known.values()])
    found = []
    for row in rows:
        one = known.get(row.row_hash)
        if one is not None:
            whole = events.get(str(one["messageId"]))
            if whole is None:  # erased since
                continue
            row = replace(row, content=json.dumps(whole, ensure_ascii=False))
        found.append(row)
    return found


def _events(stores: Stores, source: str, event_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Messages that are in the lake, whole again, by their ids."""
    if not event_ids:
        return {}
    with stores.engine.session() as session:
        session.bind("all_events", stores.lake.pin("events").tables["events"])
        names = ("event_id", "event", "message_type", "properties", "envelope", "vault_key")
        query = sql(
            """
            SELECT event_id, event, message_type, properties, envelope, vault_key FROM all_events
            WHERE source = :source AND event_id IN :ids
            """,
            source=source,
            ids=list(event_ids),
        )
        rows = [dict(zip(names, row, strict=True)) for row in session.rows(query)]
    with stores.read_control() as connection:
        parts = read_parts(connection, [row["vault_key"] for row in rows])
    return {
        row["event_id"]: {
            **whole_message(row, parts[row["vault_key"]]),
            "messageId": row["event_id"],
        }
        for row in rows
        if row["vault_key"] in parts
    }


def _arrivals(stores: Stores, source: str) -> dict[str, datetime]:
    with stores.engine.session() as session:
        bind_waiting(stores, session, source)
        rows = session.rows(sql("SELECT row_hash, min(received_at) FROM waiting GROUP BY row_hash"))
    return dict(rows)


def _wanted(
    waiting: dict[str, Waiting], corrections: Sequence[Correction] | None, file: str
) -> tuple[list[tuple[Waiting, Any]], int]:
    """The rows to be taken with their messages, and how many of the file no longer wait."""
    if corrections is None:
        return [(row, _parsed(row.content)) for row in waiting.values()], 0
    given: dict[str, Any] = {}
    gone = 0
    for one in corrections:
        if one.row_hash not in waiting:
            gone += 1
            continue
        text = one.document if one.document is not None else one.text
        try:
            given[one.row_hash] = json.loads(text or "")
        except RecursionError:
            given[one.row_hash] = text
        except ValueError:
            raise SourceFileError(
                f"Line {one.place} of '{file}': the message is no JSON.", file=file
            ) from None
    return [(waiting[row_hash], document) for row_hash, document in given.items()], gone


def _parsed(content: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content


def _body(row: Waiting, document: Any, arrived: datetime) -> tuple[bytes, Received]:
    """The message as a request of its own, with an id that is the same whenever it is sent."""
    opted_out = False
    if isinstance(document, dict):
        document = dict(document)
        opted_out = document.pop(OPTED_OUT, False) is True
        if row.reason in ORDER_FAULTS:
            # The event has its id already; this one makes an order of it.
            digest = hashlib.sha256(str(document.get("messageId")).encode()).hexdigest()
            document["messageId"] = f"order-{digest[:32]}"
        elif document.get("messageId") in (None, ""):
            document["messageId"] = f"row-{row.row_hash[:32]}"
    body = msgspec.json.encode({"batch": [document]})
    return body, Received(call="batch", received_at=arrived, opted_out=opted_out)


def _refused(
    row: Waiting, document: Any, body: bytes, received: Received, nobody: Collection[str]
) -> str | None:
    """Why the message would not be taken; None: it would."""
    if row.reason in ORDER_FAULTS:
        message = document if isinstance(document, dict) else {}
        properties = message.get("properties")
        fault = order_fault(
            str(message.get("event")), properties if isinstance(properties, dict) else {}
        )
        if fault is not None:
            return fault[0]
    [found] = read_messages(body, received, nobody=nobody)
    if row.reason == TOO_DEEP and document == _parsed(row.content):
        return row.reason  # as it was, it would come back
    if isinstance(found, Fault):
        return found.reason
    return None
