"""How a campaign's effect developed: by period, as a trend, and whether later sales were only pulled forward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from aimwell.decide.model import Plan
from aimwell.measure.formatting import count, date_words, days_words
from aimwell.measure.lifts import NO_CONTROL
from aimwell.measure.model import Span, plain_fields
from aimwell.measure.reading import Reading
from aimwell.stats.effect_over_time import (
    Period,
    Trend,
    effect_by_period,
    effect_trend,
    pulled_forward,
)
from aimwell.stats.lift import FEW_BUYERS

__all__ = ["OverTime", "over_time"]

_PERIODS_MAX = 13
_WEEK = 7


@dataclass(frozen=True, kw_only=True)
class OverTime:
    """The effect on revenue per person over the window and the time after it.

    Attributes:
        plan_id, campaign: What was measured.
        currency: Of all amounts.
        span: The campaign's own window.
        after_days: How much time after the window was asked for.
        measured_days: How far the data reach, from the start.
        periods: Within the window, then one after it if it has begun.
        trend: Of the daily effect within the window, over its whole days.
        sentence: What a reader should take from it.
        notes: What to know before believing it.
    """

    plan_id: str
    campaign: str
    currency: str
    span: Span
    after_days: float
    measured_days: float
    periods: tuple[Period, ...]
    trend: Trend
    sentence: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: plain values, times in ISO 8601."""
        return plain_fields(self)


def over_time(
    reading: Reading,
    *,
    plan: Plan,
    span: Span,
    after: timedelta,
    currency: str,
    timezone: str,
) -> OverTime:
    """The effect by period.

    Args:
        reading: People and their revenue up to the end of what is measured, which may lie after the window.
        plan: What is measured.
        span: The window; its `measured_until` is the end of what was read.
        after: How much time after the window is of interest.
        currency, timezone: Of the workspace.
    """
    treated = reading.people.treated
    who, when, amount = reading.spent_by, reading.spent_on, reading.spent
    measured = span.days_measured
    window = min(span.days, measured)
    ends = _ends(window)
    if measured > span.days:
        ends.append(measured)
    known, cluster = reading.people.known, reading.people.cluster
    periods = effect_by_period(
        who, when, amount, treated=treated, ends=ends, before=known, cluster=cluster
    )
    trend = effect_trend(
        who,
        when,
        amount,
        treated=treated,
        whole_days=math.floor(window),
        before=known,
        cluster=cluster,
    )
    return OverTime(
        plan_id=plan.plan_id,
        campaign=plan.campaign,
        currency=currency,
        span=span,
        after_days=after / timedelta(days=1),
        measured_days=measured,
        periods=periods,
        trend=trend,
        sentence=_sentence(reading, periods, trend, span, after, timezone),
        notes=tuple(_notes(reading, periods, span)),
    )


def _ends(window: float) -> list[float]:
    """Whole weeks, or so many weeks at a time that there are few periods; the last one may be shorter."""
    step = _WEEK * max(1, math.ceil(window / _WEEK / _PERIODS_MAX))
    return [*np.arange(step, window, step, dtype=np.float64).tolist(), window]


def _sentence(
    reading: Reading,
    periods: Sequence[Period],
    trend: Trend,
    span: Span,
    after: timedelta,
    timezone: str,
) -> str:
    if reading.people.treated.all():
        return f"How the effect developed cannot be said: {NO_CONTROL}."
    return f"{_fading(trend)} {_forward(periods, span, after, timezone)}"


def _fading(trend: Trend) -> str:
    slope = trend.slope
    if slope.lower is None or slope.upper is None:
        return f"Whether the effect fades cannot be said: {slope.reason}."
    if slope.upper < 0.0:
        return "The daily effect fades: most of it came early."
    if slope.lower > 0.0:
        return "The daily effect grows over the window."
    return "Whether the daily effect fades or grows cannot be told from chance."


def _forward(periods: Sequence[Period], span: Span, after: timedelta, timezone: str) -> str:
    if span.days_measured <= span.days:
        ready = date_words(span.ends_at + after, timezone)
        return f"Whether sales were only pulled forward shows after the window: measure again after {ready}."
    *_, last, later = periods
    return pulled_forward(last.so_far, later.effect, later.so_far)


def _notes(reading: Reading, periods: Sequence[Period], span: Span) -> list[str]:
    people = reading.people
    known = "past spend" if people.strata is None else "past spend and strata"
    units = "Welch's" if people.cluster is None else "by the groups that were drawn"
    found = [
        f"Each of the {count(len(periods))} intervals holds by itself, at one look (CUPED by {known}, then {units}, of each person's sum)."
    ]
    held = np.isin(reading.spent_by, np.flatnonzero(~people.treated))
    buyers = len(np.unique(reading.spent_by[held]))
    if buyers < FEW_BUYERS:
        found.append(
            f"Only {count(buyers)} of the held-out bought anything; under {count(FEW_BUYERS)} such intervals may be too short."
        )
    if span.days_measured > span.days:
        found.append(
            f"Measured for {days_words(span.days_measured)}, of which {days_words(span.days)} are the window."
        )
    return found
