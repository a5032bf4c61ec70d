"""A ledger of loyalty points: entries are added, never changed; what somebody has is worked out as of any moment.

Spent points come off the entries that expire first. What has expired is not an entry but the passing of time, so the
ledger is the same whenever it is read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from aimwell.definitions.kinds.loyalty import Loyalty
from aimwell.errors import DecideError
from aimwell.history.moment import open_moment
from aimwell.store.control import insert_missing
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.turns import take_turn

__all__ = ["Entry", "Standing", "earn", "grant", "spend", "standing", "standing_of"]

_entries = metadata.tables["loyalty_entries"]
_overrides = metadata.tables["identity_overrides"]
_BATCH = 10_000
_MOST = 2**31 - 1
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """Points that came (above 0) or went (below 0)."""

    kind: str
    points: int
    occurred_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """What a person has at a moment.

    Attributes:
        balance: Points that can be spent; below 0 where more was returned than was left.
        earned, spent, expired: All points so far; earned is net of what was returned.
        next_expiry: When points go next, and how many.
        tier: The highest tier reached; None below the first.
    """

    balance: int
    earned: int
    spent: int
    expired: int
    next_expiry: tuple[datetime, int] | None
    tier: str | None


def standing_of(programme: Loyalty, entries: Iterable[Entry], *, as_of: datetime) -> Standing:
    """What the entries before `as_of` come to: pure arithmetic, whatever their order."""
    known = sorted(
        (entry for entry in entries if entry.occurred_at < as_of),
        # Of one moment, what came is there before what went.
        key=lambda entry: (entry.occurred_at, entry.points < 0, entry.kind, entry.points),
    )
    left: list[tuple[datetime, int]] = []
    owed = expired = 0
    for entry in known:
        expired += _expire(left, entry.occurred_at)
        if entry.points >= 0:
            paid = min(owed, entry.points)
            owed -= paid
            if entry.points > paid:
                heapq.heappush(left, (entry.expires_at or _NEVER, entry.points - paid))
        else:
            owed += _take(left, -entry.points)
    expired += _expire(left, as_of)
    spent = -sum(entry.points for entry in known if entry.kind == "spent")
    earned = sum(entry.points for entry in known if entry.kind != "spent")
    first = left[0][0] if left and left[0][0] != _NEVER else None
    going = sum(points for at, points in left if at == first)
    return Standing(
        balance=sum(points for _, points in left) - owed,
        earned=earned,
        spent=spent,
        expired=expired,
        next_expiry=None if first is None else (first, going),
        tier=_tier(programme, known, as_of),
    )


def _expire(left: list[tuple[datetime, int]], moment: datetime) -> int:
    gone = 0
    while left and left[0][0] <= moment:
        gone += heapq.heappop(left)[1]
    return gone


def _take(left: list[tuple[datetime, int]], points: int) -> int:
    """Take points from those that expire first; returns what could not be taken."""
    while points and left:
        at, had = heapq.heappop(left)
        used = min(had, points)
        points -= used
        if had > used:
            heapq.heappush(left, (at, had - used))
    return points


def _tier(programme: Loyalty, known: Sequence[Entry], as_of: datetime) -> str | None:
    since = None if programme.tier_window is None else as_of - programme.tier_window
    counted = sum(
        entry.points
        for entry in known
        if entry.kind != "spent" and (since is None or entry.occurred_at >= since)
    )
    reached = [tier.name for tier in programme.tiers if counted >= tier.from_points]
    return reached[-1] if reached else None


def earn(stores: Stores, programme: Loyalty, *, now: datetime) -> int:
    """Write what orders before `now` earned, and what returns took back; returns how many entries are new.

    Harmless to repeat: each order is one entry, by its own name.
    """
    with open_moment(stores, as_of=now, engine=stores.history_engine) as past:
        rows = past.session.rows(
            sql(
                """
                SELECT profile_id, order_id, kind, min(ordered_at) AS at,
                       CAST(sum(revenue) AS double) AS revenue
                FROM orders WHERE profile_id IS NOT NULL AND revenue IS NOT NULL
                GROUP BY profile_id, order_id, kind ORDER BY at, order_id, kind
                """
            )
        )
    found = []
    for profile, order_id, kind, at, revenue in rows:
        points = int(abs(revenue) * programme.points_per_unit + 1e-9)
        if not points:
            continue
        if points > _MOST:
            raise DecideError(
                f"An order of {abs(revenue):,.2f} would earn {points:,} points in '{programme.name}'; at most {_MOST:,} are kept. "
                "Lower points_per_unit, or mend the order. Nothing was written."
            )
        back = revenue < 0
        found.append(
            _row(
                programme,
                f"order:{kind}:{order_id}",
                profile,
                Entry(
                    "returned" if back else "earned",
                    -points if back else points,
                    at.astimezone(UTC),
                    None if back or programme.expires is None else at + programme.expires,
                ),
                now,
            )
        )
    return _write(stores, found)


def grant(
    connection: sa.Connection,
    programme: Loyalty,
    points: int,
    deeds: Mapping[str, str],
    *,
    now: datetime,
) -> int:
    """Grant points for each deed that has none yet, as a campaign or a referral does; returns for how many.

    Args:
        connection: Of a transaction of the caller's.
        programme: Whose points.
        points: For each.
        deeds: Name of a deed → profile of who did it.
        now: When they come.
    """
    if points <= 0:
        raise DecideError(f"{points} points cannot be granted; give 1 or more.")
    take_turn(connection, f"loyalty:granted:{programme.name}")
    expires_at = None if programme.expires is None else now + programme.expires
    entry = Entry("granted", points, now, expires_at)
    keys = {f"granted:{deed}": profile for deed, profile in deeds.items()}
    query = sa.select(_entries.c.entry_id).where(
        _entries.c.programme == programme.name, among(_entries.c.entry_id, list(keys))
    )
    done = set(connection.execute(query).scalars())
    rows = [_row(programme, key, who, entry, now) for key, who in keys.items() if key not in done]
    for start in range(0, len(rows), _BATCH):
        connection.execute(sa.insert(_entries), rows[start : start + _BATCH])
    return len(rows)


def spend(
    stores: Stores,
    programme: Loyalty,
    profile_id: str,
    points: int,
    *,
    entry_id: str,
    now: datetime,
) -> bool:
    """Spend points; False where the entry was there already: a till that asks twice takes once.

    Raises:
        DecideError: The person has fewer. Two tills at once: the second waits and is told.
    """
    if points <= 0:
        raise DecideError(f"{points} points cannot be spent; give 1 or more.")
    key = f"spent:{entry_id}"
    with stores.control.begin() as connection:
        take_turn(connection, f"loyalty:{programme.name}:{profile_id}")
        have = _of_person(connection, programme.name, profile_id)
        if key in have:
            return False
        left = standing_of(programme, have.values(), as_of=_after(now)).balance
        if left < points:
            raise DecideError(
                f"{points:,} points cannot be spent: there are {max(left, 0):,} in '{programme.name}'."
            )
        row = _row(programme, key, profile_id, Entry("spent", -points, now), now)
        connection.execute(sa.insert(_entries), [row])
    return True


def standing(stores: Stores, programme: Loyalty, profile_id: str, *, as_of: datetime) -> Standing:
    """What a person has as of a moment."""
    with stores.read_control() as connection:
        have = _of_person(connection, programme.name, profile_id)
    return standing_of(programme, have.values(), as_of=as_of)


def _after(moment: datetime) -> datetime:
    return moment + datetime.resolution


def _of_person(connection: sa.Connection, programme: str, profile_id: str) -> dict[str, Entry]:
    merged = sa.select(_overrides.c.origin_id).where(_overrides.c.profile_id == profile_id)
    query = sa.select(
        _entries.c.entry_id,
        _entries.c.kind,
        _entries.c.points,
        _entries.c.occurred_at,
        _entries.c.expires_at,
    ).where(
        _entries.c.programme == programme,
        sa.or_(_entries.c.profile_id == profile_id, _entries.c.profile_id.in_(merged)),
    )
    rows = connection.execute(query)
    return {key: Entry(kind, points, at, ends) for key, kind, points, at, ends in rows}


def _row(
    programme: Loyalty, entry_id: str, profile_id: str, entry: Entry, now: datetime
) -> dict[str, Any]:
    return {
        "programme": programme.name,
        "entry_id": entry_id,
        "profile_id": profile_id,
        "kind": entry.kind,
        "points": entry.points,
        "occurred_at": entry.occurred_at,
        "expires_at": entry.expires_at,
        "written_at": now,
    }


def _write(stores: Stores, rows: list[dict[str, Any]]) -> int:
    """Add entries that are not there; returns how many are new."""
    new = 0
    count = sa.select(sa.func.count()).select_from(_entries)
    for start in range(0, len(rows), _BATCH):
        with stores.control.begin() as connection:
            before = connection.execute(count).scalar_one()
            insert_missing(connection, _entries, rows[start : start + _BATCH])
            new += connection.execute(count).scalar_one() - before
    return new
