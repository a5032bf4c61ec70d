"""The message ledger: one row per campaign, step, person and occurrence, moved from state to state.

    queued ──claim──► sending ──outcome──► sent | failed | unknown | queued again (not now)
       └──────────────── stop-rule ──────► stopped

A claim writes the attempt and the state `sending` in one transaction *before* anything leaves, so after a crash it is
known what may have been sent and what was not. All functions work on a connection of the control database and on
SQLite and PostgreSQL alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from aimwell.store.control import insert_missing
from aimwell.store.leases import process_is_gone, process_name
from aimwell.store.schema import metadata

__all__ = [
    "ATTEMPTS_MAX",
    "Claimed",
    "Result",
    "claim",
    "counts",
    "hold_until",
    "next_due",
    "record",
    "recover",
    "renew",
    "stop_all",
    "write_rows",
]

ATTEMPTS_MAX = 6
"""After so many attempts that the server put off, a message is given up."""

_BACK_OFF_MINUTES = (1, 5, 15, 60, 240)

_messages = metadata.tables["messages"]
_attempts = metadata.tables["attempts"]
_events = metadata.tables["message_events"]

FinalState = Literal["sent", "failed", "unknown", "stopped", "queued"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """One message that this process may send now."""

    message_id: str
    profile_id: str
    action: str
    channel: str
    variant: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a claimed message. `queued` puts it back for later; `event` is what the lake is told."""

    message_id: str
    state: FinalState
    reason: str | None = None
    reply: str | None = None
    event: str | None = None
    due_at: datetime | None = None
    left: bool = True
    """False where it was stopped before it could leave: the attempt does not count."""


