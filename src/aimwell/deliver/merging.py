"""People of a plan who turned out to be one person after it was made: they get one message, or none.

A message goes to whom its person is *now*: consent, suppressions, caps, name and address are the merged person's. Where
several of a plan became one,

- nobody of them is contacted if one of them is held out: a holdout stays one;
- one of them gets the message, the first by id of those whose message can still leave; the others' are stopped;
- if one of them has had it, or may have, no other gets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

import sqlalchemy as sa

from aimwell.deliver.ledger import Claimed, Result
from aimwell.store.listed import GIVEN, among
from aimwell.store.schema import metadata

__all__ = ["Member", "as_they_are_now", "judge_merged"]

_overrides = metadata.tables["identity_overrides"]
_people = metadata.tables["plan_people"]
_messages = metadata.tables["messages"]

_WAIT = timedelta(minutes=1)
_GONE = frozenset({"sent", "unknown"})
_ALIVE = frozenset({"queued", "sending"})


@dataclass(frozen=True, slots=True)
class Member:
    """One of those in a plan who are one person now; `state` is that of their message, None without one."""

    profile_id: str
    arm: str
    state: str | None
    in_hand: bool = False
    """Whether this process has claimed the message, so that nobody else is sending it."""


def judge_merged(
    profile_id: str, group: Sequence[Member]
) -> Literal["send", "merged", "held_out", "wait"]:
    """What becomes of the message of `profile_id`, one of `group`."""
    if any(member.arm == "control" for member in group):
        return "held_out"
    others = [member for member in group if member.profile_id != profile_id]
    if any(member.state in _GONE for member in others):
        return "merged"
    alive = [member for member in others if member.state in _ALIVE]
    if any(member.profile_id < profile_id for member in alive):
        return "merged"
    # Another process may have asked before they were one, and be sending it.
    taken = any(member.state == "sending" and not member.in_hand for member in alive)
    return "wait" if taken else "send"


def as_they_are_now(
    connection: sa.Connection, plan_id: str, claimed: Sequence[Claimed], *, now: datetime
) -> tuple[list[Claimed], dict[str, Result]]:
    """The messages with the person that each belongs to now, and what becomes of those that shall not leave."""
    ids = [message.profile_id for message in claimed]
    joined = dict(connection.execute(_joined(), {"ids": ids}).all())
    if not joined:
        return list(claimed), {}
    persons = {key: joined.get(key, key) for key in ids}
    groups = _groups(connection, plan_id, sorted(set(persons.values())), set(ids))
    kept: list[Claimed] = []
    results: dict[str, Result] = {}
    for message in claimed:
        person = persons[message.profile_id]
        verdict = judge_merged(message.profile_id, groups.get(person, ()))
        if verdict == "send":
            kept.append(replace(message, profile_id=person))
        elif verdict == "wait":
            results[message.message_id] = Result(
                message.message_id, "queued", reason="merged", due_at=now + _WAIT, left=False
            )
        else:
            results[message.message_id] = Result(
                message.message_id, "stopped", reason=verdict, left=False
            )
    return kept, results


@cache
def _joined() -> sa.Select[str, str]:
    """Origin and profile of those of given people who are one with somebody."""
    return sa.select(_overrides.c.origin_id, _overrides.c.profile_id).where(
        sa.or_(among(_overrides.c.origin_id, GIVEN), among(_overrides.c.profile_id, GIVEN))
    )


def _groups(
    connection: sa.Connection, plan_id: str, persons: Sequence[str], in_hand: set[str]
) -> dict[str, list[Member]]:
    """Person of today → all in the plan who are that person, apart from those whom the plan excluded."""
    person = sa.func.coalesce(_overrides.c.profile_id, _people.c.profile_id)
    merged = sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, persons))
    query = (
        sa.select(person, _people.c.profile_id, _people.c.arm, _messages.c.state)
        .select_from(
            _people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.profile_id).outerjoin(
                _messages,
                sa.and_(
                    _messages.c.plan_id == plan_id,
                    _messages.c.profile_id == _people.c.profile_id,
                ),
            )
        )
        .where(
            _people.c.plan_id == plan_id,
            _people.c.arm != "excluded",
            sa.or_(among(_people.c.profile_id, persons), _people.c.profile_id.in_(merged)),
        )
    )
    found: dict[str, list[Member]] = {}
    for today, profile_id, arm, state in connection.execute(query):
        member = Member(profile_id, arm, state, in_hand=profile_id in in_hand)
        found.setdefault(today, []).append(member)
    return found
