"""Everybody's waiting times as they were, for a rule that knows no person: the Kaplan-Meier curve, given the wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.stats.samples import FloatArray

__all__ = ["WaitCurve", "wait_curve"]

# An empty day is held to be like the average one, with the weight of so many people at risk.
_PRIOR_PEOPLE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class WaitCurve:
    """`log_survival[d]`: log-probability that nothing has been bought d days after a purchase; [0] is 0."""

    log_survival: FloatArray

    def within(self, waited: FloatArray, days: FloatArray | float) -> FloatArray:
        """Probability of a purchase within so many days, of somebody who has waited so long; beyond the curve 0."""
        last = len(self.log_survival) - 1
        now = np.minimum(waited, last).astype(np.int64)
        then = np.minimum(waited + days, last).astype(np.int64)
        return np.asarray(-np.expm1(self.log_survival[then] - self.log_survival[now]))

    @property
    def median(self) -> float | None:
        """Days within which half of all purchases were followed by another; None: never so many."""
        reached = np.flatnonzero(self.log_survival <= np.log(0.5))
        return float(reached[0]) if len(reached) else None


def wait_curve(gaps: FloatArray, waited: FloatArray, waiting: FloatArray) -> WaitCurve:
    """The curve of completed gaps and of waits that are still open.

    Args:
        gaps: How many gaps of each number of days (index) were completed.
        waited: Days that people have waited since their last purchase.
        waiting: How many people each of these stands for.

    Source: Kaplan & Meier (1958).
    """
    length = max(len(gaps), int(waited.max(initial=0)) + 1)
    ended = np.zeros(length)
    ended[: len(gaps)] = gaps
    open_ = np.bincount(waited.astype(np.int64), weights=waiting, minlength=length)
    left = ended + open_
    risk = left[::-1].cumsum()[::-1]
    usual = ended.sum() / max(float(risk[1:].sum()), 1.0)
    hazard = (ended + _PRIOR_PEOPLE * usual) / (risk + _PRIOR_PEOPLE)
    hazard[0] = 0.0
    return WaitCurve(np.cumsum(np.log1p(-np.minimum(hazard, 1 - 1e-9))))
