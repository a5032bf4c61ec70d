"""How good forecasts were on the later windows: against seasonal naive, and how often their intervals held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.demand.calendar import Calendar
from aimwell.predict.demand.intervals import CONFIDENCE
from aimwell.predict.demand.model import Demand
from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.samples import FloatArray

__all__ = ["Compared", "DemandCheck", "judge_demand", "share_of_series"]

_BY_SERIES = "mean over series with a normal interval, series independent"


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of the chosen forecasts beside that of seasonal naive, as means over series; None where it is undefined."""

    chosen: float | None
    naive: float | None


@dataclass(frozen=True, slots=True)
class DemandCheck:
    """The judgement: methods were chosen, and residuals taken, on the windows before.

    Args:
        series: How many series were judged.
        windows: How many later windows, each of `horizon` periods.
        undefined: Series among them without a MASE, because nothing was sold before the first window.
        mase: Mean absolute error over that of the naive forecast one season ahead, before the windows.
        rmsse: The same of squared errors, and the root.
        wape: Sum of absolute errors over the sum of units, of all series together.
        gain: By how much the RMSSE is lower than seasonal naive's.
        verdict: 'better', 'worse' or 'cannot tell', by the interval of `gain`.
        covered: Share of periods within their interval, a mean over series.
        total_covered: Share of windows whose sum lay within its interval, a mean over series.
        confidence: What these two should be.
    """

    series: int
    windows: int
    horizon: int
    undefined: int
    mase: Compared
    rmsse: Compared
    wape: Compared
    gain: Estimate
    verdict: str
    covered: Estimate
    total_covered: Estimate
    confidence: float


def judge_demand(demand: Demand, calendar: Calendar) -> DemandCheck:
    """Put the figures of all series together."""
    tried = demand.tried
    rows = tried.judged
    known = rows & ~np.isnan(tried.rmsse) & ~np.isnan(tried.rmsse_naive)
    lower = tried.rmsse_naive[known] - tried.rmsse[known]
    gain = (
        paired_difference(lower)
        if len(lower)
        else Estimate.missing("no series was there before the windows", method=_BY_SERIES)
    )
    sold = float(tried.sold[rows].sum())
    return DemandCheck(
        series=int(rows.sum()),
        windows=calendar.windows - calendar.windows // 2,
        horizon=calendar.horizon,
        undefined=int(rows.sum() - known.sum()),
        mase=Compared(_mean(tried.mase[known]), _mean(tried.mase_naive[known])),
        rmsse=Compared(_mean(tried.rmsse[known]), _mean(tried.rmsse_naive[known])),
        wape=Compared(
            float(tried.missed[rows].sum()) / sold if sold else None,
            float(tried.missed_naive[rows].sum()) / sold if sold else None,
        ),
        gain=gain,
        verdict=verdict_of(gain),
        covered=share_of_series(tried.covered[rows]),
        total_covered=share_of_series(tried.total_covered[rows]),
        confidence=CONFIDENCE,
    )


def _mean(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def share_of_series(values: FloatArray) -> Estimate:
    """The mean over series of each one's share, where it is known, with its interval."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return Estimate.missing("fewer than two series", method=_BY_SERIES)
    mean, error = float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))
    if mean in (
        0.0,
        1.0,
    ):  # where all agree the spread is 0, and a normal interval would claim to know
        return wilson(len(known) if mean else 0, len(known))
    return Estimate(
        estimate=mean,
        lower=max(mean - 1.96 * error, 0.0),
        upper=min(mean + 1.96 * error, 1.0),
        confidence=0.95,
        method=_BY_SERIES,
    )
