"""Whom to look at again: those who were noted, those of whom rows came in, and those for whom time has gone over a boundary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlglot import exp

from aimwell.history.touched import EVERYBODY
from aimwell.segment.membership.standing import Seen
from aimwell.segment.rules.changing import Boundary, Changes
from aimwell.store.lake import Snapshot
from aimwell.store.schema import metadata
from aimwell.store.sql import column, identifier, sql, union_all
from aimwell.store.stores import Stores
from aimwell.unify.lookup import profiles_of

__all__ = ["Notes", "Noticed", "forget_notes", "notice", "read_notes"]

_touched = metadata.tables["touched_profiles"]
_profiles = metadata.tables["profiles"]
_consents = metadata.tables["consents"]
_CONTROL = {
    "profiles": (_profiles, _profiles.c.profile_id),
    "consents": (_consents, _consents.c.origin_id),
}
"""Tables of the control database with boundaries, and the column that says whose a row is."""

KNOWN = Boundary("profiles", "first_seen_at")
"""Somebody becomes known."""

_BATCH = 20_000


@dataclass(frozen=True)
class Notes:
    """Notes that were read: their numbers by whom they are about, and of those that are about all."""

    of_profiles: Mapping[int, str] = field(default_factory=dict)
    of_everybody: frozenset[int] = frozenset()

    @property
    def numbers(self) -> list[int]:
        """Of all of them."""
        return [*self.of_profiles, *self.of_everybody]


@dataclass(frozen=True)
class Noticed:
    """`profiles` to look at (None: so many that everybody is looked at), and the shared tables that got rows."""

    profiles: frozenset[str] | None
    shared: frozenset[str] = field(default_factory=frozenset)


def read_notes(stores: Stores) -> Notes:
    """What is noted now. To be read before anything that is looked at."""
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(_touched.c.id, _touched.c.profile_id)).all()
    return Notes(
        {row.id: row.profile_id for row in rows if row.profile_id != EVERYBODY},
        frozenset(row.id for row in rows if row.profile_id == EVERYBODY),
    )


def forget_notes(connection: sa.Connection, numbers: Iterable[int]) -> None:
    """Take away these notes and no others: one that was written meanwhile may bear a smaller number."""
    numbers = sorted(numbers)
    for start in range(0, len(numbers), _BATCH):
        part = numbers[start : start + _BATCH]
        # Numbers mostly follow each other, and a range needs no list.
        if part[-1] - part[0] + 1 == len(part):
            connection.execute(sa.delete(_touched).where(_touched.c.id.between(part[0], part[-1])))
            continue
        for few in range(0, len(part), 500):
            connection.execute(sa.delete(_touched).where(_touched.c.id.in_(part[few : few + 500])))


def notice(
    stores: Stores,
    changes: Changes,
    notes: Notes,
    seen: Seen,
    snapshot: Snapshot,
    *,
    now: datetime,
    people_max: int,
) -> Noticed:
    """Whose answers may have changed since `seen`.

    Args:
        stores: The workspace.
        changes: What can change any of the segments.
        notes: What was noted before `snapshot` was pinned; notes about all are left aside here.
        seen: Up to where was looked last time.
        snapshot: What is looked at now.
        now: The moment of it.
        people_max: More people than that, and everybody is looked at.
    """
    shared = frozenset(name for name in changes.shared if _grew(stores, snapshot, seen, name))
    boundaries: defaultdict[str, set[Boundary]] = defaultdict(set)
    for one in {*changes.boundaries, KNOWN}:
        boundaries[one.table].add(one)
    lake = {name: found for name, found in boundaries.items() if name not in _CONTROL}
    origins = _of_lake(stores, lake, seen, snapshot, now=now, people_max=people_max)
    if origins is None:
        return Noticed(None, shared)
    for name, (table, whose) in _CONTROL.items():
        origins |= _of_control(stores, table, whose, boundaries.get(name, ()), seen.moment, now)
    profiles = profiles_of(stores, origins) | set(notes.of_profiles.values())
    return Noticed(None if len(profiles) > people_max else profiles, shared)


def _grew(stores: Stores, snapshot: Snapshot, seen: Seen, name: str) -> bool:
    version = snapshot.tables.get(name)
    if version is None:
        return False
    added = stores.lake.added(version, after=seen.versions.get(name, -1))
    return added is None or bool(added.files)


def _of_lake(
    stores: Stores,
    boundaries: dict[str, set[Boundary]],
    seen: Seen,
    snapshot: Snapshot,
    *,
    now: datetime,
    people_max: int,
) -> set[str] | None:
    """Origins with new rows, and with rows that cross a boundary; None where they are too many or cannot be told."""
    queries = []
    with stores.engine.session() as session:
        for name, found in boundaries.items():
            version = snapshot.tables.get(name)
            if version is None:
                continue
            added = stores.lake.added(version, after=seen.versions.get(name, -1))
            if added is None:
                return None
            table = exp.select("origin_id").distinct()
            if added.files:
                session.bind(f"new_{name}", added)
                queries.append(table.from_(exp.Table(this=identifier(f"new_{name}"))))
            if version.files:
                session.bind(f"raw_{name}", version)
                raw = table.from_(exp.Table(this=identifier(f"raw_{name}")))
                queries.append(raw.where(_crossing(found, seen.moment, now)))
        if not queries:
            return set()
        every = exp.Subquery(
            this=union_all(queries), alias=exp.TableAlias(this=identifier("found"))
        )
        rows = session.table(
            exp.select("origin_id")
            .distinct()
            .from_(every)
            .where("origin_id IS NOT NULL")
            .limit(people_max + 1)
        )
    return None if rows.num_rows > people_max else set(rows.column(0).to_pylist())


def _crossing(boundaries: Iterable[Boundary], since: datetime, now: datetime) -> exp.Expr:
    """Rows for which one of the boundaries lies between the two moments."""
    # Which time a row bears is looked at first and by itself: that leaves few, whatever else is asked of them.
    asked: defaultdict[exp.Expr, set[tuple[str, str] | None]] = defaultdict(set)
    for one in sorted(boundaries, key=repr):
        start, end = _range(one, since, now)
        test = sql(
            "(CAST(:time AS timestamptz) >= :start AND CAST(:time AS timestamptz) <= :end)",
            time=column(one.time),
            start=start,
            end=end,
        )
        asked[test].add(one.only)
    in_time = exp.paren(exp.or_(*asked))
    if all(None in only for only in asked.values()):
        return in_time
    return exp.and_(
        in_time, exp.paren(exp.or_(*(_only(test, only) for test, only in asked.items())))
    )


def _only(in_time: exp.Expr, whose: Collection[tuple[str, str] | None]) -> exp.Expr:
    """Rows in a time with one of these values in their columns; None: whatever is in them."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    for only in whose:
        if only is None:
            return in_time
        values[only[0]].append(only[1])
    tests = [
        sql(":name IN :held", name=column(name), held=sorted(held))
        for name, held in sorted(values.items())
    ]
    return exp.and_(in_time, exp.paren(exp.or_(*tests)))


def _range(boundary: Boundary, since: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Times of rows that reach the boundary between two moments, both ends in."""
    return _moved(since, -boundary.span - boundary.slack), _moved(now, -boundary.span)


def _moved(moment: datetime, span: timedelta) -> datetime:
    try:
        return moment + span
    except OverflowError:
        day = (
            datetime(9999, 12, 30, tzinfo=UTC)
            if span > timedelta(0)
            else datetime(1, 1, 2, tzinfo=UTC)
        )
        return day


def _of_control(
    stores: Stores,
    table: sa.Table,
    whose: sa.Column[str],
    boundaries: Collection[Boundary],
    since: datetime,
    now: datetime,
) -> set[str]:
    found: set[str] = set()
    with stores.read_control() as connection:
        for one in boundaries:
            start, end = _range(one, since, now)
            query = sa.select(whose).where(table.c[one.time].between(start, end)).distinct()
            found.update(connection.execute(query).scalars())
    return found
