"""Memberships in the lake: everybody looked at, who is in each segment, who entered and left since the time before.

A refresh is one commit with all its rows, under a lease, so it happens whole and once: repeating it with the same
`now` changes nothing and gives the same counts. A segment that cannot be computed keeps the members that it had, and
the others go on. Between refreshes `following` keeps those up to date whom something happened to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.errors import SegmentError
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.membership.computing import Computed, compute
from aimwell.segment.membership.defined import Defined, defined
from aimwell.segment.membership.noticing import Notes, forget_notes, read_notes
from aimwell.segment.membership.recording import FULL, Counts, compare, members_of, write
from aimwell.segment.membership.standing import (
    Seen,
    Standing,
    expect,
    forget_removed,
    keep_failures,
    keep_good,
    keep_seen,
    read_seen,
    read_standings,
    tell_alerts,
)
from aimwell.segment.model import SegmentCount
from aimwell.store.leases import Held
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["LEASE", "current_members", "moment_after", "refresh"]

LEASE = "segments"
"""Whoever writes memberships holds it."""

_FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def refresh(
    stores: Stores,
    *,
    now: datetime | Callable[[], datetime],
    segments: Sequence[str] | None = None,
) -> tuple[SegmentCount, ...]:
    """Look at everybody: compute segments as of `now` and write to `memberships` who is in, entered and left.

    Args:
        stores: The workspace.
        now: The moment; later than that of every refresh before, or the same to repeat one. A clock is read when
            nobody else is at it any more, and then the moment is late enough.
        segments: Names; default: all. Only then do people leave segments whose definition was removed.

    Returns:
        One count per segment, by name; one that cannot be computed has a `failure`.

    Raises:
        SegmentError: A later refresh stands already.
        UnknownDefinitionError: There is no segment of such a name.
    """
    with stores.leases.hold(LEASE) as held:
        found = defined(stores, segments)
        strict = isinstance(now, datetime)
        moment_ = now if isinstance(now, datetime) else now()
        expect(stores, found.names)
        notes = read_notes(stores) if segments is None else Notes()
        if not strict:
            moment_ = moment_after(stores, moment_)
        as_of, engine = moment_.astimezone(UTC), stores.history_engine
        with open_moment(stores, as_of=as_of, engine=engine) as moment:
            wanted = None if segments is None else found.names
            written = _written(moment, wanted) if strict else {}
            return _refresh(
                stores, moment, found, written, notes, held, everything=segments is None
            )


def _refresh(
    stores: Stores,
    moment: Moment,
    found: Defined,
    written: Mapping[str, SegmentCount],
    notes: Notes,
    held: Held,
    *,
    everything: bool,
) -> tuple[SegmentCount, ...]:
    waiting = {name: one for name, one in found.closures.items() if name not in written}
    computed = compute(moment, waiting, found.revisions)
    failures = {**computed.failures, **found.broken}
    left_alone = {*written, *failures}
    bases = {
        name: at
        for name, at in _snapshots(moment).items()
        if (name in computed.places) or (everything and name not in left_alone)
    }
    counts = compare(moment, computed, {**dict.fromkeys(computed.places), **bases})
    if any(one.members or one.left for one in counts.values()):
        _write(stores, moment, sorted(waiting), held)
    before = read_standings(stores)
    with stores.control.begin() as connection:
        keep_good(connection, _good(moment.as_of, found, computed, counts))
        keep_failures(connection, failures, found.revisions, now=moment.as_of)
        if everything:
            forget_removed(connection, found.names)
            if not written:
                keep_seen(connection, Seen(moment.as_of, moment.snapshot.versions))
                forget_notes(connection, notes.numbers)
    tell_alerts(stores, failures, computed.places)
    # Of segments that have no definition any more only those whom somebody left.
    shown = {
        name: _count(name, one, found)
        for name, one in counts.items()
        if name in waiting or one.left
    }
    failed = {name: _failed(before.get(name), name, reason) for name, reason in failures.items()}
    return tuple(one for _name, one in sorted({**written, **shown, **failed}.items()))


def _count(name: str, counts: Counts, found: Defined) -> SegmentCount:
    revision = found.revisions.get(name, counts.revision or 0)
    return SegmentCount(name, revision, counts.members, counts.entered, counts.left)


def _failed(before: Standing | None, name: str, reason: str) -> SegmentCount:
    """As it was when it could be computed."""
    if before is None:
        return SegmentCount(name, 0, 0, 0, 0, reason)
    return SegmentCount(name, before.revision or 0, before.members, 0, 0, reason)


def _good(
    now: datetime, found: Defined, computed: Computed, counts: Mapping[str, Counts]
) -> list[dict[str, Any]]:
    return [
        {
            "segment": name,
            "revision": found.revisions[name],
            "rule_hash": found.closures[name].rule_hash,
            "refreshed_at": now,
            "full_at": now,
            "members": counts[name].members,
            "behind": False,
        }
        for name in computed.places
    ]


def moment_after(stores: Stores, now: datetime) -> datetime:
    """`now`, or just after the last look at any segment where a clock that is ahead made that one."""
    seen = read_seen(stores)
    looks = [one.refreshed_at for one in read_standings(stores).values()]
    last = max((one for one in looks if one is not None), default=now)
    if seen is not None:
        last = max(last, seen.moment)
    return now if last < now else last + _TICK


def _written(moment: Moment, wanted: Sequence[str] | None) -> dict[str, SegmentCount]:
    """What an earlier run with the same moment wrote; refuses to write into the past."""
    now = moment.as_of
    about = exp.true() if wanted is None else sql("segment IN :wanted", wanted=list(wanted))
    if wanted is not None and not wanted:
        return {}
    later = moment.session.rows(
        sql(
            "SELECT max(occurred_at) FROM raw_memberships WHERE occurred_at > :now AND :about",
            now=now,
            about=about,
        )
    )[0][0]
    if later is not None:
        raise SegmentError(
            f"Segments were refreshed as of {later:%Y-%m-%d %H:%M:%S} UTC already; a refresh as of "
            f"{now:%Y-%m-%d %H:%M:%S} UTC would write into the past. Take a later moment."
        )
    rows = moment.session.rows(
        sql(
            """
            SELECT segment, max(revision), count(*) FILTER (WHERE change = 'snapshot'),
                   count(*) FILTER (WHERE change = 'entered'), count(*) FILTER (WHERE change = 'left')
            FROM raw_memberships WHERE occurred_at = :now AND source = :full AND :about GROUP BY segment
            """,
            now=now,
            full=FULL,
            about=about,
        )
    )
    return {row[0]: SegmentCount(*row) for row in rows}


def _snapshots(moment: Moment) -> dict[str, datetime | None]:
    """Every segment of which anything was written → its last snapshot."""
    query = sql(
        "SELECT segment, max(occurred_at) FILTER (WHERE change = 'snapshot') FROM memberships GROUP BY segment"
    )
    return dict(moment.session.rows(query))


def _write(stores: Stores, moment: Moment, names: Sequence[str], held: Held) -> None:
    # The same segments at a later moment count as a later version, so a stalled process cannot write after them.
    application = "segments:" + hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    write(stores, moment, held=held, application=application, snapshot=True)


def current_members(stores: Stores, segment: str, *, as_of: datetime | None = None) -> pa.Table:
    """Who is in a segment by the memberships that are written: of its last refresh, and of what happened since.

    Args:
        stores: The workspace.
        segment: Name of the segment.
        as_of: Only what was written before this moment counts; default: all.

    Returns:
        One row a person, by `profile_id`: `profile_id`, and `since`, when they last entered. No rows where
        nobody was in it or it was never refreshed.

    Raises:
        UnknownDefinitionError: There is no segment of that name.
    """
    definitions.get(stores.control, "segment", segment)
    with open_moment(stores, as_of=as_of or _FOR_EVER) as moment:
        moment.bind_known()
        return moment.session.table(
            sql(
                """
                SELECT i.profile_id, e.since
                FROM :members AS i
                LEFT JOIN (
                  SELECT profile_id, max(occurred_at) AS since FROM memberships
                  WHERE segment = :segment AND change = 'entered' GROUP BY profile_id
                ) AS e ON e.profile_id = i.profile_id
                ORDER BY i.profile_id
                """,
                members=members_of([segment]),
                segment=segment,
            )
        )
