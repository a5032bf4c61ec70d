"""On which weekday and in which hours each person acts, judged on later time, and told only where it is better than
everybody's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError, TooLittleDataError, nearest
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.predict.timing.act_times import SIGNALS, Signal
from aimwell.predict.timing.acts import Acts, read_acts
from aimwell.predict.timing.habits import Habits, fit_habits
from aimwell.predict.training import span_days
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["WEEKDAYS", "BestTimes", "TimeJudgement", "best_times"]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ACTS_MIN = 500
_AGAIN_MIN = 50
_BLOCKS = (1, 2, 3, 4, 6, 8, 12)

Kind = Literal["weekday", "hours"]


@dataclass(frozen=True, slots=True)
class TimeJudgement:
    """How well the acts of a later period were foretold by each person's own shares.

    Args:
        kind: 'weekday' or 'hours'.
        acts: Later acts of people who had acted before.
        people: How many people these are of.
        log_loss: Mean loss (nats an act; less is better) of people's own shares, drawn towards everybody's.
        log_loss_everybody: Of everybody's shares for all.
        log_loss_uniform: Of equal shares of all times.
        gain: By how much the first is lower than the second, an act.
        verdict: 'better', 'worse' or 'cannot tell', by the interval of `gain`.
    """

    kind: Kind
    acts: int
    people: int
    log_loss: float
    log_loss_everybody: float
    log_loss_uniform: float
    gain: Estimate
    verdict: str


@dataclass(frozen=True, slots=True, eq=False)
class BestTimes:
    """When people act.

    Args:
        signal: What counts as an act.
        block_hours: Hours in a block.
        people: One row a person who acted, see `best_times`.
        weekdays: Everybody's shares, Monday first; with the strength by which people are drawn to them.
        hours: The same by block of hours; None where hours are not known.
        judged: Weekday and hours on later time.
        reason: Why nothing was judged; empty where it was.
    """

    signal: Signal
    block_hours: int
    people: pa.Table
    weekdays: Habits
    hours: Habits | None
    judged: tuple[TimeJudgement, ...]
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the people."""
        return {
            "signal": self.signal,
            "block_hours": self.block_hours,
            "people": self.people.num_rows,
            "own_weekday": pc.sum(self.people.column("weekday_own")).as_py() or 0,
            "own_hours": pc.sum(self.people.column("hours_own")).as_py() or 0,
            "weekdays": {
                name: float(share)
                for name, share in zip(WEEKDAYS, self.weekdays.shares, strict=True)
            },
            "weekday_strength": self.weekdays.strength,
            "hours": None
            if self.hours is None
            else {
                _span(block, self.block_hours): float(share)
                for block, share in enumerate(self.hours.shares)
            },
            "hours_strength": None if self.hours is None else self.hours.strength,
            "judged": [asdict(one) for one in self.judged],
            "reason": self.reason,
        }


def best_times(
    stores: Stores,
    *,
    as_of: datetime,
    signal: Signal = "any",
    block_hours: int = 3,
    check_days: int = 30,
) -> BestTimes:
    """The weekday and the block of hours in which each person acts most.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        signal: 'orders', 'clicks', 'opens', 'visits' or 'any'.
        block_hours: 1, 2, 3, 4, 6, 8 or 12.
        check_days: How many days before `as_of` the later period begins, on which it is judged.

    Returns:
        `people`, by profile_id: `profile_id`, `acts`, `weekday`, `weekday_own`, `weekday_sure`, `hours` (as '18-21'; null where
        not known), `hours_own`, `hours_sure`. Where `_own` is false the time is everybody's commonest: the person's own is not surer to
        be better than 0.9 (`_sure` says how sure), or own times were not better on the later period.

    Raises:
        TooLittleDataError: Fewer than 500 acts, fewer than 50 people who acted more than once, or nobody acted in the later period.
        PredictError: The signal or the block is none of these.
    """
    if signal not in SIGNALS:
        raise PredictError(f"'{signal}' is no signal. {nearest(signal, SIGNALS)}")
    if block_hours not in _BLOCKS:
        raise PredictError(
            f"A block of hours must divide the day: {', '.join(map(str, _BLOCKS))}; found {block_hours}."
        )
    span_days(check_days)
    snapshot, zone = stores.lake.pin(*TIME_COLUMNS), stores.settings.timezone
    engine = stores.history_engine
    # Back by days of the calendar, so that a change to summer time moves no hour into another day.
    local = as_of.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(days=check_days)
    earlier = local.replace(tzinfo=ZoneInfo(zone))
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        known = read_acts(moment, signal, block_hours, "")
    _gate(known, signal)
    with open_moment(
        stores, as_of=earlier, horizon=as_of - earlier, snapshot=snapshot, engine=engine
    ) as moment:
        before = read_acts(moment, signal, block_hours, "")
        later = read_acts(moment, signal, block_hours, "_ahead")
    if not later.weekdays.sum():
        what = f"days with {'acts' if signal == 'any' else signal} in the {check_days} days before"
        raise TooLittleDataError(
            f"people's best times as of {as_of:%Y-%m-%d}",
            needed={what: 1},
            present={what: 0},
            advice="Collect what came later, or give a moment (as of) soon after the last of them.",
        )
    judged, reason = _judged(before, later, signal)
    better = {one.kind for one in judged if one.verdict == "better"}
    weekdays = fit_habits(known.weekdays)
    hours = fit_habits(known.hours) if known.hours.sum() else None
    return BestTimes(
        signal,
        block_hours,
        _told(known, weekdays, hours, better, block_hours),
        weekdays,
        hours,
        judged,
        reason,
    )


