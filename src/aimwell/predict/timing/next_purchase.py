"""When each person will buy again: read, fitted, judged on later time, and told with intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError, TooLittleDataError, nearest
from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.deep.judging import DeepCheck
from aimwell.predict.deep.keeping import keep_network, kept_network
from aimwell.predict.deep.reading import days_before
from aimwell.predict.deep.service import (
    DeepOptions,
    foretold,
    judge_networks,
    learn_again,
    need_torch,
)
from aimwell.predict.deep.spliced import Spliced
from aimwell.predict.timing.paces import Paces, fit_paces
from aimwell.predict.timing.purchase_days import BY, By
from aimwell.predict.timing.reading import WaitRows, came_to, read_waits
from aimwell.predict.timing.renewal import NextGap
from aimwell.predict.timing.wait_check import WaitCheck, check_waits
from aimwell.predict.training import span_days
from aimwell.stats.samples import FloatArray
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["WITHIN_DAYS", "NextPurchases", "next_purchases"]

WITHIN_DAYS = (7, 14, 30)
"""Spans for which the probability of a purchase is told, in days."""

_PEOPLE_MIN = 100
_GAPS_MIN = 50
_FAR_DAYS = 36_525
_DUE, _OVERDUE = 0.5, 0.9
_GONE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class NextPurchases:
    """When people will buy again.

    Args:
        by: 'person', or people with a 'category' or 'product' that they have bought at least twice.
        people: One row a person (and item), see `next_purchases`.
        paces: The fitted model; of each item where there is enough of it.
        until: The last day that was seen.
        check: The same model, fitted to what was known before, judged on the days since; None where `check_reason` says
            why not.
        deep: Sequence models beside it, where they were asked for; None also where `deep_reason` says why not.
        model: The registered sequence model from which the people are told; None: the renewal model alone.
    """

    by: By
    people: pa.Table
    paces: Paces
    until: date
    check: WaitCheck | None
    check_reason: str
    deep: DeepCheck | None = None
    deep_reason: str = ""
    model: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the people."""
        return {
            "by": self.by,
            "until": self.until,
            "rows": self.people.num_rows,
            "states": counted(self.people.column("state")),
            "model": self.paces.to_dict(),
            "check": self.check,
            "check_reason": self.check_reason,
            "deep": self.deep,
            "deep_reason": self.deep_reason,
            "sequence_model": self.model,
        }


