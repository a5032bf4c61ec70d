"""Whether an occasion helps: each time but the first is foretold by what was known before it, with the occasion and without."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from aimwell.predict.demand.calendar import Calendar
from aimwell.predict.demand.forecasting import of_method, sample_of
from aimwell.predict.demand.methods import forecasts
from aimwell.predict.demand.occasion_days import DayPlan, Occurrence
from aimwell.predict.demand.occasion_factors import (
    Effect,
    OccasionSums,
    factors_of,
    learn_effect,
)
from aimwell.predict.demand.sales import Sales
from aimwell.predict.demand.smoothing import Series
from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["Known", "Tried", "try_occasion"]

_JUDGED_MAX = 3
# An interval over fewer series says little; there the squared error must be so much lower each time, as a logarithm.
_SERIES_MIN, _GAIN_MIN = 10, 0.05
_FACTOR_MIN = 0.2  # what was sold on a day that is nearly closed says nothing of the level
_TINY = 1e-9

Which = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tried:
    """Whether an occasion is used, by how much it helped (see `OccasionFound.gain`), on which times, and why."""

    used: bool
    gain: Estimate
    judged: tuple[date, ...]
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """All that a judgement and a forecast look at."""

    sales: Sales
    calendar: Calendar
    week: FloatArray
    method: Which
    plan: DayPlan
    sums: dict[int, list[OccasionSums]]
    days: int
    skip: int

    @property
    def start(self) -> Which:
        return np.maximum((self.sales.start - self.skip) // self.days, 0)

    def factors(self, effects: dict[int, Effect], which: Which) -> FloatArray:
        mine = {
            number: replace(effect, factor=effect.factor[:, which])
            for number, effect in effects.items()
        }
        return factors_of(self.plan, mine, len(which), days=self.days, skip=self.skip)

    def ahead(
        self, which: Which, units: FloatArray, factor: FloatArray, calendar: Calendar
    ) -> FloatArray:
        """Forecasts of the periods behind the calendar's past, without the factors: periods × series."""
        plain = units[: calendar.past] / np.maximum(factor[: calendar.past], _FACTOR_MIN)
        found = forecasts(Series(plain, self.start[which], self.week), calendar)
        return np.asarray(of_method(np.stack(list(found.values())), self.method[which])[0])


def try_occasion(known: Known, number: int, seen: tuple[Occurrence, ...]) -> Tried:
    """Hold the forecasts of the times after the first against what came (at most the three newest)."""
    which = sample_of(len(known.sales))
    places = range(1, len(seen))[-_JUDGED_MAX:]
    gains = np.stack([_gain(known, number, seen, place, which) for place in places])
    counted = ~np.isnan(gains)
    judged = counted.any(axis=0)
    on = tuple(seen[place].on for place in places)
    if not judged.any():
        none = Estimate.missing("no series was sold before it came", method="none", confidence=0.95)
        return Tried(False, none, on, "no series was sold for long enough before it came")
    mean = np.nansum(gains, axis=0)[judged] / counted.sum(axis=0)[judged]
    gain = paired_difference(mean)
    if len(mean) < _SERIES_MIN:
        each = np.nanmean(gains[counted.any(axis=1)][:, judged], axis=1)
        used = bool(each.min() >= _GAIN_MIN)
        words = "better each time" if used else "not better each time"
        return Tried(used, gain, on, f"{words} (few series, no interval)")
    verdict = verdict_of(gain)
    words = {
        "better": "better by more than chance",
        "worse": "worse by more than chance",
        "cannot tell": "no difference from chance",
    }[verdict]
    return Tried(verdict == "better", gain, on, words)


def _gain(
    known: Known, number: int, seen: tuple[Occurrence, ...], place: int, which: Which
) -> FloatArray:
    """Of each series the logarithm of the squared error without over that with the occasion, at one time; NaN where it is too new."""
    sums = [one.take(which) for one in known.sums[number]]
    effect = learn_effect(sums[:place])
    begin = (int(seen[place].days[0]) - known.skip) // known.days
    end = (int(seen[place].days[-1]) - known.skip) // known.days + 1
    calendar = replace(known.calendar, past=begin, horizon=end - begin, windows=0)
    units = known.sales.by_period(which, known.days, known.skip)
    factor = factors_of(
        known.plan,
        {number: effect},
        len(which),
        days=known.days,
        skip=known.skip,
    )
    came = units[begin:end]
    plain = known.ahead(which, units, np.ones_like(factor), calendar)
    better = known.ahead(which, units, factor, calendar) * factor[begin:end]
    open_ = known.calendar.open[begin:end]
    errors = [((came - one)[open_] ** 2).sum(axis=0) for one in (plain, better)]
    alive = (known.start[which] <= begin - calendar.born) & (errors[0] + errors[1] > 0)
    return np.where(alive, np.log((errors[0] + _TINY) / (errors[1] + _TINY)), np.nan)
