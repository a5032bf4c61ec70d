"""What an occasion does to demand: a factor for each series and phase, learnt from earlier times and shrunk where little is known.

Of each time it came, what was sold in a phase is set against what would have been usual: the level of the weeks before, on the
shop's share of these weekdays. With S units sold and U usual ones over n times, and M the same ratio over all series, a series has

    factor = ((S + c·M) / (U + c)) ^ w,   w = n / (n + (t / s)²)

so a series that sells little follows the shop, and a factor that came out otherwise each time (t: its standard deviation between
times, in logarithms) or was seen seldom stays near 1 (s: how much occasions usually do). The first is the mean of a Gamma prior
for Poisson counts, the second that of a normal one.

Source: Gelman et al. (2013), Bayesian Data Analysis, sections 2.5 to 2.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aimwell.predict.demand.occasion_days import DayPlan, Occurrence
from aimwell.stats.samples import FloatArray

__all__ = ["Effect", "OccasionSums", "factors_of", "learn_effect", "sums_of"]

_PRIOR_UNITS = 30.0
_USUAL_EFFECT = 0.5
_BETWEEN_MIN, _BETWEEN_UNKNOWN = 0.1, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class OccasionSums:
    """Units of each series (phases × series) at one time: `sold`, and `usual`, both 0 where a series was not yet sold."""

    sold: FloatArray
    usual: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[OccasionSums]) -> OccasionSums:
        """Of chunks of series that stand in a row."""
        return cls(
            np.concatenate([one.sold for one in parts], axis=1),
            np.concatenate([one.usual for one in parts], axis=1),
        )

    def take(self, which: np.ndarray) -> OccasionSums:
        """Some of the series."""
        return OccasionSums(self.sold[:, which], self.usual[:, which])


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """What one occasion does.

    Args:
        factor: Phases × series.
        overall: Of each phase that of all series together.
        between: Standard deviation of the logarithm of a factor from one time to the next, with what is not known of its mean.
        times: From how many times it was learnt.
    """

    factor: FloatArray
    overall: FloatArray
    between: float
    times: int


def sums_of(
    occurrence: Occurrence,
    phases: int,
    units: FloatArray,
    start: np.ndarray,
    share: FloatArray,
) -> OccasionSums:
    """What was sold and what was usual at one time.

    Args:
        occurrence: A whole one.
        phases: Of its occasion.
        units: Days × series.
        start: The first day of each series.
        share: The shop's usual share of each day, 1 on average.
    """
    reference = occurrence.reference
    alive = start <= reference[0]
    level = units[reference].sum(axis=0) / max(float(share[reference].sum()), 1e-9)
    sold, weight = np.zeros((phases, units.shape[1])), np.zeros(phases)
    np.add.at(sold, occurrence.phase, units[occurrence.days])
    np.add.at(weight, occurrence.phase, share[occurrence.days])
    return OccasionSums(sold * alive, weight[:, None] * (level * alive))


def learn_effect(times: Sequence[OccasionSums]) -> Effect:
    """The effect, from all times of one occasion (at least one)."""
    sold, usual = np.stack([one.sold for one in times]), np.stack([one.usual for one in times])
    number = len(times)
    all_sold, all_usual = sold.sum(axis=2), usual.sum(axis=2)
    log_ratio = np.log((all_sold + 0.5) / (all_usual + 0.5))
    between = _BETWEEN_UNKNOWN
    if number > 1:
        known = all_usual.min(axis=0) > 0
        spread = log_ratio[:, known].var(axis=0, ddof=1)
        between = max(float(np.sqrt(spread.mean())) if known.any() else between, _BETWEEN_MIN)
    weight = number / (number + (between / _USUAL_EFFECT) ** 2)
    overall = np.exp(log_ratio.mean(axis=0))
    raw = (sold.sum(axis=0) + _PRIOR_UNITS * overall[:, None]) / (usual.sum(axis=0) + _PRIOR_UNITS)
    return Effect(
        np.asarray(raw**weight),
        np.asarray(overall**weight),
        between * float(np.sqrt(1 + 1 / number)),
        number,
    )


def factors_of(
    plan: DayPlan,
    effects: dict[int, Effect],
    series: int,
    *,
    days: int,
    skip: int,
) -> FloatArray:
    """The factor of each period and series: the mean over its days; 1 where no occasion that is known is.

    Args:
        plan: Whose each day is.
        effects: Of those that are taken, by their number.
        series: How many.
        days: Days in a period.
        skip: Days to leave out at the beginning.
    """
    found = np.ones((len(plan.occasion), series))
    for number, effect in effects.items():
        rows = plan.occasion == number
        found[rows] = effect.factor[plan.phase[rows]]
    whole = (len(found) - skip) // days
    return np.asarray(found[skip : skip + whole * days].reshape(whole, days, series).mean(axis=1))
