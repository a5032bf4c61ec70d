"""How a source is: late, stale, shrunken, of other columns than before, or well; told as alerts.

    for trouble in troubles_of(stores, source, now=now): ...
    tell_alerts(stores, source, now=now)

What is wrong is worked out from what was collected and the present alone, so it is the same whoever asks, also where
no worker runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from aimwell.collect.columns import change_of
from aimwell.collect.model import LoadReport, plain
from aimwell.collect.money import NO_RATE
from aimwell.collect.runs import Run, last_run, reference_columns
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.source_schedule import Volume
from aimwell.errors import UnknownDefinitionError
from aimwell.jobs.alerts import Alerts, Severity
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = [
    "ALERTS",
    "EntityVolume",
    "SourceHealth",
    "Trouble",
    "defined_sources",
    "health_of",
    "is_defined",
    "tell_alerts",
    "tell_of_rates",
]

ALERTS = "source:"
"""Keys of alerts about sources begin so."""

_loads = metadata.tables["loads"]
_told = metadata.tables["tracked_orders"]
_PAST_MIN = 3


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong with a source: `part` is one of failed, late, stale, volume, columns, expectations,
    rates."""

    source: str
    part: str
    message: str
    severity: Severity = "warning"

    @property
    def key(self) -> str:
        """Of its alert."""
        return f"{ALERTS}{self.source}:{self.part}"


@dataclass(frozen=True)
class EntityVolume:
    """Rows that the last load of an entity read, and how many were expected (None: no limit on that side). `entity` names
    the part too where a source has several of a kind."""

    entity: str
    rows: int
    at_least: int | None
    at_most: int | None