def _gate(acts: Acts, signal: Signal) -> None:
    each = acts.weekdays.sum(axis=1)
    what = "acts" if signal == "any" else signal
    needed = {what: _ACTS_MIN, f"people with two or more {what}": _AGAIN_MIN}
    present = {what: int(each.sum()), f"people with two or more {what}": int((each > 1).sum())}
    if any(present[name] < least for name, least in needed.items()):
        more = "" if signal == "any" else ", or take all signals together (--signal any)"
        raise TooLittleDataError(
            "people's best times",
            needed=needed,
            present=present,
            advice=f"Collect more{more}. Till then send at a time that suits most.",
        )


def _judged(before: Acts, later: Acts, signal: Signal) -> tuple[tuple[TimeJudgement, ...], str]:
    try:
        _gate(before, signal)
    except TooLittleDataError as error:
        return (), f"Not judged on later time: there was less before it. {error}"
    place = pc.index_in(later.profiles, before.profiles)
    known = place.is_valid().to_numpy(zero_copy_only=False)
    rows = place.drop_null().to_numpy()
    kinds: tuple[tuple[Kind, FloatArray, FloatArray], ...] = (
        ("weekday", before.weekdays, later.weekdays[known]),
        ("hours", before.hours, later.hours[known]),
    )
    found = tuple(
        _judgement(kind, then, then[rows], came) for kind, then, came in kinds if came.sum()
    )
    reason = "" if found else "Not judged: nobody who had acted before acted in the later period."
    return found, reason


def _judgement(
    kind: Kind, learnt: FloatArray, counts: FloatArray, came: FloatArray
) -> TimeJudgement:
    """Judge on the later acts `came` of people with the earlier `counts`, by what was learnt from everybody."""
    habits = fit_habits(learnt)
    person, when = np.nonzero(came)
    times = came[person, when].astype(np.int64)
    own = np.log(habits.expected(counts)[person, when])
    every = np.log(habits.shares[when])
    gain = paired_difference(np.repeat(own - every, times), groups=np.repeat(person, times))
    acts = float(times.sum())
    return TimeJudgement(
        kind=kind,
        acts=int(acts),
        people=len(np.unique(person)),
        log_loss=float(-(times * own).sum() / acts),
        log_loss_everybody=float(-(times * every).sum() / acts),
        log_loss_uniform=float(np.log(came.shape[1])),
        gain=gain,
        verdict=verdict_of(gain),
    )


def _told(
    acts: Acts, weekdays: Habits, hours: Habits | None, better: set[Kind], block: int
) -> pa.Table:
    people = len(acts.profiles)
    days = weekdays.chosen(acts.weekdays, own_times="weekday" in better)
    columns: dict[str, Any] = {
        "profile_id": acts.profiles,
        "acts": pa.array(acts.weekdays.sum(axis=1).astype(np.int64)),
        "weekday": pa.array([WEEKDAYS[day] for day in days.times]),
        "weekday_own": pa.array(days.own),
        "weekday_sure": pa.array(days.sure),
    }
    if hours is None:
        columns |= {
            "hours": pa.nulls(people, pa.string()),
            "hours_own": pa.array(np.zeros(people, dtype=bool)),
            "hours_sure": pa.nulls(people, pa.float64()),
        }
        return pa.table(columns)
    found = hours.chosen(acts.hours, own_times="hours" in better)
    names = [_span(one, block) for one in range(24 // block)]
    columns |= {
        "hours": pa.array([names[one] for one in found.times]),
        "hours_own": pa.array(found.own),
        "hours_sure": pa.array(found.sure),
    }
    return pa.table(columns)


def _span(block: int, hours: int) -> str:
    return f"{block * hours:02d}-{(block + 1) * hours:02d}"
