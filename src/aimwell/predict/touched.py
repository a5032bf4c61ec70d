"""Whom something happened to: of whom rows came into the lake, and who is no more, since somebody looked last.

Every process looks for itself and nothing is taken away, so any number of them may.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect import loads
from aimwell.collect.tracking import flushes
from aimwell.history.moment import TIME_COLUMNS
from aimwell.store.lake import Snapshot, TableVersion
from aimwell.store.schema import metadata
from aimwell.store.sql import identifier, sql, union_all
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES
from aimwell.unify.lookup import profiles_of

__all__ = ["TOUCHED_MAX", "Touched", "Watch", "no_more", "touched_since"]

TOUCHED_MAX = 10_000
"""Of more people than that everybody had better be looked at."""

_SAID_OF_THEM = frozenset({"assignments", "memberships", "scores"})
"""Tables that hold what was decided about people, not what happened to them."""

_TABLES = tuple(
    name
    for name in TIME_COLUMNS
    if "origin_id" in LAKE_TABLES[name].names and name not in _SAID_OF_THEM
)

_SLACK = timedelta(hours=1)
"""A row may be so much longer on its way into the lake than it says."""

_origins = metadata.tables["erased_origins"]
_overrides = metadata.tables["identity_overrides"]


@dataclass(frozen=True, slots=True)
class Touched:
    """`profiles` of whom something came; None: so many, or nobody can tell whose. `gone`: ids that are nobody's any more."""

    profiles: frozenset[str] | None
    gone: frozenset[str]


@dataclass(slots=True)
class Watch:
    """Looks again and again at what has come since its last look; a look at nothing takes a millisecond.

    Who is one person is known a moment after their rows have come; so whom a row concerns is told at once, and again
    when identities are up to date.
    """

    stores: Stores
    _seen: Snapshot | None = field(default=None, init=False)
    _again: set[str] = field(default_factory=set, init=False)
    _erased_at: datetime | None = field(default=None, init=False)

    def look(self) -> Touched:
        """Whom something happened to since the last look; at the first one nobody."""
        before, self._seen = self._seen, self.stores.lake.pin(*_TABLES)
        gone = self._erased()
        if before is None:
            return Touched(frozenset(), frozenset())
        origins = _came(self.stores, before, self._seen)
        if origins is None:
            self._again = set()
            return Touched(None, gone)
        origins |= self._again
        if not origins:
            return Touched(frozenset(), gone)
        # Asked after the pin: what is there now and not yet unified is among these.
        again = origins if self._behind() else set()
        if again and again == self._again:
            return Touched(frozenset(), gone)
        self._again = again
        profiles = profiles_of(self.stores, origins)
        return Touched(profiles, gone | (origins - profiles))

    def _behind(self) -> bool:
        """Whether there may be rows whose people were not looked at since."""
        return bool(
            flushes.not_unified(self.stores, prepared=True)
            or loads.not_unified(self.stores, prepared=True)
        )

    def _erased(self) -> frozenset[str]:
        """Who was erased since the last look; several may be at the very moment of the last one seen."""
        query = sa.select(_origins.c.origin_id, _origins.c.erased_at)
        if self._erased_at is not None:
            query = query.where(_origins.c.erased_at >= self._erased_at)
        with self.stores.read_control() as connection:
            rows = connection.execute(query).all()
        if rows:
            self._erased_at = max(row.erased_at for row in rows)
        return frozenset(row.origin_id for row in rows)


def touched_since(stores: Stores, moment: datetime) -> frozenset[str] | None:
    """Profiles of whom rows came into the lake from an hour before the moment on; None: of more than TOUCHED_MAX."""
    with stores.engine.session() as session:
        queries = []
        for name, version in stores.lake.pin(*_TABLES).tables.items():
            session.bind(name, version)
            queries.append(
                sql(
                    "SELECT DISTINCT origin_id FROM :rows WHERE received_at >= :since",
                    rows=exp.to_table(name),
                    since=moment - _SLACK,
                )
            )
        every = exp.alias_(exp.paren(union_all(queries)), "found", table=True)
        rows = session.rows(
            exp.select("origin_id")
            .distinct()
            .from_(every)
            .where("origin_id IS NOT NULL")
            .limit(TOUCHED_MAX + 1)
        )
    if len(rows) > TOUCHED_MAX:
        return None
    return profiles_of(stores, {row[0] for row in rows})


def no_more(stores: Stores, *, erased_since: datetime) -> frozenset[str]:
    """Ids under which there is nobody any more: who was erased from a moment on, and who was merged into another."""
    with stores.read_control() as connection:
        erased = connection.execute(
            sa.select(_origins.c.origin_id).where(_origins.c.erased_at >= erased_since)
        ).scalars()
        merged = connection.execute(sa.select(_overrides.c.origin_id)).scalars()
        return frozenset(erased) | frozenset(merged)


def _came(stores: Stores, before: Snapshot, now: Snapshot) -> set[str] | None:
    """Origins of the rows that came between two snapshots; None where that cannot be told, or they are too many."""
    added: dict[str, TableVersion] = {}
    for name, version in now.tables.items():
        since = before.tables[name].version
        if version.version == since:
            continue
        found = stores.lake.added(version, after=since)
        if found is None:
            return None
        if found.files:
            added[name] = found
    if not added:
        return set()
    with stores.engine.session() as session:
        queries = []
        for name, found in added.items():
            session.bind(name, found)
            queries.append(
                exp.select("origin_id").distinct().from_(exp.Table(this=identifier(name)))
            )
        every = exp.alias_(exp.paren(union_all(queries)), "found", table=True)
        rows = session.rows(
            exp.select("origin_id").distinct().from_(every).where("origin_id IS NOT NULL")
        )
    return None if len(rows) > TOUCHED_MAX else {row[0] for row in rows}
