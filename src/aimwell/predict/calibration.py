"""Turns scores into probabilities that mean what they say: of 100 people at 0.3, about 30 do it.

Sources: Platt (1999), Probabilistic outputs for support vector machines; Zadrozny & Elkan (2002), Transforming
classifier scores into accurate multiclass probability estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit, logit

from aimwell.errors import PredictError
from aimwell.predict.newton import Derivatives, maximise
from aimwell.predict.tables import BoolArray
from aimwell.stats.samples import FloatArray

__all__ = ["ISOTONIC_MIN", "Calibrator", "Method", "fit_calibrator"]

Method = Literal["none", "sigmoid", "isotonic"]

ISOTONIC_MIN = 1_000
"""Positives and negatives from which on a free rising curve is learnt rather than two numbers."""

_NEAREST_TO_CERTAIN = 1e-6


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A rising map from scores to probabilities.

    Args:
        method: "none" leaves scores as they are; "sigmoid" stretches and shifts their log-odds; "isotonic" draws
            straight lines between points.
        slope, shift: Of the sigmoid; a slope of at least 0.
        scores, probabilities: The points, both rising.
        floor: The nearest that a result comes to 0 or 1: what was not seen in a finite number of people is not
            impossible.
    """

    method: Method = "none"
    slope: float = 1.0
    shift: float = 0.0
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()
    floor: float = 0.0

    def apply(self, scores: FloatArray) -> FloatArray:
        """Calibrated probabilities (0-1), in the order of the scores."""
        if self.method == "sigmoid":
            scores = expit(self.slope * _log_odds(scores) + self.shift)
        elif self.method == "isotonic":
            scores = np.interp(scores, self.scores, self.probabilities)
        return np.clip(scores, self.floor, 1 - self.floor)


def fit_calibrator(
    scores: FloatArray, outcome: BoolArray, *, method: Method | None = None
) -> Calibrator:
    """Learn the map from people whose scores come from a model that has *not* seen their outcome.

    Args:
        scores: Probabilities, not calibrated.
        outcome: Whether each person did it.
        method: Left out, it is isotonic from `ISOTONIC_MIN` positives and negatives on, else the sigmoid.

    Raises:
        PredictError: The outcomes are all alike, or a score is not a probability.
    """
    positives = int(outcome.sum())
    negatives = len(outcome) - positives
    if not positives or not negatives:
        raise PredictError(
            f"To calibrate, some people must have done it and some not; found {positives:,} and {negatives:,}."
        )
    if not ((scores >= 0) & (scores <= 1)).all():
        raise PredictError("Scores must lie between 0 and 1, none missing.")
    if method is None:
        method = "isotonic" if min(positives, negatives) >= ISOTONIC_MIN else "sigmoid"
    floor = 1.0 / (len(outcome) + 2)
    if method == "isotonic":
        # Imported here and not above: it takes a second, and a score that is given needs none of it.
        from sklearn.isotonic import IsotonicRegression

        rising = IsotonicRegression(y_min=0, y_max=1).fit(scores, outcome.astype(np.float64))
        return Calibrator(
            method="isotonic",
            scores=tuple(float(score) for score in rising.X_thresholds_),
            probabilities=tuple(float(value) for value in rising.y_thresholds_),
            floor=floor,
        )
    if method == "sigmoid":
        slope, shift = _sigmoid(_log_odds(scores), outcome, positives, negatives)
        return Calibrator(method="sigmoid", slope=slope, shift=shift, floor=floor)
    return Calibrator(floor=floor)


def _log_odds(scores: FloatArray) -> FloatArray:
    return np.asarray(logit(np.clip(scores, _NEAREST_TO_CERTAIN, 1 - _NEAREST_TO_CERTAIN)))


def _sigmoid(
    log_odds: FloatArray, outcome: BoolArray, positives: int, negatives: int
) -> tuple[float, float]:
    """Slope and shift by maximum likelihood on Platt's targets, which stop short of 0 and 1."""
    target = np.where(outcome, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    columns = np.column_stack([log_odds, np.ones_like(log_odds)])
    flat = float(logit(target.mean()))

    def derivatives(at: FloatArray) -> Derivatives:
        linear = columns @ at
        chance = expit(linear)
        value = float(target @ linear - np.logaddexp(0, linear).sum())
        bend = -(columns * (chance * (1 - chance))[:, None]).T @ columns
        return value, columns.T @ (target - chance), np.asarray(bend)

    if np.ptp(log_odds) == 0:
        return 0.0, flat
    found = maximise(derivatives, np.array([1.0, 0.0]), tolerance=1e-9 * len(outcome))
    slope, shift = (float(value) for value in found.at)
    # A falling map would turn the order of people round on the strength of chance.
    return (slope, shift) if found.converged and slope > 0 else (0.0, flat)
