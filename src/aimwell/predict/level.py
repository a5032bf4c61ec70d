"""Is the level of probabilities right on later people, and are they as far apart as they should be? Two figures with intervals.

- **Level**, calibration in the large: the share that did it less the mean probability; 0 is right.
- **Slope** of the logistic regression of what happened on the log-odds of the probabilities: 1 is right; below it they are too far
  apart (promise too much to the likely, too little to the others), above it too near one another.

Source: Cox (1958), Two further applications of a model for binary regression, Biometrika 45; Steyerberg (2019), Clinical
prediction models, chapter 15.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, ndtri

from aimwell.predict.newton import Derivatives, maximise
from aimwell.predict.tables import BoolArray
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["level_of", "slope_of"]

_NORMAL, _WALD = "normal interval of the mean error", "Wald's interval"
_NEAREST_TO_CERTAIN = 1e-6


def level_of(
    probabilities: FloatArray, outcome: BoolArray, *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """Share that did it less the mean probability (-1 to 1); missing of one person."""
    if len(outcome) < 2:
        return Estimate.missing("there is one person", method=_NORMAL, confidence=confidence)
    errors = outcome - probabilities
    mean = float(errors.mean())
    reach = float(ndtri((1 + confidence) / 2) * errors.std(ddof=1) / np.sqrt(len(errors)))
    return Estimate(
        estimate=mean,
        lower=mean - reach,
        upper=mean + reach,
        confidence=confidence,
        method=_NORMAL,
    )


def slope_of(
    probabilities: FloatArray, outcome: BoolArray, *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """The slope; missing where all probabilities or all outcomes are alike, or the probabilities tell the outcomes apart wholly."""
    log_odds = logit(np.clip(probabilities, _NEAREST_TO_CERTAIN, 1 - _NEAREST_TO_CERTAIN))
    if np.ptp(log_odds) == 0:
        return _missing("all probabilities are alike", confidence)
    if not 0 < outcome.sum() < len(outcome):
        return _missing("all outcomes are alike", confidence)
    columns = np.column_stack([log_odds, np.ones_like(log_odds)])

    def derivatives(at: FloatArray) -> Derivatives:
        linear = columns @ at
        chance = expit(linear)
        value = float(linear[outcome].sum() - np.logaddexp(0, linear).sum())
        bend = -(columns * (chance * (1 - chance))[:, None]).T @ columns
        return value, columns.T @ (outcome - chance), np.asarray(bend)

    found = maximise(derivatives, np.array([1.0, 0.0]), tolerance=1e-8 * len(outcome))
    if not found.converged or np.abs(np.linalg.eigvalsh(found.hessian)).min() < 1e-6:
        return _missing("the probabilities tell the outcomes apart wholly", confidence)
    slope = float(found.at[0])
    error = float(np.sqrt(np.linalg.inv(-found.hessian)[0, 0]))
    reach = float(ndtri((1 + confidence) / 2)) * error
    return Estimate(
        estimate=slope,
        lower=slope - reach,
        upper=slope + reach,
        confidence=confidence,
        method=_WALD,
    )


def _missing(reason: str, confidence: float) -> Estimate:
    return Estimate.missing(reason, method=_WALD, confidence=confidence)
