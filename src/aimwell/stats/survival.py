"""Kaplan-Meier curves: how many are left after a time, though not everybody was watched to the end.

Sources: Kaplan & Meier (1958), Nonparametric estimation from incomplete observations, JASA 53; Greenwood (1926) for the
variance; Kalbfleisch & Prentice (2002), The statistical analysis of failure time data, section 1.4, for the interval on
the scale ln(−ln S), which stays between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.samples import FloatArray

__all__ = ["SurvivalCurve", "kaplan_meier"]

_METHOD = "Kaplan-Meier with Greenwood's variance on ln(−ln S)"


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalCurve:
    """One row per time at which somebody ended, in ascending order.

    Args:
        time: When.
        at_risk: Watched and not ended just before.
        ended: How many ended then.
        survival: Share (0-1) left after it.
        error: Standard error of ln(−ln S); missing (NaN) where nobody is left.
        watched: The longest time that anybody was watched.
        confidence: Of the intervals.
    """

    time: FloatArray
    at_risk: FloatArray
    ended: FloatArray
    survival: FloatArray
    error: FloatArray
    watched: float
    confidence: float

    def at(self, time: float) -> Estimate:
        """The share left after `time`; missing beyond the longest time that anybody was watched."""
        place = int(np.searchsorted(self.time, time, side="right")) - 1
        if time > self.watched:
            reason = f"nobody was watched for longer than {self.watched:g}"
            return Estimate.missing(reason, method=_METHOD, confidence=self.confidence)
        if place < 0:
            reason = "nobody had ended by then, so chance cannot be told"
            return Estimate.missing(reason, method=_METHOD, confidence=self.confidence)
        share, error = float(self.survival[place]), float(self.error[place])
        if np.isnan(error):
            reason = "nobody was left, so chance cannot be told"
            return Estimate.missing(reason, method=_METHOD, confidence=self.confidence)
        factor = float(np.exp(ndtri((1 + self.confidence) / 2) * error))
        return Estimate(
            estimate=share,
            lower=share**factor,
            upper=share ** (1 / factor),
            confidence=self.confidence,
            method=_METHOD,
        )

    def shares(self, times: FloatArray) -> FloatArray:
        """The share left after each of `times`, the last known one beyond the end."""
        place = np.searchsorted(self.time, times, side="right")
        return np.append(1.0, self.survival)[place]


def kaplan_meier(
    time: FloatArray,
    ended: npt.NDArray[np.bool_],
    count: FloatArray,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
) -> SurvivalCurve:
    """The curve of some lives.

    Args:
        time: How long each was watched.
        ended: Whether it ended then; if not, it went on for nobody knows how long.
        count: How many lives were so.
        confidence: Of the intervals.
    """
    checked_share(confidence, name="confidence")
    times, place = np.unique(time, return_inverse=True)
    gone = np.bincount(place, weights=count, minlength=len(times)).astype(np.float64)
    events = np.bincount(place, weights=count * ended, minlength=len(times)).astype(np.float64)
    at_risk = np.cumsum(gone[::-1])[::-1]
    told = events > 0
    times, at_risk, events = times[told], at_risk[told], events[told]
    survival = np.asarray(np.cumprod(1 - events / at_risk), dtype=np.float64)
    left = at_risk > events
    spread = np.divide(
        events, at_risk * (at_risk - events), out=np.full(len(times), np.nan), where=left
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.cumsum(spread)) / np.abs(np.log(survival))
    return SurvivalCurve(
        time=times,
        at_risk=at_risk,
        ended=events,
        survival=survival,
        error=error,
        watched=float(time.max(initial=0.0)),
        confidence=confidence,
    )
