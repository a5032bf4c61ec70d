"""Active segments: those that a live campaign uses, and each person's in the current state, a row a profile.

What one request needs at once, as a decision or a trigger, stands in the control database; the whole history of all
segments is in the lake.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime

import sqlalchemy as sa

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.rules import asked_segments
from aimwell.errors import AimwellError
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.membership.recording import members_of
from aimwell.segment.membership.standing import read_standings
from aimwell.store.control import upsert
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = [
    "ACTIVE_MAX",
    "active_names",
    "active_of",
    "active_within",
    "keep_active",
    "rebuild_active",
    "too_many",
]

ACTIVE_MAX = 10
"""More active segments than that are more than people can keep apart."""

_LIVE = ("approved", "sending", "paused")
_MARK = "segments_active"
_BATCH = 5_000
_FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)

_plans = metadata.tables["plans"]
_rows = metadata.tables["profile_segments"]
_meta = metadata.tables["workspace_meta"]


def active_names(stores: Stores) -> frozenset[str]:
    """Segments that a campaign with an approved, sending or paused plan is for, trials left out, and those that they ask for."""
    with stores.read_control() as connection:
        campaigns = connection.execute(
            sa.select(_plans.c.campaign)
            .where(_plans.c.state.in_(_LIVE), sa.not_(_plans.c.trial))
            .distinct()
        ).scalars()
        names = list(campaigns)
    found: set[str] = set()
    for name in names:
        try:
            segment = definitions.find(stores.control, Campaign, name).audience.segment
        except (
            AimwellError
        ):  # it was removed, or cannot be read; its plan goes on as it was planned
            continue
        if segment is not None:
            _add(stores, segment, found)
    return frozenset(found)


def _add(stores: Stores, name: str, found: set[str]) -> None:
    if name in found:
        return
    found.add(name)
    try:
        rule = definitions.find(stores.control, Segment, name).rule
    except AimwellError:
        return
    for _path, asked in asked_segments(rule):
        _add(stores, asked.segment, found)


def too_many(names: Collection[str]) -> str | None:
    """A warning where more segments are active than people can keep apart."""
    if len(names) <= ACTIVE_MAX:
        return None
    return (
        f"{len(names)} segments are active, that is used by live campaigns. Beyond {ACTIVE_MAX} they overlap and tire "
        "people; join those that do not differ."
    )


def active_of(stores: Stores, profile_id: str) -> tuple[str, ...]:
    """The active segments that a profile is in, by name."""
    with stores.read_control() as connection:
        query = sa.select(_rows.c.segments).where(_rows.c.profile_id == profile_id)
        return tuple(connection.execute(query).scalar() or ())


def active_within(moment: Moment, active: Collection[str]) -> dict[str, list[str]]:
    """After `compute` in a session of a few: profile → those of the active segments that were computed and that it is in."""
    query = sql(
        """
        SELECT p.profile_id, n.segment FROM fresh AS f JOIN named AS n ON n.place = f.place
        JOIN numbered AS p ON p.number = f.number WHERE n.segment IN :active
        """,
        active=sorted(active),
    )
    found: dict[str, list[str]] = {}
    for profile_id, segment in moment.session.rows(query) if active else ():
        found.setdefault(profile_id, []).append(segment)
    return found


def keep_active(
    connection: sa.Connection,
    profiles: Collection[str],
    inside: Mapping[str, Iterable[str]],
    *,
    instead_of: Collection[str],
) -> None:
    """Write the active segments of some profiles where they differ.

    Args:
        connection: A transaction of the caller's.
        profiles: Who was looked at.
        inside: Profile → the computed ones that it is in.
        instead_of: The computed ones; others stay as they are.
    """
    if not instead_of:
        return
    query = sa.select(_rows.c.profile_id, _rows.c.segments).where(
        among(_rows.c.profile_id, profiles)
    )
    before = {row.profile_id: list(row.segments) for row in connection.execute(query)}
    after = {}
    for one in profiles:
        others = set(before.get(one, ())) - set(instead_of)
        after[one] = sorted({*others, *inside.get(one, ())})
    _write(connection, before, after)


def rebuild_active(stores: Stores) -> None:
    """Make everybody's anew where another segment has become active, or everybody was looked at since."""
    active = active_names(stores)
    standings = read_standings(stores)
    full = {name: str(standings[name].full_at) for name in sorted(active) if name in standings}
    mark = json.dumps(full, sort_keys=True)
    with stores.read_control() as connection:
        known = connection.execute(sa.select(_meta.c.value).where(_meta.c.key == _MARK)).scalar()
    if mark == known or (known is None and not full):
        return
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(_rows))
        before = {row.profile_id: list(row.segments) for row in rows}
    after: dict[str, list[str]] = {profile_id: [] for profile_id in before}
    after.update(_inside(stores, sorted(full)))
    with stores.control.begin() as connection:
        _write(connection, before, after)
        upsert(connection, _meta, [{"key": _MARK, "value": mark}], update=("value",))


def _inside(stores: Stores, names: list[str]) -> Iterator[tuple[str, list[str]]]:
    if not names:
        return
    with open_moment(stores, as_of=_FOR_EVER) as moment:
        moment.bind_known()
        query = sql(
            "SELECT profile_id, array_agg(segment ORDER BY segment) AS segments FROM :members AS m GROUP BY profile_id",
            members=members_of(names),
        )
        for batch in moment.session.batches(query):
            yield from zip(*(part.to_pylist() for part in batch.columns), strict=True)


def _write(
    connection: sa.Connection, before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> None:
    gone = [one for one, names in after.items() if not names and one in before]
    new = [
        {"profile_id": one, "segments": names}
        for one, names in after.items()
        if names and names != before.get(one)
    ]
    if gone:
        connection.execute(sa.delete(_rows).where(among(_rows.c.profile_id, gone)))
    for start in range(0, len(new), _BATCH):
        upsert(connection, _rows, new[start : start + _BATCH], update=("segments",))
