"""The weekday and the hours of each person as of a moment, by a registered version of a best-time model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aimwell.history.moment import open_moment
from aimwell.predict.registry import RegisteredModel, model_of
from aimwell.predict.scoring import check_seen
from aimwell.predict.timing.acts import NOT_OWN, read_acts
from aimwell.predict.timing.best_time import best_times
from aimwell.predict.timing.habits import Habits
from aimwell.predict.timing.kept_times import time_laws_of
from aimwell.predict.timing.time_laws import TimeLaws
from aimwell.stats.samples import FloatArray
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["OwnTimes", "own_times", "own_times_then", "time_model"]

_TRAIN = (
    "aimwell predict train NAME, where NAME is a `prediction` definition with `asks: best-time`"
)


@dataclass(frozen=True, slots=True, eq=False)
class OwnTimes:
    """When people act, one entry a person who did.

    Args:
        entry: The version.
        as_of: Nothing from this moment on was seen.
        block_hours: Hours in a block.
        profiles: Who.
        weekday: 0 Monday … 6, or NOT_OWN.
        block: The block of hours after midnight, by the person's zone, or NOT_OWN.
        usual_block: Everybody's commonest; None where hours are not known.
        better: 'weekday' and 'hours', so far as own times were judged better on later time. Of the others nobody has one.
    """

    entry: RegisteredModel
    as_of: datetime
    block_hours: int
    profiles: pa.Array
    weekday: NDArray[np.int8]
    block: NDArray[np.int8]
    usual_block: int | None
    better: tuple[str, ...]


def own_times(
    stores: Stores, model: str | None, *, as_of: datetime, snapshot: Snapshot | None = None
) -> OwnTimes:
    """Each person's own times, where they are sure (by a probability of 0.9, see `habits`): another than everybody's commonest, or that one.

    Args:
        stores: The workspace.
        model: Name or name@version; None: the best-time model trained last.
        as_of: Nothing from this moment on is seen.
        snapshot: Versions of the lake's tables; default: the newest.

    Raises:
        PredictError: There is no such model, or it has seen later data.
        ModelFileError: Its files are missing or were changed.
    """
    entry = time_model(stores, model)
    check_seen(entry, as_of)
    better = tuple(one["kind"] for one in entry.metrics["judged"] if one["verdict"] == "better")
    return _told(stores, entry, time_laws_of(stores, entry), better, as_of, snapshot)


def time_model(stores: Stores, name: str | None) -> RegisteredModel:
    """The best-time model of that name; None: the one trained last. Raises PredictError."""
    return model_of(stores, "best_time", name, train=_TRAIN)


def own_times_then(stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> OwnTimes:
    """The same as it would have been told at an earlier moment, learnt and judged anew from what was known.

    Raises:
        TooLittleDataError: Too little was known then.
    """
    found = best_times(
        stores,
        as_of=as_of,
        signal=entry.settings["signal"],
        block_hours=int(entry.settings["block_hours"]),
        check_days=int(entry.settings["horizon_days"]),
    )
    better = tuple(one.kind for one in found.judged if one.verdict == "better")
    return _told(stores, entry, TimeLaws.of(found.weekdays, found.hours), better, as_of, None)


def _told(
    stores: Stores,
    entry: RegisteredModel,
    laws: TimeLaws,
    better: tuple[str, ...],
    as_of: datetime,
    snapshot: Snapshot | None,
) -> OwnTimes:
    hours = int(entry.settings["block_hours"])
    engine = stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        acts = read_acts(moment, entry.settings["signal"], hours, "")
    block = np.full(len(acts.profiles), NOT_OWN, dtype=np.int8)
    if laws.hours is not None:
        block = _own(laws.hours.habits, acts.hours, better="hours" in better)
    return OwnTimes(
        entry=entry,
        as_of=as_of,
        block_hours=hours,
        profiles=acts.profiles,
        weekday=_own(laws.weekdays.habits, acts.weekdays, better="weekday" in better),
        block=block,
        usual_block=None if laws.hours is None else int(np.argmax(laws.hours.shares)),
        better=better,
    )


def _own(habits: Habits, counts: FloatArray, *, better: bool) -> NDArray[np.int8]:
    """Whose time is surely another than everybody's commonest, and whose is surely that one."""
    if not better:
        return np.full(len(counts), NOT_OWN, dtype=np.int8)
    chosen = habits.chosen(counts, own_times=True)
    own = chosen.own | habits.commonest(counts)
    return np.where(own, chosen.times, NOT_OWN).astype(np.int8)
