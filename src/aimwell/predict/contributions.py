"""What each feature adds to a person's log-odds, so that all of them and the base together are the model's score.

**Boosted trees**: TreeSHAP, by LightGBM or XGBoost itself (Lundberg et al. 2020): the base is the mean log-odds of those it learnt from.
**Logistic regression**: weight × (standardised value), a feature's value and its gap together; the base is that of an average person
whose gaps are as usual. **Base rates**: the one feature that there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from aimwell.predict.learners import BaseRates, LogisticScorer, Scorer, XGBoostScorer
from aimwell.predict.trees import contributions_of_trees
from aimwell.predict.xgboost_trees import contributions_of_xgboost
from aimwell.stats.samples import FloatArray

__all__ = ["Contributions", "contributions"]

_CERTAIN = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """Log-odds of a score before it was calibrated: `base`, and people × features that add up to it."""

    base: float
    values: FloatArray

    @property
    def log_odds(self) -> FloatArray:
        """Of each person."""
        return np.asarray(self.base + self.values.sum(axis=1))


def contributions(scorer: Scorer, values: FloatArray, *, missing: FloatArray) -> Contributions:
    """What each feature adds.

    Args:
        scorer: Of a model.
        values: People × the features of the model.
        missing: The usual share of people without a value, of each feature.
    """
    if isinstance(scorer, LogisticScorer):
        return _of_weights(scorer, values, missing)
    if isinstance(scorer, BaseRates):
        return _of_rates(scorer, values)
    if isinstance(scorer, XGBoostScorer):
        base, found = contributions_of_xgboost(scorer, values)
    else:
        base, found = contributions_of_trees(scorer, values)
    return Contributions(base, found)


def _of_weights(scorer: LogisticScorer, values: FloatArray, missing: FloatArray) -> Contributions:
    prepared = scorer.preparation
    terms = prepared.apply(values) * np.array(scorer.weights)
    found = np.zeros(values.shape)
    for place, source in enumerate(prepared.sources):
        found[:, source] += terms[:, place]
    # Standardised values are 0 on average, the marks of gaps are not.
    valued = sum(1 for column in prepared.columns if column.spread > 0)
    usual = np.zeros(values.shape[1])
    for place, source in enumerate(prepared.sources[valued:], start=valued):
        usual[source] += scorer.weights[place] * missing[source]
    return Contributions(scorer.intercept + float(usual.sum()), found - usual)


def _of_rates(scorer: BaseRates, values: FloatArray) -> Contributions:
    odds = logit(np.clip(scorer.score(values), _CERTAIN, 1 - _CERTAIN))
    base = float(np.mean(logit(np.clip(np.array(scorer.rates), _CERTAIN, 1 - _CERTAIN))))
    found = np.zeros(values.shape)
    if scorer.column is None:
        return Contributions(base, found)
    found[:, scorer.column] = odds - base
    return Contributions(base, found)
