"""How an effect develops after contact: by period, as a trend, and whether later sales were only pulled forward.

The same people are seen on every day, so days are not independent. Each question is therefore put to each person as one number (what
they spent in a period; a weighted sum over days; what they spent late less early), and the arms are compared by it: the interval
then counts in how days of a person go together.

*Novelty*: an effect that fades has a slope below zero. *Pulled forward*: a gain early and a loss later; the cumulative
difference says what is left.

Source: Kohavi, Tang and Xu (2020), Trustworthy online controlled experiments, chapter 23; Sadeghi and others (2022), Novelty
and primacy: a long-term estimator for online experiments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import StatsError
from aimwell.stats.arms import Arm
from aimwell.stats.clustered_lift import clustered_means
from aimwell.stats.cuped import cuped
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.intervals import welch
from aimwell.stats.samples import FloatArray

__all__ = ["Period", "Trend", "effect_by_period", "effect_trend", "pulled_forward"]


@dataclass(frozen=True, kw_only=True)
class Period:
    """The effect per person in one period, and up to its end.

    Attributes:
        first, end: Days after the start; from `first` on and before `end`.
        effect: In this period alone.
        so_far: From the start to `end`.
    """

    first: float
    end: float
    effect: Estimate
    so_far: Estimate


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How the daily effect changes.

    Attributes:
        slope: Change of the daily effect per day, per person.
        late_less_early: Mean daily effect of the second half of the days less that of the first.
    """

    slope: Estimate
    late_less_early: Estimate


@dataclass(frozen=True, eq=False)
class _Spending:
    """Who spent what when, by position in `treated`."""

    person: NDArray[np.int64]
    days: FloatArray
    amount: FloatArray
    treated: NDArray[np.bool_]
    before: FloatArray | None
    cluster: NDArray[np.int64] | None

    @classmethod
    def of(
        cls,
        person: NDArray[np.int64],
        days: FloatArray,
        amount: FloatArray,
        treated: NDArray[np.bool_],
        before: FloatArray | None,
        cluster: NDArray[np.int64] | None,
    ) -> _Spending:
        if not len(person) == len(days) == len(amount):
            raise StatsError("Each amount needs one person and one day.")
        if len(person) and not 0 <= int(person.min()) <= int(person.max()) < len(treated):
            raise StatsError("An amount belongs to nobody in the arms.")
        if before is not None and len(before) != len(treated):
            raise StatsError(f"There are {len(treated)} people and {len(before)} covariates.")
        return cls(person, days, amount, np.asarray(treated, dtype=np.bool_), before, cluster)

    def compared(self, weights: FloatArray | NDArray[np.bool_], confidence: float) -> Estimate:
        """The arms by each person's sum of amounts, weighted."""
        sums = np.bincount(self.person, self.amount * weights, minlength=len(self.treated))
        sides = (self.treated, ~self.treated)
        if self.before is None and self.cluster is None:
            return welch(sums[self.treated], sums[~self.treated], confidence=confidence)
        arms = [
            Arm.of(sums[side], None if self.before is None else self.before[side]) for side in sides
        ]
        if self.cluster is None:
            return cuped(arms[0].joint(), arms[1].joint(), confidence=confidence)[0]
        owners = self.cluster[sides[0]], self.cluster[sides[1]]
        means, _ = clustered_means(arms[0], arms[1], owners)
        if isinstance(means, str):
            return Estimate.missing(means, method="by group", confidence=confidence)
        return means.difference(confidence=confidence)


def effect_by_period(
    person: NDArray[np.int64],
    days: FloatArray,
    amount: FloatArray,
    *,
    treated: NDArray[np.bool_],
    ends: Sequence[float],
    before: FloatArray | None = None,
    cluster: NDArray[np.int64] | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> tuple[Period, ...]:
    """The effect in each period, and up to its end.

    Args:
        person: Who, as a position in `treated`; one entry an order or return.
        days: When, in days after the start.
        amount: How much; returns are negative.
        treated: The arm of each person.
        ends: Of the periods, in days, growing; the first period begins at 0.
        before: What was known of each person before, for CUPED, one number or a row a person; None for none.
        cluster: The group with which each was drawn, as a number; None where people were drawn one by one.
        confidence: Of each interval.
    """
    checked_share(confidence, name="confidence")
    spending = _Spending.of(person, days, amount, treated, before, cluster)
    starts = [0.0, *ends[:-1]]
    if any(end <= start for start, end in zip(starts, ends, strict=True)):
        raise StatsError(f"Periods end at {list(ends)}. The ends must grow from above 0.")
    return tuple(
        Period(
            first=start,
            end=end,
            effect=spending.compared((days >= start) & (days < end), confidence),
            so_far=spending.compared((days >= 0.0) & (days < end), confidence),
        )
        for start, end in zip(starts, ends, strict=True)
    )


def effect_trend(
    person: NDArray[np.int64],
    days: FloatArray,
    amount: FloatArray,
    *,
    treated: NDArray[np.bool_],
    whole_days: int,
    before: FloatArray | None = None,
    cluster: NDArray[np.int64] | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Trend:
    """Whether the daily effect grows or fades over so many whole days after the start.

    The slope is that of a least-squares line through the daily differences. Other arguments as in `effect_by_period`.
    """
    checked_share(confidence, name="confidence")
    spending = _Spending.of(person, days, amount, treated, before, cluster)
    if whole_days < 2:
        reason = f"{whole_days} whole days show no trend; two are needed"
        missing = Estimate.missing(reason, method="Welch's t interval", confidence=confidence)
        return Trend(slope=missing, late_less_early=missing)
    day = np.floor(days)
    counted = (day >= 0.0) & (day < whole_days)
    centred = np.arange(whole_days) - (whole_days - 1) / 2.0
    line = centred / float(centred @ centred)
    half = whole_days // 2
    step = np.zeros(whole_days)
    step[:half], step[-half:] = -1.0 / half, 1.0 / half
    place = np.where(counted, day, 0.0).astype(np.int64)
    return Trend(
        slope=spending.compared(np.where(counted, line[place], 0.0), confidence),
        late_less_early=spending.compared(np.where(counted, step[place], 0.0), confidence),
    )


def pulled_forward(early: Estimate, late: Estimate, whole: Estimate) -> str:
    """What an early and a later period say of sales pulled forward, as a sentence.

    Args:
        early: Effect in the campaign's own window.
        late: Effect in the time after it.
        whole: Effect in both together.
    """
    if not (early.defined and late.defined and whole.defined):
        return "Whether sales were only pulled forward cannot be said: a period has no figure."
    assert early.lower is not None and late.upper is not None and late.lower is not None  # noqa: S101, PT018
    if early.lower <= 0.0:
        return "There was no clear gain at first, so nothing could be pulled forward."
    if late.upper < 0.0:
        left = (
            "what is left of the gain is above zero"
            if whole.excludes_zero and whole.estimate is not None and whole.estimate > 0.0
            else "whether anything is left of the gain is not sure"
        )
        return f"Part of the gain was pulled forward from later: afterwards the treated bought less, and {left}."
    if late.lower > 0.0:
        return "The gain went on afterwards; nothing suggests that sales were only pulled forward."
    return "Afterwards the arms bought alike, as far as can be told; later data may show more."
