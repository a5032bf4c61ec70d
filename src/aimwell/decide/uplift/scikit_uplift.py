"""The same words as scikit-uplift means them, for who compares with figures made by it (checked against version 0.5).

Its Qini and AUUC are areas between the curve and the straight line, divided by the same area of a perfect order, for outcomes of yes and
no. The perfect order takes treated who did it first and controls who did it last.
"""

from __future__ import annotations

import numpy as np

from aimwell.decide.uplift.curves import qini_curve, uplift_curve
from aimwell.decide.uplift.data import IntArray
from aimwell.stats.estimate import Figure
from aimwell.stats.samples import FloatArray

__all__ = ["qini_auc_score", "uplift_auc_score"]


def qini_auc_score(
    outcome: FloatArray, treated: IntArray, scores: FloatArray, *, negative_effect: bool = True
) -> Figure:
    """As scikit-uplift's function of this name. `negative_effect`: whether the perfect order knows whom contact drives away."""
    k, curve = qini_curve(outcome, treated, scores)
    if negative_effect:
        ideal = qini_curve(outcome, treated, outcome * treated - outcome * (1 - treated))
    else:
        ratio = float(treated.sum()) / float((1 - treated).sum())
        gain = float(outcome @ treated) - float(outcome @ (1 - treated)) * ratio
        ideal = np.array([0.0, gain, float(len(outcome))]), np.array([0.0, gain, gain])
    return _share_of_perfect(k, curve, *ideal)


def uplift_auc_score(outcome: FloatArray, treated: IntArray, scores: FloatArray) -> Figure:
    """As scikit-uplift's function of this name."""
    done_untreated = int(np.sum((outcome == 1) & (treated == 0)))
    not_done_treated = int(np.sum((outcome == 0) & (treated == 1)))
    further = outcome if done_untreated > not_done_treated else treated
    ideal = uplift_curve(outcome, treated, 2.0 * (outcome == treated) + further)
    return _share_of_perfect(*uplift_curve(outcome, treated, scores), *ideal)


def _share_of_perfect(
    k: FloatArray, curve: FloatArray, ideal_k: FloatArray, ideal: FloatArray
) -> Figure:
    chord = float(ideal_k[-1]) * float(ideal[-1]) / 2
    perfect = float(np.trapezoid(ideal, ideal_k)) - chord
    if perfect == 0.0:
        return Figure(value=None, reason="a perfect order gains nothing over chance here")
    return Figure(value=(float(np.trapezoid(curve, k)) - chord) / perfect)