@dataclass(frozen=True)
class SourceHealth:
    """How a source stands. `age` is the time since new files came; `newest_at` the newest row's own time."""

    source: str
    last_run_at: datetime | None = None
    last_outcome: str | None = None
    last_taken_at: datetime | None = None
    age: timedelta | None = None
    age_max: timedelta | None = None
    newest_at: datetime | None = None
    volumes: tuple[EntityVolume, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    quarantine: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; spans in seconds."""
        values = asdict(self)
        for name in ("age", "age_max"):
            span = getattr(self, name)
            values[name] = span.total_seconds() if span is not None else None
        return {key: plain(value) for key, value in values.items()}


def defined_sources(stores: Stores) -> list[Source]:
    """All source definitions, by name."""
    names = [name for _, name in definitions.names(stores.control, "source")]
    return [definitions.find(stores.control, Source, name) for name in names]


def is_defined(stores: Stores, name: str) -> bool:
    """Whether a source is written down; what was collected by hand alone is not watched."""
    try:
        definitions.get(stores.control, "source", name)
    except UnknownDefinitionError:
        return False
    return True


def health_of(stores: Stores, source: Source, *, now: datetime) -> SourceHealth:
    """How the source stands at the moment `now`."""
    run, taken = last_run(stores, source.name), last_run(stores, source.name, outcome="taken")
    loads = _done_loads(stores, source.name)
    reports = [one for one in loads if not one.replay]
    # What was collected before runs were kept counts by its loads.
    came_at = max([one.collected_at for one in reports], default=None)
    if taken is not None and (came_at is None or taken.started_at > came_at):
        came_at = taken.started_at
    newest = max([one.last_at for one in loads if one.last_at is not None], default=None)
    if source.tracking is not None:
        came_at, newest = _last_message(stores, source.name)
    volumes = _volumes(source, reports)
    troubles = [
        *_failed(source, run),
        *_late(source, came_at, now),
        *_stale(source, newest, now),
        *_odd_volumes(source, volumes),
        *_other_columns(stores, source, run),
        *_unmet(source, reports),
        *_without_rate(stores, source),
    ]
    return SourceHealth(
        source=source.name,
        last_run_at=run.started_at if run else came_at,
        last_outcome=run.outcome if run else ("taken" if came_at else None),
        last_taken_at=came_at,
        age=now - came_at if came_at else None,
        age_max=source.freshness.arrives if source.freshness else None,
        newest_at=newest,
        volumes=tuple(volumes),
        troubles=tuple(troubles),
    )


def _last_message(stores: Stores, source: str) -> tuple[datetime | None, datetime | None]:
    """When the newest message of a tracking source came, and of when it is."""
    query = sql(
        "SELECT max(received_at), max(occurred_at) FROM events WHERE source = :source",
        source=source,
    )
    with stores.engine.session() as session:
        session.bind("events", stores.lake.pin("events").tables["events"])
        [(came_at, newest)] = session.rows(query)
    return came_at, newest


def _done_loads(stores: Stores, source: str) -> list[LoadReport]:
    """The reports of the source's loads, the newest first."""
    query = (
        sa.select(_loads.c.report)
        .where(_loads.c.source == source, _loads.c.state == "done")
        .order_by(_loads.c.seq.desc())
        .limit(1_000)
    )
    with stores.read_control() as connection:
        found = connection.execute(query).scalars().all()
    return [LoadReport.from_dict(report) for report in found if report]


def _failed(source: Source, run: Run | None) -> list[Trouble]:
    if run is None or run.outcome != "failed":
        return []
    told = f"'{source.name}' could not be collected on {_moment(run.started_at)}: {run.error}"
    return [Trouble(source.name, "failed", told, "error")]


def _late(source: Source, came_at: datetime | None, now: datetime) -> list[Trouble]:
    limit = source.freshness.arrives if source.freshness else None
    if limit is None or (came_at is not None and now - came_at <= limit):
        return []
    if source.tracking is not None:
        since = (
            "ever came"
            if came_at is None
            else f"came since {_moment(came_at)} ({_span(now - came_at)} ago)"
        )
        told = (
            f"No message of '{source.name}' {since}; some should come every {_span(limit)}. Look whether its clients still "
            "send, and whether what waits is flushed: aimwell collect flush."
        )
        return [Trouble(source.name, "late", told)]
    if came_at is None:
        told = f"'{source.name}' was never collected, and should come every {_span(limit)}."
    else:
        told = (
            f"Nothing new of '{source.name}' came since {_moment(came_at)} ({_span(now - came_at)} ago); it should "
            f"come every {_span(limit)}."
        )
    return [Trouble(source.name, "late", f"{told} Look whether its export still runs.")]


def _stale(source: Source, newest: datetime | None, now: datetime) -> list[Trouble]:
    limit = source.freshness.newest if source.freshness else None
    if limit is None or newest is None or now - newest <= limit:
        return []
    told = (
        f"The newest row of '{source.name}' is of {_moment(newest)} ({_span(now - newest)} ago); it should not be "
        f"older than {_span(limit)}. Look whether its export still gets new data."
    )
    return [Trouble(source.name, "stale", told)]


def _volumes(source: Source, reports: Sequence[LoadReport]) -> list[EntityVolume]:
    found = []
    for entity, part in _parts(source):
        own = [one for one in reports if (one.entity, one.part) == (entity, part)]
        rows = [one.rows_read for one in own]
        if rows:
            least, most = (
                _limits(source.volume, rows[1:]) if source.volume is not None else (None, None)
            )
            found.append(EntityVolume(own[0].what, rows[0], least, most))
    return found


def _parts(source: Source) -> list[tuple[str, str]]:
    """Kind and part of each entity: two files of one kind have each a size of its own."""
    return [(one.entity, source.part_of(one)) for one in source.entities]


def _limits(volume: Volume, past: Sequence[int]) -> tuple[int | None, int | None]:
    """The smallest and largest number of rows: the stricter of what is said and what is usual."""
    least, most = [volume.at_least], [volume.at_most]
    before = past[: volume.past]
    if len(before) >= _PAST_MIN:
        usual = median(before)
        if volume.at_least_of_usual is not None:
            least.append(round(usual * volume.at_least_of_usual))
        if volume.at_most_of_usual is not None:
            most.append(round(usual * volume.at_most_of_usual))
    lows = [one for one in least if one is not None]
    highs = [one for one in most if one is not None]
    return max(lows, default=None), min(highs, default=None)


def _odd_volumes(source: Source, volumes: Sequence[EntityVolume]) -> list[Trouble]:
    told = []
    for one in volumes:
        if one.at_least is not None and one.rows < one.at_least:
            told.append(f"{one.entity}: {one.rows:,} rows, at least {one.at_least:,} were expected")
        elif one.at_most is not None and one.rows > one.at_most:
            told.append(f"{one.entity}: {one.rows:,} rows, at most {one.at_most:,} were expected")
    if not told:
        return []
    words = "; ".join(told)
    what = f"The last files of '{source.name}' are of an unusual size. {words}. Look whether the export was whole."
    return [Trouble(source.name, "volume", what)]


def _other_columns(stores: Stores, source: Source, run: Run | None) -> list[Trouble]:
    if source.columns_changed == "ignore" or run is None or run.columns is None:
        return []
    before = reference_columns(stores, source.name)
    change = change_of(before or {}, run.columns)
    if not change.any:
        return []
    told = (
        f"The columns of '{source.name}' are not what they were ({change.words}). Change its mapping where it needs "
        "them; applying a changed definition takes the columns as they are for the right ones."
    )
    grave = bool(change.went or change.retyped)
    return [Trouble(source.name, "columns", told, "warning" if grave else "info")]


def _unmet(source: Source, reports: Sequence[LoadReport]) -> list[Trouble]:
    """Expectations of whole files that the last load did not fulfil."""
    told = []
    for entity, part in _parts(source):
        last = next((one for one in reports if (one.entity, one.part) == (entity, part)), None)
        if last is not None:
            told += [
                one.detail
                for one in last.expectations
                if one.kind in ("rows", "newest_within") and one.broken
            ]
    if not told:
        return []
    return [Trouble(source.name, "expectations", f"'{source.name}': {'; '.join(told)}.")]


def _without_rate(stores: Stores, source: Source) -> list[Trouble]:
    """Orders of messages that wait for a rate of their currency."""
    if source.tracking is None:
        return []
    query = (
        sa.select(_told.c.order_id, _told.c.content, _told.c.occurred_at)
        .where(_told.c.source == source.name, _told.c.waits == NO_RATE)
        .order_by(_told.c.occurred_at)
    )
    with stores.read_control() as connection:
        rows = connection.execute(query).all()
    if not rows:
        return []
    own, orders = stores.settings.currency, len({row.order_id for row in rows})
    said = {json.loads(row.content).get("currency") or source.currency for row in rows}
    foreign = sorted({str(one).upper() for one in said if one} - {own})
    told = (
        f"{orders:,} {'order' if orders == 1 else 'orders'} that messages of '{source.name}' tell, the first of "
        f"{rows[0].occurred_at:%Y-%m-%d}, cannot be counted: there is no rate of that day to {own} for "
        f"{', '.join(foreign)}. Take one with `aimwell collect rates FILE`; the orders then follow by themselves."
    )
    return [Trouble(source.name, "rates", told)]


def tell_alerts(stores: Stores, source: Source, *, now: datetime) -> tuple[Trouble, ...]:
    """Raise an alert for each trouble of the source, and resolve those that are over."""
    found = health_of(stores, source, now=now).troubles
    _tell(stores, found, begins=f"{ALERTS}{source.name}:", now=now)
    return found


def tell_of_rates(stores: Stores, source: Source, *, now: datetime) -> None:
    """So only of orders that wait for a rate."""
    found = _without_rate(stores, source)
    _tell(stores, found, begins=f"{ALERTS}{source.name}:rates", now=now)


def _tell(stores: Stores, found: Sequence[Trouble], *, begins: str, now: datetime) -> None:
    alerts = Alerts(stores.control, clock=lambda: now)
    open_ = {one.key: one for one in alerts.all() if one.key.startswith(begins)}
    for one in found:
        before = open_.pop(one.key, None)
        if before is None or before.message != one.message:
            alerts.alert(one.key, one.message, severity=one.severity)
    for key in open_:
        alerts.resolve(key)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    if hours < 2:
        minutes = round(hours * 60)
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    if hours < 72:
        return f"{hours:.0f} hours"
    return f"{hours / 24:.0f} days"
