"""Memberships follow what happens: of those alone whom something happened to, or for whom time has gone over a boundary.

What this gives is what a look at everybody would give, for every segment whose leaves say how they change. Segments that
depend on other people (quintiles, percentiles, heavy users) wait for the next look at everybody, and so does what is
changed by time in ways that have no boundary (see `changing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.segment.membership.active import (
    active_names,
    active_within,
    keep_active,
    rebuild_active,
)
from aimwell.segment.membership.computing import compute
from aimwell.segment.membership.defined import Defined, defined
from aimwell.segment.membership.noticing import Notes, forget_notes, notice, read_notes
from aimwell.segment.membership.recording import Counts, compare, write
from aimwell.segment.membership.refreshing import LEASE, moment_after, refresh
from aimwell.segment.membership.standing import (
    Seen,
    Standing,
    expect,
    keep_behind,
    keep_failures,
    keep_good,
    keep_seen,
    read_seen,
    read_standings,
    tell_alerts,
)
from aimwell.segment.model import SegmentCount
from aimwell.segment.rules.changing import EVERY_FIELD, Changes
from aimwell.segment.rules.closure import Closure
from aimwell.store.leases import Held
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Followed", "follow"]

_SHARE_MAX = 0.2
"""More of the people than that, and looking at everybody is quicker."""

_FEW = 10_000
"""So many are looked at one by one, however few people there are."""

_IDLE = timedelta(minutes=1)
"""Where nothing happens, it is not written down each time that nothing did."""

_PATIENCE = timedelta(hours=1)

_profiles = metadata.tables["profiles"]

_APPLICATION = "segments:touched"


@dataclass(frozen=True)
class Followed:
    """What a look at a few people did.

    Args:
        people: How many were looked at; None: everybody was, or is to be.
        counts: Segments in which something changed, or that were computed for everybody, or that failed.
        behind: Segments that wait for a look at everybody.
    """

    people: int | None
    counts: tuple[SegmentCount, ...] = ()
    behind: tuple[str, ...] = ()


def follow(
    stores: Stores,
    *,
    clock: Callable[[], datetime],
    complete: bool = False,
    full_after: timedelta | None = None,
    wait_seconds: float = 0.0,
) -> Followed:
    """Bring memberships up to date for those whom something happened to since the last time.

    Args:
        stores: The workspace.
        clock: Gives the present moment.
        complete: Also look at everybody where that is needed: for a new segment or one whose rule changed, one that
            failed, one that reads facts of all which changed; and for all where so many were touched. Without it
            these wait.
        full_after: With `complete`: so long after a look at everybody there is another one.
        wait_seconds: How long to wait for another process that is at it.

    Raises:
        LeaseBusyError: Another process is at it. What was noted stays, and the next one looks.
    """
    with stores.leases.hold(LEASE, wait_seconds=wait_seconds) as held:
        seen = read_seen(stores)
        found = defined(stores)
        if seen is None:
            if not complete or not found.names:
                return Followed(0, behind=tuple(found.names))
            return _everybody(stores, clock)
        if complete and full_after is not None and _is_old(stores, found, clock() - full_after):
            return _everybody(stores, clock)
        notes = read_notes(stores)
        if complete and notes.of_everybody:
            return _everybody(stores, clock)
        followed = _follow(stores, found, seen, notes, clock, held)
        if not complete:
            return followed
        if followed.people is None:
            return _everybody(stores, clock)
        if followed.behind:
            due = _due(stores, followed.behind, clock())
            counts = refresh(stores, now=clock, segments=due)
            left = tuple(sorted(set(followed.behind) - set(due)))
            followed = replace(followed, counts=_joined(followed.counts, counts), behind=left)
        rebuild_active(stores)
        return followed


def _is_old(stores: Stores, found: Defined, before: datetime) -> bool:
    """Whether a segment that does not fail was last computed for everybody before then."""
    standings = read_standings(stores)
    looks = [standings[name].full_at for name in found.closures if name in standings]
    return any(one is not None and one < before for one in looks)


def _everybody(stores: Stores, clock: Callable[[], datetime]) -> Followed:
    counts = refresh(stores, now=clock)
    rebuild_active(stores)
    return Followed(None, counts)


def _follow(
    stores: Stores,
    found: Defined,
    seen: Seen,
    notes: Notes,
    clock: Callable[[], datetime],
    held: Held,
) -> Followed:
    now = moment_after(stores, clock()).astimezone(UTC)
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    standings = read_standings(stores)
    failures = dict(found.broken)
    ready = {
        name: one.changes
        for name, one in found.closures.items()
        if name in standings and _is_ready(standings[name], one)
    }
    followed = {name: changes for name, changes in ready.items() if not changes.others}
    together = _together(followed)
    noticed = notice(
        stores,
        together,
        notes,
        seen,
        snapshot,
        now=now,
        people_max=_people_max(stores),
    )
    if noticed.profiles is None:
        return Followed(None, behind=tuple(found.names))
    counts: dict[str, Counts] = {}
    active = active_names(stores)
    with ExitStack() as stack:
        active_now: Mapping[str, list[str]] = {}
        if noticed.profiles and followed:
            moment = stack.enter_context(
                open_moment(
                    stores,
                    as_of=now,
                    snapshot=snapshot,
                    people=noticed.profiles,
                    fields=None if EVERY_FIELD in together.fields else together.fields,
                )
            )
            computed = compute(
                moment, {name: found.closures[name] for name in followed}, found.revisions
            )
            failures |= computed.failures
            bases = {name: standings[name].full_at for name in computed.places}
            counts = compare(moment, computed, bases)
            if any(one.entered or one.left for one in counts.values()):
                write(stores, moment, held=held, application=_APPLICATION, snapshot=False)
            active_now = active_within(moment, active)
        stale = {name for name, changes in ready.items() if changes.shared & noticed.shared}
        fresh_failures = _not_told(failures, standings, found)
        with stores.control.begin() as connection:
            keep_good(connection, _good(counts, standings, now))
            keep_behind(connection, stale)
            keep_failures(connection, fresh_failures, found.revisions, now=now)
            keep_active(connection, noticed.profiles, active_now, instead_of=active & set(counts))
            if noticed.profiles or now - seen.moment >= _IDLE:
                keep_seen(connection, Seen(now, snapshot.versions))
            # That everybody is to be looked at stays noted; whoever it concerns is looked at meanwhile.
            forget_notes(connection, notes.of_profiles)
    expect(stores, set(found.names) - set(standings))
    tell_alerts(stores, fresh_failures, ())
    told = [
        SegmentCount(
            name, found.revisions[name], _members(one, standings[name]), one.entered, one.left
        )
        for name, one in counts.items()
        if one.entered or one.left
    ]
    waiting = sorted((set(found.names) - set(ready)) | set(failures) | stale)
    if notes.of_everybody:
        return Followed(None, tuple(told), tuple(found.names))
    return Followed(len(noticed.profiles), tuple(told), tuple(waiting))


def _is_ready(standing: Standing, closure_: Closure) -> bool:
    """Whether it was computed by the rule that it has now, and nothing waits to be made good."""
    return not standing.behind and standing.rule_hash == closure_.rule_hash


def _together(followed: Mapping[str, Changes]) -> Changes:
    every = Changes()
    for one in followed.values():
        every |= one
    return every


def _people_max(stores: Stores) -> int:
    with stores.read_control() as connection:
        people = connection.execute(sa.select(sa.func.count()).select_from(_profiles)).scalar_one()
    return max(_FEW, int(_SHARE_MAX * people))


def _members(counts: Counts, standing: Standing) -> int:
    return standing.members + counts.entered - counts.left


def _good(
    counts: Mapping[str, Counts], standings: Mapping[str, Standing], now: datetime
) -> list[dict[str, Any]]:
    return [
        {"segment": name, "refreshed_at": now, "members": _members(one, standings[name])}
        for name, one in counts.items()
        if one.entered or one.left
    ]


def _not_told(
    failures: Mapping[str, str], standings: Mapping[str, Standing], found: Defined
) -> dict[str, str]:
    """Failures that are new: a segment that goes on failing for the same reason is not told of each time."""
    return {
        name: reason
        for name, reason in failures.items()
        if name in standings
        and (standings[name].failure, standings[name].failed_revision)
        != (reason, found.revisions.get(name))
    }


def _due(stores: Stores, behind: tuple[str, ...], now: datetime) -> list[str]:
    """Those to compute now: one that fails is tried again when its definition has changed, or after a while."""
    standings, revisions = read_standings(stores), defined(stores, behind).revisions
    due = []
    for name in behind:
        one = standings.get(name)
        fails_still = (
            one is not None
            and one.failed_at is not None
            and one.failed_revision == revisions.get(name)
            and now - one.failed_at < _PATIENCE
        )
        if not fails_still:
            due.append(name)
    return due


def _joined(
    first: tuple[SegmentCount, ...], second: tuple[SegmentCount, ...]
) -> tuple[SegmentCount, ...]:
    """Of one look after another: how it stands after the second, and who entered and left in both."""
    found = {one.segment: one for one in first}
    for one in second:
        before = found.get(one.segment)
        if before is not None:
            one = replace(one, entered=before.entered + one.entered, left=before.left + one.left)
        found[one.segment] = one
    return tuple(one for _name, one in sorted(found.items()))