def write_rows(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add messages; those that are there already stay as they are."""
    insert_missing(connection, _messages, [dict(row) for row in rows])


def claim(
    connection: sa.Connection, plan_id: str, *, now: datetime, limit: int, lease_seconds: int
) -> list[Claimed]:
    """Take up to `limit` due messages of a plan: they are `sending`, with an attempt begun."""
    due = (
        sa.select(_messages.c.message_id)
        .where(
            _messages.c.plan_id == plan_id, _messages.c.state == "queued", _messages.c.due_at <= now
        )
        .order_by(_messages.c.due_at, _messages.c.message_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(connection.execute(due).scalars())
    if not ids:
        return []
    chosen = _messages.c.message_id.in_(ids)
    connection.execute(
        sa.update(_messages)
        .where(chosen)
        .values(
            state="sending",
            attempts=_messages.c.attempts + 1,
            lease_token=process_name(),
            lease_until=now + timedelta(seconds=lease_seconds),
        )
    )
    rows = connection.execute(sa.select(_messages).where(chosen)).all()
    connection.execute(
        sa.insert(_attempts),
        [{"message_id": r.message_id, "number": r.attempts, "started_at": now} for r in rows],
    )
    return [
        Claimed(r.message_id, r.profile_id, r.action, r.channel, r.variant or "a", r.attempts)
        for r in rows
    ]


def record(
    connection: sa.Connection,
    claimed: Sequence[Claimed],
    results: Iterable[Result],
    *,
    now: datetime,
) -> None:
    """Write what became of messages that this process claimed. Rows that another one has taken over stay."""
    known = {message.message_id: message for message in claimed}
    mine = process_name()
    updates, attempts, events = [], [], []
    for result in results:
        message = known[result.message_id]
        taken = message.attempts if result.left else message.attempts - 1
        updates.append(
            {
                "b_id": result.message_id,
                "b_token": mine,
                "b_state": result.state,
                "b_reason": result.reason,
                "b_reply": result.reply,
                "b_attempts": taken,
                "b_due": result.due_at,
                "b_sent": now if result.state == "sent" else None,
            }
        )
        attempts.append(
            {
                "b_id": result.message_id,
                "b_number": message.attempts,
                "b_ended": now,
                "b_outcome": _OUTCOMES[result.state],
                "b_reply": result.reply,
            }
        )
        if result.event is not None:
            events.append(
                {
                    "message_id": result.message_id,
                    "event": result.event,
                    "occurred_at": now,
                    "machine": False,
                }
            )
    if not updates:
        return
    connection.execute(_RECORD, updates)
    connection.execute(_END_ATTEMPT, attempts)
    if events:
        connection.execute(sa.insert(_events), events)


_OUTCOMES = {
    "sent": "accepted",
    "failed": "refused",
    "queued": "retry",
    "unknown": "unknown",
    "stopped": "stopped",
}

_RECORD = (
    sa.update(_messages)
    .where(
        _messages.c.message_id == sa.bindparam("b_id"),
        _messages.c.state == "sending",
        _messages.c.lease_token == sa.bindparam("b_token"),
    )
    .values(
        state=sa.bindparam("b_state"),
        reason=sa.bindparam("b_reason"),
        reply=sa.bindparam("b_reply"),
        attempts=sa.bindparam("b_attempts"),
        due_at=sa.func.coalesce(
            sa.bindparam("b_due", type_=_messages.c.due_at.type), _messages.c.due_at
        ),
        sent_at=sa.bindparam("b_sent", type_=_messages.c.sent_at.type),
        lease_token=None,
        lease_until=None,
    )
)

_END_ATTEMPT = (
    sa.update(_attempts)
    .where(
        _attempts.c.message_id == sa.bindparam("b_id"),
        _attempts.c.number == sa.bindparam("b_number"),
    )
    .values(
        ended_at=sa.bindparam("b_ended", type_=_attempts.c.ended_at.type),
        outcome=sa.bindparam("b_outcome"),
        reply=sa.bindparam("b_reply"),
    )
)


def recover(
    connection: sa.Connection, plan_id: str, *, now: datetime, resend: bool
) -> tuple[int, int]:
    """Deal with messages whose sender died: in flight then, perhaps sent.

    Args:
        resend: Queue them again (some people may get two); else they are marked `unknown`.

    Returns:
        How many were queued again, and how many are unknown.
    """
    rows = connection.execute(
        sa.select(_messages.c.message_id, _messages.c.lease_token, _messages.c.lease_until)
        .where(_messages.c.plan_id == plan_id, _messages.c.state == "sending")
        .with_for_update(skip_locked=True)
    ).all()
    dead = [
        row.message_id
        for row in rows
        if row.lease_until is None
        or row.lease_until <= now
        or process_is_gone(row.lease_token or "")
    ]
    values: dict[str, Any] = {"lease_token": None, "lease_until": None}
    values |= (
        {"state": "queued"}
        if resend
        else {"state": "unknown", "reason": "the sender died while this was in flight"}
    )
    for start in range(0, len(dead), 500):
        connection.execute(
            sa.update(_messages)
            .where(
                _messages.c.message_id.in_(dead[start : start + 500]),
                _messages.c.state == "sending",
            )
            .values(**values)
        )
    return (len(dead), 0) if resend else (0, len(dead))


def renew(
    connection: sa.Connection, claimed: Sequence[Claimed], *, now: datetime, lease_seconds: int
) -> None:
    """Say that this process still works on what it claimed."""
    connection.execute(
        sa.update(_messages)
        .where(
            _messages.c.message_id.in_([message.message_id for message in claimed]),
            _messages.c.lease_token == process_name(),
        )
        .values(lease_until=now + timedelta(seconds=lease_seconds))
    )


def stop_all(connection: sa.Connection, plan_id: str, *, reason: str) -> int:
    """Stop every message of a plan that has not left; returns how many."""
    return connection.execute(
        sa.update(_messages)
        .where(_messages.c.plan_id == plan_id, _messages.c.state == "queued")
        .values(state="stopped", reason=reason)
    ).rowcount


def hold_until(attempts: int, now: datetime) -> datetime | None:
    """When to try again after so many attempts; None: give up."""
    if attempts >= ATTEMPTS_MAX:
        return None
    return now + timedelta(minutes=_BACK_OFF_MINUTES[attempts - 1])


def counts(connection: sa.Connection, plan_id: str) -> dict[str, dict[str, int]]:
    """State → reason ("" where there is none) → messages."""
    rows = connection.execute(
        sa.select(_messages.c.state, _messages.c.reason, sa.func.count())
        .where(_messages.c.plan_id == plan_id)
        .group_by(_messages.c.state, _messages.c.reason)
    )
    found: dict[str, dict[str, int]] = {}
    for state, reason, number in rows:
        found.setdefault(state, {})[reason or ""] = number
    return found


def next_due(connection: sa.Connection, plan_id: str) -> datetime | None:
    """When the next queued message of a plan is due; None: nothing waits."""
    query = sa.select(sa.func.min(_messages.c.due_at)).where(
        _messages.c.plan_id == plan_id, _messages.c.state == "queued"
    )
    due: datetime | None = connection.execute(query).scalar_one()
    return due
