"""The rows that times of the next purchase are learnt from, as of a moment, and what came after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.history.moment import Moment, open_moment
from aimwell.predict.timing import purchase_days
from aimwell.predict.timing.kaplan_meier import WaitCurve, wait_curve
from aimwell.predict.timing.purchase_days import By
from aimwell.predict.timing.waits import Waits
from aimwell.stats.samples import FloatArray
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["WaitRows", "came_to", "last_day", "read_waits", "waits_in"]


@dataclass(frozen=True, slots=True, eq=False)
class WaitRows:
    """The rows of a moment.

    Args:
        profiles, items: Whose row it is, and of which item ('' by person); by item and profile.
        waits: The gaps of each row.
        last_day: The last day with a purchase.
        median_gap: In days; NaN where there is no gap.
        once, once_items: Of items, those who bought one a single time, as numbers by how long they wait.
        curve: Everybody's waits; of items, those that follow a second purchase.
        shop_median: Of these gaps, in days.
        until: The last day that was seen.
        came: profile_id, item and days to the first purchase after the moment; None where nothing was looked at.
        names: Of products.
    """

    profiles: pa.Array
    items: pa.Array
    waits: Waits
    last_day: pa.Array
    median_gap: FloatArray
    once: Waits
    once_items: pa.Array
    curve: WaitCurve
    shop_median: float
    until: date
    came: pa.Table | None
    names: Mapping[str, str | None]


def read_waits(
    stores: Stores, as_of: datetime, by: By, snapshot: Snapshot, ahead: timedelta | None = None
) -> WaitRows:
    """What is known at the moment; with `ahead` also the first purchase of each after it."""
    with open_moment(
        stores, as_of=as_of, horizon=ahead, snapshot=snapshot, engine=stores.history_engine
    ) as moment:
        return waits_in(moment, by)


def waits_in(moment: Moment, by: By) -> WaitRows:
    """The same of a session that is open; with its horizon also the first purchase of each after it."""
    zone, until = moment.stores.settings.timezone, last_day(moment)
    end = sql(":until", until=until)
    gaps = purchase_days.purchase_gaps(purchase_days.items_bought(by, zone))
    moment.session.materialise("purchase_gaps", gaps)
    # Of items only those that were bought again are told of; who bought one once still teaches how many come back.
    least = 0 if by == "person" else 1
    rows = moment.session.table(purchase_days.waits(end, least))
    once = moment.session.table(purchase_days.wait_counts(end))
    if by == "person":
        once = once.slice(0, 0)
    completed = moment.session.table(purchase_days.gap_counts(least + 1))
    came = None if moment.horizon is None else _came(moment, by, zone, until)
    names = _names(moment) if by == "product" and moment.horizon is None else {}
    waits, single = _waits(rows), Waits.once(_numbers(once, "waited"), _numbers(once, "people"))
    histogram = np.bincount(
        _numbers(completed, "gap").astype(np.int64), weights=_numbers(completed, "gaps")
    ).astype(np.float64)
    return WaitRows(
        profiles=rows.column("profile_id").combine_chunks(),
        items=rows.column("item").combine_chunks(),
        waits=waits,
        last_day=rows.column("last_day").combine_chunks(),
        median_gap=_numbers(rows, "median_gap"),
        once=single,
        once_items=once.column("item").combine_chunks(),
        curve=wait_curve(histogram, waits.waited, waits.weight),
        shop_median=_median(histogram),
        until=until,
        came=came,
        names=names,
    )


def last_day(moment: Moment) -> date:
    """The last day of the firm's that can be seen: a cut at midnight has seen nothing of the day that then begins."""
    zone = ZoneInfo(moment.stores.settings.timezone)
    return (moment.as_of - timedelta(microseconds=1)).astimezone(zone).date()


def came_to(read: WaitRows, days: int) -> FloatArray:
    """Days to the next purchase of each row; inf where none came."""
    assert read.came is not None  # noqa: S101 - read with a horizon
    keys = _keys(read.profiles, read.items)
    place = pc.index_in(keys, _keys(read.came.column("profile_id"), read.came.column("item")))
    there = place.is_valid().to_numpy(zero_copy_only=False)
    found = np.full(len(keys), np.inf)
    found[there] = _numbers(read.came, "days")[place.drop_null().to_numpy()]
    # A cut within a day may be followed by a purchase on that same day.
    return np.where(found <= days, np.maximum(found, 1.0), np.inf)


def _names(moment: Moment) -> dict[str, str | None]:
    """The name of each product."""
    return dict(moment.session.rows(sql("SELECT sku, name FROM product_facts")))


def _came(moment: Moment, by: By, zone: str, until: date) -> pa.Table:
    days = purchase_days.next_days(purchase_days.items_bought(by, zone, "_ahead"))
    return moment.session.table(
        sql(
            """
            SELECT profile_id, item, CAST(date_diff('day', :until, day) AS double) AS days
            FROM :days AS d ORDER BY item, profile_id
            """,
            until=until,
            days=exp.Subquery(this=days),
        )
    )


def _waits(rows: pa.Table) -> Waits:
    gaps, total = _numbers(rows, "gaps"), _numbers(rows, "log_sum")
    mean = np.divide(total, gaps, out=np.zeros_like(gaps), where=gaps > 0)
    squares = np.maximum(_numbers(rows, "log_squares") - gaps * mean**2, 0.0)
    return Waits(gaps, mean, squares, _numbers(rows, "waited"), np.ones(len(gaps)))


def _keys(profiles: pa.Array, items: pa.Array) -> pa.Array:
    keys = pc.binary_join_element_wise(profiles, items, " ")
    return keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys


def _median(histogram: FloatArray) -> float:
    whole = histogram.cumsum()
    return float(np.searchsorted(whole, whole[-1] / 2)) if len(whole) and whole[-1] else np.inf


def _numbers(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)
