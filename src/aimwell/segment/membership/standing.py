"""How segments stand: each one's last refresh that went well, or why it fails; and up to where data were looked at."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from aimwell.jobs.alerts import Alerts
from aimwell.store.control import insert_missing, upsert
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = [
    "ALERTS",
    "Seen",
    "Standing",
    "expect",
    "forget_removed",
    "keep_behind",
    "keep_failures",
    "keep_good",
    "keep_seen",
    "read_seen",
    "read_standings",
    "tell_alerts",
]

ALERTS = "segment:"
"""Keys of their alerts begin so."""

_SEEN = "segments_seen"
_states = metadata.tables["segment_states"]
_meta = metadata.tables["workspace_meta"]


@dataclass(frozen=True)
class Standing:
    """One segment.

    Args:
        segment: Its name.
        revision: Of its definition, when it was last computed; None: it never was.
        rule_hash: As in `Closure`, then.
        refreshed_at: When it was last looked at.
        full_at: When everybody was.
        members: How many were in it, by the changes since.
        behind: Everybody has to be looked at again.
        failing_since: Since when it fails; None: it does not. The fields above are then of the last time it did not.
        failed_at: When it failed last.
        failed_revision: The revision that fails.
        failure: Why.
    """

    segment: str
    revision: int | None
    rule_hash: str | None
    refreshed_at: datetime | None
    full_at: datetime | None
    members: int
    behind: bool
    failing_since: datetime | None
    failed_at: datetime | None
    failed_revision: int | None
    failure: str | None


@dataclass(frozen=True)
class Seen:
    """Up to where memberships follow: rows of these versions, and time up to this moment."""

    moment: datetime
    versions: Mapping[str, int]


def read_standings(stores: Stores) -> dict[str, Standing]:
    """Name → how it stands, of all that were ever to be refreshed."""
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(_states).order_by(_states.c.segment)).all()
    return {row.segment: Standing(**row._mapping) for row in rows}


def expect(stores: Stores, names: Iterable[str]) -> None:
    """Say that these segments are to be computed, before it is begun: from now on it is noted whom something happens to."""
    rows: list[dict[str, Any]] = [{"segment": name, "members": 0, "behind": True} for name in names]
    if rows:
        with stores.control.begin() as connection:
            insert_missing(connection, _states, rows)


def keep_good(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Note segments that were computed: those columns of `segment_states` that are given; they fail no more."""
    well = {"failing_since": None, "failed_at": None, "failed_revision": None, "failure": None}
    for row in rows:
        values = {name: value for name, value in row.items() if name != "segment"}
        connection.execute(
            sa.update(_states).where(_states.c.segment == row["segment"]).values(**values, **well)
        )


def keep_behind(connection: sa.Connection, names: Iterable[str]) -> None:
    """Note segments for which everybody has to be looked at again."""
    for name in names:
        connection.execute(sa.update(_states).where(_states.c.segment == name).values(behind=True))


def keep_failures(
    connection: sa.Connection,
    failures: Mapping[str, str],
    revisions: Mapping[str, int],
    *,
    now: datetime,
) -> None:
    """Note segments that failed, and why. What was known of them stays; everybody is to be looked at when they do not."""
    for name, reason in failures.items():
        connection.execute(
            sa.update(_states)
            .where(_states.c.segment == name)
            .values(
                failing_since=sa.func.coalesce(
                    _states.c.failing_since, sa.literal(now, _states.c.failing_since.type)
                ),
                failed_at=now,
                failed_revision=revisions.get(name),
                failure=reason,
                behind=True,
            )
        )


def forget_removed(connection: sa.Connection, defined: Collection[str]) -> list[str]:
    """Forget segments that have no definition any more; returns their names."""
    known = connection.execute(sa.select(_states.c.segment)).scalars().all()
    gone = sorted(set(known) - set(defined))
    for name in gone:
        connection.execute(sa.delete(_states).where(_states.c.segment == name))
    return gone


def tell_alerts(stores: Stores, failures: Mapping[str, str], good: Iterable[str]) -> None:
    """An alert for each segment that fails; those of segments that do not are over."""
    alerts = Alerts(stores.control)
    for name, reason in failures.items():
        alerts.alert(
            ALERTS + name,
            f"The segment '{name}' cannot be computed, and keeps the members that it had: {reason}",
            severity="error",
        )
    told = {one.key for one in alerts.all()}
    for name in good:
        if ALERTS + name in told:
            alerts.resolve(ALERTS + name)


def read_seen(stores: Stores) -> Seen | None:
    """Up to where memberships follow; None before the first refresh of all segments."""
    with stores.read_control() as connection:
        text = connection.execute(sa.select(_meta.c.value).where(_meta.c.key == _SEEN)).scalar()
    if text is None:
        return None
    document = json.loads(text)
    return Seen(datetime.fromisoformat(document["moment"]), document["versions"])


def keep_seen(connection: sa.Connection, seen: Seen) -> None:
    """Note up to where they follow now."""
    text = json.dumps(
        {"moment": seen.moment.astimezone(UTC).isoformat(), "versions": dict(seen.versions)},
        sort_keys=True,
    )
    upsert(connection, _meta, [{"key": _SEEN, "value": text}], update=("value",))
