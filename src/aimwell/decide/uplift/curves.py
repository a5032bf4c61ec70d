"""Qini, the area under the uplift curve and uplift@k of one arm against the control, with their definitions.

People stand in falling order of the score; those with equal scores come together, so that their order does not matter. With
N people, of whom the first k hold Nt treated and Nc controls whose outcomes add up to Yt and Yc:

- **Qini curve** Q(k) = Yt − Yc · Nt / Nc, and Yt while Nc is 0 (Radcliffe 2007, Using control groups to target on predicted
  lift): what treatment added among the treated of the first k.
- **Qini** = the area between Q over k / N and the straight line from 0 to Q(N), divided by the treated: added outcome per
  treated person. 0 is what a random order gives.
- **Uplift curve** U(k) = (Yt / Nt − Yc / Nc) · k / N, an empty side counting as 0: what would be added per person of all, if
  the first k were treated (Gutierrez and Gérardy 2017, Causal inference and uplift modelling, equation 16, per person).
- **AUUC** = the area under U over k / N.
- **Uplift@k** = Yt / Nt − Yc / Nc among the first k.

Other libraries mean other things by the same words: `scikit_uplift` gives that one's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.decide.uplift.data import IntArray
from aimwell.errors import DecideError
from aimwell.stats.estimate import Figure
from aimwell.stats.samples import FloatArray

__all__ = ["Running", "auuc", "qini", "qini_curve", "running", "uplift_at", "uplift_curve"]


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """Sums over the first k people, one row for each different score, the first row before anybody."""

    k: FloatArray
    treated: FloatArray
    controls: FloatArray
    treated_sum: FloatArray
    control_sum: FloatArray


def running(outcome: FloatArray, treated: IntArray, scores: FloatArray) -> Running:
    """The sums down the falling order of the scores.

    Raises:
        DecideError: Lengths differ, or one of the two sides is empty.
    """
    if not len(outcome) == len(treated) == len(scores):
        raise DecideError("Outcomes, arms and scores must be of the same people, one each.")
    if not 0 < int(treated.sum()) < len(treated):
        raise DecideError("A curve of uplift needs treated people and controls.")
    order = np.argsort(-scores, kind="stable")
    sorted_scores = scores[order]
    last = np.append(np.flatnonzero(np.diff(sorted_scores)), len(order) - 1)
    y, t = outcome[order], treated[order].astype(np.float64)

    def sums(column: FloatArray) -> FloatArray:
        return np.append(0.0, np.cumsum(column)[last])

    return Running(np.append(0.0, last + 1.0), sums(t), sums(1 - t), sums(y * t), sums(y * (1 - t)))


def qini_curve(
    outcome: FloatArray, treated: IntArray, scores: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """k and Q(k)."""
    s = running(outcome, treated, scores)
    return s.k, s.treated_sum - s.control_sum * _ratio(s.treated, s.controls)


def uplift_curve(
    outcome: FloatArray, treated: IntArray, scores: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """k and U(k), per person of all."""
    s = running(outcome, treated, scores)
    gap = _ratio(s.treated_sum, s.treated) - _ratio(s.control_sum, s.controls)
    return s.k, gap * s.k / s.k[-1]


def qini(outcome: FloatArray, treated: IntArray, scores: FloatArray) -> float:
    """Our Qini, in outcomes per treated person."""
    k, curve = qini_curve(outcome, treated, scores)
    area = float(np.trapezoid(curve, k / k[-1])) - float(curve[-1]) / 2
    return area / float(treated.sum())


def auuc(outcome: FloatArray, treated: IntArray, scores: FloatArray) -> float:
    """Our area under the uplift curve, in outcomes per person."""
    k, curve = uplift_curve(outcome, treated, scores)
    return float(np.trapezoid(curve, k / k[-1]))


def uplift_at(
    outcome: FloatArray, treated: IntArray, scores: FloatArray, *, share: float
) -> Figure:
    """Uplift among the `share` of people with the highest scores (rounded down; equal scores in the order given)."""
    first = np.argsort(-scores, kind="stable")[: int(len(scores) * share)]
    got = treated[first] == 1
    if not got.any() or got.all():
        side = "treated" if not got.any() else "controls"
        return Figure(value=None, reason=f"the first {share:.0%} hold no {side}")
    return Figure(value=float(outcome[first][got].mean() - outcome[first][~got].mean()))


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)
