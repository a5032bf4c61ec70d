"""How good the data of a source are, load by load: completeness, validity, uniqueness, consistency, freshness.

Each is a share between 0 and 1, worked out from what the report of a load counted; where there is nothing to divide
by, or no rule to judge by, it is missing, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from aimwell.collect.expecting import DIMENSIONS
from aimwell.collect.health import defined_sources
from aimwell.collect.model import ExpectationResult, LoadReport, plain
from aimwell.definitions.kinds.source import Source
from aimwell.errors import CollectError, nearest
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = [
    "FORMULAS",
    "EntityQuality",
    "LoadQuality",
    "Measure",
    "measures_of",
    "quality",
    "share_words",
]

FORMULAS: Mapping[str, str] = {
    "completeness": "values that the source gave ÷ (rows × mapped targets); filled gaps count as missing",
    "validity": "1 − (rows kept aside for the form of their values + rows taken with a warning of form, or "
    "without an unreadable address or number) ÷ rows",
    "uniqueness": "1 − (rows equal to another one + rows that repeat what should be unique) ÷ rows",
    "consistency": "1 − (rows that contradict another row, field or source) ÷ rows",
    "freshness": "the limit ÷ the age of the newest row when it was collected, at most 1",
}
"""Dimension → how it is worked out."""

_loads = metadata.tables["loads"]
_CONSISTENCY = {
    *("no_match", "conflicting_line", "line_changed", "conflicting_rate", "unknown_reference"),
    *("check_failed", "negative_quantity", "same_currency"),
}
_UNIQUENESS = {"not_unique"}
_LOADS_MAX = 90


@dataclass(frozen=True)
class Measure:
    """One dimension of one load: `value` is `good` ÷ `of`, or missing because of `reason`."""

    value: float | None
    good: float | None = None
    of: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class LoadQuality:
    """The measures of one load."""

    load_id: str
    collected_at: datetime
    rows: int
    measures: Mapping[str, Measure]


@dataclass(frozen=True)
class EntityQuality:
    """One entity of a source over time, the oldest load first; `expectations` are the last load's. `part`: which of the
    source's entities of this kind; empty where there is one."""

    source: str
    entity: str
    loads: tuple[LoadQuality, ...]
    expectations: tuple[ExpectationResult, ...]
    quarantined_by_reason: Mapping[str, int]
    gaps: Mapping[str, int]
    filled: Mapping[str, int]
    standardised: Mapping[str, int]
    part: str = ""

    @property
    def what(self) -> str:
        """The entity, and which of its kind."""
        return f"{self.entity} ({self.part})" if self.part else self.entity

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {key: plain(value) for key, value in asdict(self).items()}


def share_words(value: float) -> str:
    """A share in percent; never rounded to 100 where something is missing, nor to 0 where something is there."""
    if value in (0.0, 1.0):
        return f"{value:.0%}"
    places = 1 if 0.001 <= value <= 0.999 else 3
    shown = f"{value:.{places}%}"
    return {"100.000%": "99.999%", "0.000%": "0.001%"}.get(shown, shown)


def quality(stores: Stores, source: str | None = None) -> list[EntityQuality]:
    """Of each entity of a source (or of all) the quality of its last ninety loads; replays are none.

    Raises:
        CollectError: Nothing of this source was ever collected.
    """
    query = (
        sa.select(_loads.c.source, _loads.c.entity, _loads.c.report)
        .where(_loads.c.state == "done")
        .order_by(_loads.c.seq.desc())
    )
    with stores.read_control() as connection:
        rows = connection.execute(query).all()
    if source is not None and source not in {row.source for row in rows}:
        known = sorted({row.source for row in rows})
        raise CollectError(f"Nothing of '{source}' was ever collected. {nearest(source, known)}")
    found: dict[tuple[str, str, str], list[LoadReport]] = {}
    for row in rows:
        if source not in (None, row.source) or not row.report:
            continue
        part = str(row.report.get("part") or "")
        reports = found.setdefault((row.source, row.entity, part), [])
        if len(reports) < _LOADS_MAX and not row.report.get("replay"):
            reports.append(LoadReport.from_dict(row.report))
    definitions = {one.name: one for one in defined_sources(stores)}
    return [
        _entity(reports, definitions.get(name))
        for (name, *_), reports in sorted(found.items())
        if reports
    ]


def _entity(reports: Sequence[LoadReport], source: Source | None) -> EntityQuality:
    last = reports[0]
    return EntityQuality(
        source=last.source,
        entity=last.entity,
        loads=tuple(
            LoadQuality(
                one.load_id, one.collected_at, one.rows_read, measures_of(one, _limit(source))
            )
            for one in reversed(reports)
        ),
        expectations=last.expectations,
        quarantined_by_reason=last.quarantined_by_reason,
        gaps=last.gaps,
        filled=last.filled,
        standardised=last.standardised,
        part=last.part,
    )


def _limit(source: Source | None) -> timedelta | None:
    if source is None or source.freshness is None:
        return None
    return source.freshness.newest or source.freshness.arrives


def measures_of(report: LoadReport, limit: timedelta | None) -> dict[str, Measure]:
    """Dimension → measure of one load; `limit` is how old the newest row may be."""
    rows = report.rows_read - report.ignored
    named = {one.name: DIMENSIONS.get(one.kind) for one in report.expectations}
    aside = {"validity": 0, "uniqueness": 0, "consistency": 0}
    for reason, count in report.quarantined_by_reason.items():
        aside[named.get(reason) or _dimension(reason)] += count
    warned = report.warned
    return {
        "completeness": _completeness(report),
        "validity": _share(rows, aside["validity"] + warned.get("validity", 0)),
        "uniqueness": _share(
            rows, report.duplicates + aside["uniqueness"] + warned.get("uniqueness", 0)
        ),
        "consistency": _share(
            rows, report.changed + aside["consistency"] + warned.get("consistency", 0)
        )
        if report.compares
        else Measure(None, reason="no reference, required join or check across fields is written"),
        "freshness": _freshness(report, limit),
    }


def _dimension(reason: str) -> str:
    if reason in _UNIQUENESS:
        return "uniqueness"
    return "consistency" if reason in _CONSISTENCY else "validity"


def _share(rows: int, bad: int) -> Measure:
    if rows <= 0:
        return Measure(None, reason="the files had no rows")
    good = max(rows - bad, 0)
    return Measure(good / rows, good, rows)


def _completeness(report: LoadReport) -> Measure:
    if report.rows_cut is None or report.mapped is None:
        return Measure(None, reason="the load is older than this measure")
    values = report.rows_cut * report.mapped
    if not values:
        return Measure(None, reason="the files had no rows")
    missing = sum(report.gaps.values()) + sum(report.filled.values())
    good = max(values - missing, 0)
    return Measure(good / values, good, values)


def _freshness(report: LoadReport, limit: timedelta | None) -> Measure:
    if limit is None:
        return Measure(None, reason="no `freshness` is written for the source")
    if report.last_at is None:
        return Measure(None, reason="no new row had a time")
    age = max(report.collected_at - report.last_at, timedelta())
    hours, most = age.total_seconds() / 3600, limit.total_seconds() / 3600
    return Measure(1.0 if hours <= most else most / hours, most, hours)
