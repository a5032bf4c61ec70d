"""What became of segments: how they stand, their size day by day, who entered and left when, and what is new since.

The rows are those of `memberships` in the lake. Sizes are as they were counted then; who has become one person since, or
was split, does not change them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.errors import SegmentError
from aimwell.history.moment import open_moment
from aimwell.segment.membership.active import active_names
from aimwell.segment.membership.defined import defined
from aimwell.segment.membership.recording import FULL
from aimwell.segment.membership.refreshing import current_members
from aimwell.segment.membership.standing import read_seen, read_standings
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.unify.reading import bind_with_identity

__all__ = ["DaySize", "News", "SegmentLine", "comings", "news_after", "segment_lines", "sizes"]

State = Literal["fine", "failing", "behind", "never"]


@dataclass(frozen=True)
class SegmentLine:
    """How one segment stands.

    Args:
        segment: Its name.
        state: fine; failing: it cannot be computed, and members are those of before; behind: a look at everybody is
            due; never: it was never computed.
        active: Whether a live campaign uses it.
        members: How many are in it; None where that is not known.
        as_of: Of which moment that is.
        full_at: When everybody was looked at.
        revision: Of the definition that this is of.
        failing_since: Since when it fails.
        failed_revision: The revision that fails.
        failure: Why.
    """

    segment: str
    state: State
    active: bool
    members: int | None
    as_of: datetime | None
    full_at: datetime | None
    revision: int | None
    failing_since: datetime | None
    failed_revision: int | None
    failure: str | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class DaySize:
    """One day of a segment, in the firm's time zone: who entered and left on it, and how many were in it at its end."""

    day: date
    entered: int
    left: int
    members: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "day": self.day.isoformat()}


@dataclass(frozen=True)
class News:
    """Who entered and left since a cursor (segment, profile_id, change, occurred_at), and the cursor to go on from."""

    rows: pa.Table
    cursor: int


def segment_lines(stores: Stores, *, as_of: datetime | None = None) -> tuple[SegmentLine, ...]:
    """Every segment that is defined, by name; with `as_of`, how many were in it then."""
    standings, active, seen = read_standings(stores), active_names(stores), read_seen(stores)
    revisions = defined(stores).revisions
    lines = []
    for _kind, name in definitions.names(stores.control, "segment"):
        one = standings.get(name)
        if one is None or (one.refreshed_at is None and one.failure is None):
            lines.append(SegmentLine(name, "never", name in active, *[None] * 7))
            continue
        behind = one.behind or one.revision != revisions.get(name)
        state: State = "failing" if one.failing_since else "behind" if behind else "fine"
        moment = one.refreshed_at
        if state == "fine" and seen is not None and moment is not None:
            moment = max(moment, seen.moment)
        members: int | None = one.members if one.refreshed_at is not None else None
        if as_of is not None:
            members, moment = current_members(stores, name, as_of=as_of).num_rows, as_of
        lines.append(
            SegmentLine(
                name,
                state,
                name in active,
                members,
                moment,
                one.full_at,
                one.revision,
                one.failing_since,
                one.failed_revision,
                one.failure,
            )
        )
    return tuple(lines)


def sizes(stores: Stores, segment: str, *, as_of: datetime | None = None) -> tuple[DaySize, ...]:
    """A segment day by day; days on which nothing was written are left out.

    Raises:
        UnknownDefinitionError: There is no segment of that name.
    """
    definitions.get(stores.control, "segment", segment)
    with stores.engine.session() as session:
        session.bind("memberships", stores.lake.pin("memberships").tables["memberships"])
        query = sql(
            """
            SELECT occurred_at, count(*) FILTER (WHERE change = 'snapshot'),
                   count(*) FILTER (WHERE change = 'entered'), count(*) FILTER (WHERE change = 'left'),
                   bool_or(source = :full)
            FROM memberships WHERE segment = :segment AND :until GROUP BY occurred_at ORDER BY occurred_at
            """,
            full=FULL,
            segment=segment,
            until=exp.true() if as_of is None else sql("occurred_at < :as_of", as_of=as_of),
        )
        rows = session.rows(query)
    return tuple(_days(rows, ZoneInfo(stores.settings.timezone)))


def _days(rows: list[tuple[Any, ...]], zone: ZoneInfo) -> Iterator[DaySize]:
    members = 0
    days: dict[date, DaySize] = {}
    for moment, snapshot, entered, left, full in rows:
        members = snapshot if full else members + entered - left
        day = moment.astimezone(zone).date()
        before = days.get(day, DaySize(day, 0, 0, 0))
        days[day] = DaySize(day, before.entered + entered, before.left + left, members)
    yield from days.values()


def comings(
    stores: Stores, segment: str, *, as_of: datetime | None = None, limit: int | None = None
) -> pa.Table:
    """Who entered and left a segment, the newest first: `profile_id` (today's), `change`, `occurred_at`.

    Raises:
        UnknownDefinitionError: There is no segment of that name.
    """
    definitions.get(stores.control, "segment", segment)
    with open_moment(stores, as_of=as_of or datetime(9999, 12, 31, tzinfo=UTC)) as moment:
        query = sql(
            """
            SELECT profile_id, change, occurred_at FROM memberships
            WHERE segment = :segment AND change <> 'snapshot'
            ORDER BY occurred_at DESC, profile_id
            """,
            segment=segment,
        )
        assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
        return moment.session.table(query if limit is None else query.limit(limit))


def news_after(stores: Stores, cursor: int | None) -> News:
    """Who entered and left since, for whoever waits for it: with each cursor once.

    Args:
        stores: The workspace.
        cursor: The one of the last call; None: from now on.

    Raises:
        SegmentError: It is so old that what came since cannot be told; begin anew with None.
    """
    snapshot = stores.lake.pin("memberships")
    version = snapshot.tables["memberships"]
    added = version if cursor is None else stores.lake.added(version, after=cursor)
    if added is None:
        raise SegmentError(
            f"What came after the cursor {cursor} cannot be told any more. Begin anew without a cursor."
        )
    with stores.engine.session() as session:
        bind_with_identity(stores, session, snapshot, prefix="")
        session.bind("raw_memberships", added)
        query = sql(
            """
            SELECT segment, profile_id, change, occurred_at FROM memberships
            WHERE change <> 'snapshot' AND :any ORDER BY occurred_at, segment, profile_id
            """,
            any=exp.false() if cursor is None else exp.true(),
        )
        return News(session.table(query), version.version)