def counted(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each value stands in a column of text, by value."""
    pairs = pc.value_counts(column.combine_chunks()).to_pylist()
    return {pair["values"]: pair["counts"] for pair in sorted(pairs, key=lambda p: p["values"])}


def next_purchases(
    stores: Stores,
    *,
    as_of: datetime,
    by: By = "person",
    check_days: int = 30,
    deep: DeepOptions | None = None,
    model: str | None = None,
    now: datetime | None = None,
) -> NextPurchases:
    """When each person will buy again, or each of the items (categories, products) that they have bought again before.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        by: 'person', 'category' or 'product'.
        check_days: How many days before `as_of` the check looks back from; the model is fitted anew to what was known then.
        deep: Learn sequence models of people as well, judge them beside the renewal model, and tell people from the one that wins,
            if one does; it is then registered as `next-purchase-network-60d`, or of as many days as the check.
        model: Tell people from this registered sequence model, without learning one.
        now: When a model is registered; default: `as_of`.

    Returns:
        `people`, by item and profile_id: `profile_id`, `item` ('' by person), `name` (of a
        product, where known), `purchases` (days with one), `last_day`,
        `waited` (days), `returns` (probability of ever buying again), `within_7`, `within_14`, `within_30` (probability of
        a purchase within so many days, of everybody), `next_day` (the median day, if they buy again), `lower_50`, `upper_50`,
        `lower_90`, `upper_90` (days between which half and 90 % of such people buy, if they do), `state`: 'not yet due'
        (fewer than half of people of this pace would be back by now), 'due', 'overdue' (more than 90 % would),
        or 'likely gone' (returns below 0.5). Dates beyond a hundred years are null.

    Raises:
        TooLittleDataError: Fewer than 100 people bought, fewer than 50 gaps between purchases were seen, or nobody
            bought for `check_days` before the moment.
        PredictError: `by` is none of these, or nobody bought; sequence models are asked for and PyTorch is absent, or of
            items; there is no such model, or it has seen later days.
    """
    if by not in BY:
        raise PredictError(f"'{by}' is nothing to tell purchases apart by. {nearest(by, BY)}")
    if deep is not None or model is not None:
        need_torch()
        if by != "person":
            raise PredictError(
                f"Sequence models foretell people as a whole, not by {by}. Leave out one of the two."
            )
    span_days(check_days)
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    read = read_waits(stores, as_of, by, snapshot)
    _gate(read, by)
    _still_buy(read, check_days)
    paces = fit_paces(read.waits, read.items, read.once, read.once_items)
    simple = paces.next_gap(read.waits, read.items)
    check, reason, earlier = _checked(stores, as_of, by, check_days, snapshot)
    found = NextPurchases(by, _told(read, simple), paces, read.until, check, reason)
    if model is not None:
        entry, network = kept_network(stores, model, as_of)
        near = foretold(stores, network, as_of, read.waits.waited, snapshot)
        return replace(found, people=_told(read, Spliced(near, simple)), model=entry.label)
    if deep is None:
        return found
    if earlier is None:
        return replace(found, deep_reason=reason)
    try:
        judged = judge_networks(
            stores,
            earlier.at,
            earlier.read,
            earlier.ahead,
            horizon_days=check_days,
            snapshot=snapshot,
            options=deep,
        )
    except TooLittleDataError as error:
        return replace(found, deep_reason=f"Sequence models were not learnt. {error}")
    if judged.used is None:
        return replace(found, deep=judged)
    learnt = learn_again(
        stores, judged.used, as_of, horizon_days=check_days, snapshot=snapshot, options=deep
    )
    entry = keep_network(
        stores,
        learnt,
        judged,
        seed=deep.seed,
        judged_days=check_days,
        as_of=as_of,
        now=now or as_of,
        snapshot=snapshot,
    )
    near = foretold(stores, learnt.model, as_of, read.waits.waited, snapshot)
    people = _told(read, Spliced(near, simple))
    return replace(found, people=people, deep=judged, model=entry.label)


def _gate(read: WaitRows, by: By) -> None:
    people = len(read.waits) + float(read.once.weight.sum())
    gaps = float(read.waits.gaps.sum())
    what = "people who bought" if by == "person" else f"people and {by} bought"
    if people < _PEOPLE_MIN or gaps < _GAPS_MIN:
        raise TooLittleDataError(
            "times of the next purchase",
            needed={what: _PEOPLE_MIN, "gaps between purchases": _GAPS_MIN},
            present={what: int(people), "gaps between purchases": int(gaps)},
            advice="Collect more orders"
            + ("." if by != "category" else ", and the categories of products."),
        )


def _still_buy(read: WaitRows, days: int) -> None:
    """Refuse where the orders end long before the moment: everybody would look as if gone."""
    quiet = int(min(read.waits.waited.min(initial=np.inf), read.once.waited.min(initial=np.inf)))
    if quiet > days:
        what = f"days with a purchase in the {days} days before"
        raise TooLittleDataError(
            f"times of the next purchase after {read.until}",
            needed={what: 1},
            present={what: 0},
            advice=f"The last purchase was on {read.until - timedelta(days=quiet)}. Collect what came later, or give a moment (as "
            "of) soon after that day.",
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Earlier:
    """What was known and foretold at the moment from which the check looks ahead."""

    at: datetime
    read: WaitRows
    ahead: NextGap


def _checked(
    stores: Stores, as_of: datetime, by: By, days: int, snapshot: Snapshot
) -> tuple[WaitCheck | None, str, _Earlier | None]:
    earlier = days_before(stores, as_of, days)
    read = read_waits(stores, earlier, by, snapshot, as_of - earlier)
    try:
        _gate(read, by)
    except TooLittleDataError as error:
        reason = f"Not judged on later time: {days} days earlier there was less. {error}"
        return None, reason, None
    paces = fit_paces(read.waits, read.items, read.once, read.once_items)
    ahead = paces.next_gap(read.waits, read.items)
    check = check_waits(
        ahead,
        read.curve,
        own_median=read.median_gap,
        shop_median=read.shop_median,
        came=came_to(read, days),
        horizon_days=days,
        people=np.asarray(pc.rank(read.profiles, tiebreaker="dense").to_numpy()) - 1,
    )
    return check, "", _Earlier(earlier, read, ahead)


def _told(read: WaitRows, ahead: NextGap | Spliced) -> pa.Table:
    columns: dict[str, Any] = {
        "profile_id": read.profiles,
        "item": read.items,
        "name": pa.array([read.names.get(item) for item in read.items.to_pylist()], pa.string()),
        "purchases": pa.array((read.waits.gaps + 1).astype(np.int64)),
        "last_day": read.last_day,
        "waited": pa.array(read.waits.waited.astype(np.int64)),
        "returns": pa.array(ahead.returns),
    }
    for days in WITHIN_DAYS:
        columns[f"within_{days}"] = pa.array(ahead.within(days))
    bounds = {"next_day": 0.5, "lower_50": 0.25, "upper_50": 0.75}
    for name, share in (bounds | {"lower_90": 0.05, "upper_90": 0.95}).items():
        columns[name] = _dates(read.until, ahead.days_if_back(share))
    state = np.select(
        [ahead.returns < _GONE, ahead.elapsed < _DUE, ahead.elapsed <= _OVERDUE],
        ["likely gone", "not yet due", "due"],
        "overdue",
    )
    columns["state"] = pa.array(state, pa.string())
    return pa.table(columns)


def _dates(until: date, days: FloatArray) -> pa.Array:
    found = np.datetime64(until, "D") + np.minimum(days, _FAR_DAYS).astype("timedelta64[D]")
    return pa.array(found, mask=days >= _FAR_DAYS)
