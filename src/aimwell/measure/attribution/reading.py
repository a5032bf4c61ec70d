"""Reads paths and spend through the as-of cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.history.moment import Moment, open_moment
from aimwell.measure.attribution.paths import IntArray, Paths, build_paths
from aimwell.measure.attribution.queries import (
    AD_SPEND,
    CONVERSIONS,
    ORDERS,
    PEOPLE,
    REACHED,
    TOUCH_COST,
    TOUCHED,
    TOUCHES,
)
from aimwell.store.lake import empty_table
from aimwell.store.sql import column, sql
from aimwell.store.stores import Stores

__all__ = ["MOST_NAMES", "OTHERS", "By", "PathsRead", "Period", "read_paths"]

By = Literal["channel", "campaign", "action"]

MOST_NAMES = 40
"""Of more names than this the rarest are taken together."""

OTHERS = "all others"
_ORDER_EVENT = "Order Completed"
_COUNTS = "event LIKE '% Viewed' OR event LIKE '% Opened' OR event LIKE '% Clicked'"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Period:
    """When conversions count, and how long before each a touch does. `since` None: from the beginning."""

    since: datetime | None
    until: datetime
    window_days: float


@dataclass(frozen=True, eq=False)
class PathsRead:
    """What was read.

    Attributes:
        paths: The paths.
        people: With a path.
        spend: Name → cost; absent where nothing is known.
        valueless: Conversions that reported no money, counted with 0.
        merged: How many of the rarest names were taken together.
    """

    paths: Paths
    people: int
    spend: dict[str, float]
    valueless: int
    merged: int


def read_paths(
    stores: Stores, period: Period, *, by: By, goal: str, touches: Sequence[str] = ()
) -> PathsRead:
    """The paths of everybody with a touch in the period.

    Args:
        period: When.
        by: What a touch is credited as. What has no such name goes by its channel.
        goal: Event that counts as a conversion; of orders those that were not wholly returned, net of returns.
        touches: Events that count as touches; none: what people saw, opened or clicked.
    """
    window = timedelta(days=period.window_days)
    since = max(_BEGINNING, period.since - window) if period.since else _BEGINNING
    holes = {
        "by": column(by),
        "without": "" if by == "channel" else f"(no {by}) ",
        "unnamed": "(unnamed)",
        "since": since,
    }
    counts = sql("event IN :events", events=list(touches)) if touches else sql(_COUNTS)
    with open_moment(stores, as_of=period.until) as moment:
        session = moment.session
        session.materialise("touched", sql(TOUCHED, counts=exp.paren(counts), **holes))
        session.materialise("converted", _conversions(goal, since))
        session.materialise("reached", sql(REACHED))
        seen, done = session.table(sql(TOUCHES)), session.table(sql(PEOPLE))
        spend = _spend(moment, period, by, {**holes, "since": period.since or _BEGINNING})
    names, index, merged = _names(seen.column("name"))
    value = done.column("value").to_numpy()
    start = None if period.since is None else round(period.since.timestamp() * 1_000_000)
    paths = build_paths(
        channels=names,
        touch_person=_whole(seen, "person"),
        touch_at=_whole(seen, "at"),
        touch_channel=index,
        conversion_person=_whole(done, "person"),
        conversion_at=_whole(done, "at"),
        conversion_value=np.nan_to_num(np.asarray(value, dtype=np.float64)),
        window_days=period.window_days,
        since=start,
    )
    if merged:
        known = set(names)
        grouped: Counter[str] = Counter()
        for name, cost in spend.items():
            grouped[name if name in known else OTHERS] += cost  # type: ignore[assignment]
        spend = dict(grouped)
    return PathsRead(
        paths, len(np.unique(paths.person)), spend, int(done.column("value").null_count), merged
    )


def _conversions(goal: str, since: datetime) -> exp.Expr:
    return (
        sql(ORDERS, since=since)
        if goal == _ORDER_EVENT
        else sql(CONVERSIONS, event=goal, since=since)
    )


def _whole(table: pa.Table, name: str) -> IntArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.int64)


def _names(
    found: pa.ChunkedArray,
) -> tuple[list[str], IntArray, int]:
    """The names in order, the place of each row's, and how many rare ones were taken together."""
    counted = pc.value_counts(found).to_pylist()
    ranked = sorted(counted, key=lambda one: (-one["counts"], one["values"]))
    kept = sorted(one["values"] for one in ranked[:MOST_NAMES])
    merged = max(0, len(ranked) - MOST_NAMES)
    names = [*kept, OTHERS] if merged else kept
    places = pc.index_in(found, value_set=pa.array(kept, pa.string())).combine_chunks()
    index = pc.fill_null(places, len(kept)).to_numpy(zero_copy_only=False).astype(np.int64)
    return names, index, merged


def _spend(moment: Moment, period: Period, by: By, holes: dict[str, object]) -> dict[str, float]:
    """What messages cost, and advertising where its spend is told by the same name."""
    session = moment.session
    found: Counter[str] = Counter()
    rows = list(session.rows(sql(TOUCH_COST, **holes)))
    if by != "action":
        pinned = moment.stores.lake.pin("ad_spend").tables
        session.bind("ad_spend", pinned.get("ad_spend") or empty_table("ad_spend"))
        rows += session.rows(sql(AD_SPEND, **holes, until=period.until))
    for name, cost in rows:
        found[name] += cost
    return {name: float(cost) for name, cost in found.items()}
