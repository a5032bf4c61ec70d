"""The message ledger: one row per campaign, step, person and occurrence, moved from state to state.

    queued ──claim──► sending ──outcome──► sent | failed | unknown | queued again (not now)
       └──────────────── stop-rule ──────► stopped

A claim writes the attempt and the state `sending` in one transaction *before* anything leaves, so after a crash it is
known what may have been sent and what was not. All functions work on a connection of the control database and on
SQLite and PostgreSQL alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from aimwell.store.column_types import UtcDateTime
from aimwell.store.control import insert_missing
from aimwell.store.leases import process_is_gone, process_name
from aimwell.store.listed import GIVEN, among, aside, listed
from aimwell.store.schema import metadata

__all__ = [
    "ATTEMPTS_MAX",
    "DIED",
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

DIED = "the sender died while this was in flight"

_BACK_OFF_MINUTES = (1, 5, 15, 60, 240)

_messages = metadata.tables["messages"]
_attempts = metadata.tables["attempts"]
_events = metadata.tables["message_events"]

_NOW = sa.bindparam("now", type_=UtcDateTime)
_ATTEMPT = sa.bindparam("attempt", type_=sa.Integer)
_ANSWER = sa.bindparam("answer", type_=sa.Text)

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
    lease_until = now + timedelta(seconds=lease_seconds)
    told = {"plan": plan_id, "now": now, "most": limit, "me": process_name(), "until": lease_until}
    rows = connection.execute(_claiming(), told).all()
    if rows:
        connection.execute(_beginning(), {"ids": [row[0] for row in rows], "now": now})
    return [
        Claimed(message_id, profile_id, action, channel, variant or "a", attempts)
        for message_id, profile_id, action, channel, variant, attempts in rows
    ]


@cache
def _claiming() -> ReturningUpdate[Any]:
    # In the order of the index alone: ordering those of one moment too would sort all that wait, each time.
    due = (
        sa.select(_messages.c.message_id)
        .where(
            _messages.c.plan_id == sa.bindparam("plan", type_=sa.Text),
            _messages.c.state == "queued",
            _messages.c.due_at <= _NOW,
        )
        .order_by(_messages.c.due_at)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return (
        sa.update(_messages)
        .where(_messages.c.message_id.in_(sa.select(due.c.message_id)))
        .values(
            state="sending",
            attempts=_messages.c.attempts + 1,
            lease_token=sa.bindparam("me", type_=sa.Text),
            lease_until=sa.bindparam("until", type_=UtcDateTime),
        )
        .returning(
            _messages.c.message_id,
            _messages.c.profile_id,
            _messages.c.action,
            _messages.c.channel,
            _messages.c.variant,
            _messages.c.attempts,
        )
    )


@cache
def _beginning() -> sa.Insert:
    """An attempt for each of given messages, from their rows: handed over one by one they would take three times as long."""
    begun = sa.select(_messages.c.message_id, _messages.c.attempts, _NOW).where(
        among(_messages.c.message_id, GIVEN)
    )
    return sa.insert(_attempts).from_select(["message_id", "number", "started_at"], begun)


def record(
    connection: sa.Connection,
    claimed: Sequence[Claimed],
    results: Iterable[Result],
    *,
    now: datetime,
) -> frozenset[str]:
    """Write what became of messages that this process claimed.

    A message that another process has claimed since stays as it is (its number of attempts has gone on). One that was
    only marked `unknown` meanwhile, because this process gave no sign of life, takes the result: it is better known.

    Returns:
        Ids of the messages whose rows were changed.
    """
    known = {message.message_id: message for message in claimed}
    alike: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        number = known[result.message_id].attempts
        key = (
            number,
            result.state,
            result.reason,
            result.reply,
            result.due_at,
            result.left,
            result.event,
        )
        alike.setdefault(key, []).append(result)
    written: set[str] = set()
    for group in alike.values():
        number = known[group[0].message_id].attempts
        written |= _record_alike(
            connection, group[0], [result.message_id for result in group], number, now
        )
    return frozenset(written)


def _record_alike(
    connection: sa.Connection, result: Result, ids: list[str], number: int, now: datetime
) -> set[str]:
    """Write the same result for several messages that were at the same attempt."""
    told: dict[str, Any] = {"ids": ids, "attempt": number, "now": now}
    told |= {"became": result.state, "because": result.reason, "answer": result.reply}
    if result.due_at is not None:
        told["due"] = result.due_at
    writing = _writing(
        sent=result.state == "sent", again=result.due_at is not None, left=result.left
    )
    changed = set(connection.execute(writing, told).scalars().all())
    if not changed:
        return changed
    told = {"ids": sorted(changed), "attempt": number, "now": now}
    if result.left:
        told |= {"became": _OUTCOMES[result.state], "answer": result.reply}
        connection.execute(_ending(), told)
    else:
        connection.execute(_undoing(), told)
    if result.event is not None:
        connection.execute(_telling(), {"ids": told["ids"], "now": now, "event": result.event})
    return changed


@cache
def _writing(*, sent: bool, again: bool, left: bool) -> ReturningUpdate[Any]:
    """What became of given messages that were at one attempt."""
    values: dict[str, Any] = {
        "state": sa.bindparam("became", type_=sa.Text),
        "reason": sa.bindparam("because", type_=sa.Text),
        "reply": _ANSWER,
        "lease_token": sa.null(),
        "lease_until": sa.null(),
    }
    if again:
        values["due_at"] = sa.bindparam("due", type_=UtcDateTime)
    if sent:
        values["sent_at"] = _NOW
    if not left:
        values["attempts"] = _messages.c.attempts - 1
    # Also where it was queued again meanwhile: what has surely been sent need not go twice.
    states = ["sending", "unknown", "queued"] if sent else ["sending", "unknown"]
    return (
        sa.update(_messages)
        .where(
            among(_messages.c.message_id, GIVEN),
            _messages.c.attempts == _ATTEMPT,
            aside(_messages.c.state).in_(states),
        )
        .values(**values)
        .returning(_messages.c.message_id)
    )


@cache
def _ending() -> sa.Update:
    ended = {"ended_at": _NOW, "outcome": sa.bindparam("became", type_=sa.Text), "reply": _ANSWER}
    return sa.update(_attempts).where(*_at_attempt()).values(**ended)


@cache
def _undoing() -> sa.Delete:
    return sa.delete(_attempts).where(*_at_attempt())


def _at_attempt() -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return among(_attempts.c.message_id, GIVEN), _attempts.c.number == _ATTEMPT


@cache
def _telling() -> sa.Insert:
    """An event of each of given messages."""
    messages = listed(GIVEN).subquery()
    event = sa.bindparam("event", type_=sa.Text)
    return sa.insert(_events).from_select(
        ["message_id", "event", "occurred_at", "machine"],
        sa.select(messages.c[0], event, _NOW, sa.false()),
    )


_OUTCOMES = {
    "sent": "accepted",
    "failed": "refused",
    "queued": "retry",
    "unknown": "unknown",
    "stopped": "stopped",
}


def recover(
    connection: sa.Connection, plan_id: str, *, now: datetime, again: Collection[str]
) -> tuple[int, int]:
    """Deal with messages whose sender died: in flight then, perhaps sent.

    Args:
        again: Channels whose messages are queued again; those of others are marked `unknown`.

    Returns:
        How many were queued again, and how many are unknown.
    """
    rows = connection.execute(
        sa.select(
            _messages.c.message_id,
            _messages.c.channel,
            _messages.c.lease_token,
            _messages.c.lease_until,
        )
        .where(_messages.c.plan_id == plan_id, _messages.c.state == "sending")
        .with_for_update(skip_locked=True)
    ).all()
    gone = {token: process_is_gone(token or "") for token in {row.lease_token for row in rows}}
    dead = [
        row
        for row in rows
        if row.lease_until is None or row.lease_until <= now or gone[row.lease_token]
    ]
    resent = [row.message_id for row in dead if row.channel in again]
    unknown = [row.message_id for row in dead if row.channel not in again]
    _let_go(connection, resent, {"state": "queued"})
    _let_go(connection, unknown, {"state": "unknown", "reason": DIED})
    return len(resent), len(unknown)


def _let_go(connection: sa.Connection, ids: Sequence[str], values: Mapping[str, Any]) -> None:
    if ids:
        connection.execute(
            sa.update(_messages)
            .where(among(_messages.c.message_id, ids), aside(_messages.c.state) == "sending")
            .values(**values, lease_token=None, lease_until=None)
        )


def renew(
    connection: sa.Connection, claimed: Sequence[Claimed], *, now: datetime, lease_seconds: int
) -> None:
    """Say that this process still works on what it claimed."""
    connection.execute(
        sa.update(_messages)
        .where(
            among(_messages.c.message_id, [message.message_id for message in claimed]),
            aside(_messages.c.state) == "sending",
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
