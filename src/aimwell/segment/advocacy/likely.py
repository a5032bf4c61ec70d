"""Who of those who did not answer probably promotes, or detracts: one logistic regression each, judged by cross-validation.

A person is called a likely promoter where the probability is one half or more. Nobody is where that is no better than lots.
Who answers is no sample by lot. So errors are weighted to those who did not answer: whom among those who answered is like
them counts for more. What cannot be seen, as anger that keeps people from answering, no weight can mend.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aimwell.segment.advocacy.model import Likely, LikelyKind
from aimwell.stats.discrimination import auc
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.threads import one_thread

__all__ = ["Told", "resembling", "told_by"]

_FOLDS = 5
_EACH_MIN = 30
_PEOPLE_MAX = 20_000
_CALLED_FROM = 0.5
_METHOD = "5-fold cross-validation"

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Told:
    """Probabilities: `inside` cross-validated for those it was learned from, `outside` for everybody else."""

    area: Estimate
    inside: FloatArray
    outside: FloatArray
    reason: str | None

    def likely(self, kind: LikelyKind, outcome: BoolArray, weights: FloatArray) -> Likely:
        """As a report, with the error rate of calling somebody so.

        Args:
            kind: Of what.
            outcome: Who of those who answered is one.
            weights: How much each of them counts, so that together they resemble those who did not; see `resembling`.
        """
        base = float(np.average(outcome, weights=weights)) if weights.sum() > 0 else 0.0
        called = (self.inside >= _CALLED_FROM) & (weights > 0)
        whole = float(weights[called].sum())
        worth = whole * whole / float((weights[called] ** 2).sum()) if whole else 0.0
        share = float(weights[called & ~outcome].sum()) / whole if whole else 0.0
        error = wilson(round(share * round(worth)), round(worth))
        reason = self.reason
        if reason is None and error.estimate is None:
            reason = f"nobody is a {kind} with a probability of a half or more"
        elif reason is None and (error.upper or 1.0) >= 1.0 - base:
            reason = (
                f"calling people {kind}s by the model is wrong for {error.estimate:.0%}, which is not surely less than the "
                f"{1 - base:.0%} of calling them so by lot"
            )
        people = int((self.outside >= _CALLED_FROM).sum()) if reason is None else 0
        return Likely(
            kind=kind,
            answered=len(outcome),
            silent=len(self.outside),
            area=self.area,
            people=people,
            error=error,
            dull=1.0 - base,
            reason=reason,
        )


def resembling(asks: Told, answered: BoolArray) -> FloatArray:
    """Weights by which those who answered resemble those who did not: the odds of not answering, by what is known.

    The heaviest hundredth is cut down to the one below it. Where who answers cannot be told, all weigh the same. Who was
    not in the sample that it was learned from weighs nothing.

    Source: Shimodaira (2000), Improving predictive inference under covariate shift.
    """
    chances = asks.inside[answered]
    known = ~np.isnan(chances)
    if asks.reason is not None or not known.any():
        return np.ones(int(answered.sum()))
    weights = np.zeros(len(chances))
    weights[known] = (1.0 - chances[known]) / np.maximum(chances[known], 1e-6)
    return np.asarray(np.minimum(weights, np.quantile(weights[known], 0.99)), dtype=np.float64)


def told_by(rows: FloatArray, outcome: BoolArray, others: FloatArray, *, seed: int) -> Told:
    """How well an outcome is told by prepared columns, and what that says of other people.

    Args:
        rows: One a person with a known outcome.
        outcome: Theirs.
        others: People whose outcome is not known.
        seed: Of the folds, and of the sample where there are very many.
    """
    silent = np.full(len(others), np.nan)
    nothing = np.full(len(outcome), np.nan)
    fewest = int(min(outcome.sum(), (~outcome).sum())) if len(outcome) else 0
    if fewest < _EACH_MIN:
        few = f"only {fewest} on one of the two sides; it takes {_EACH_MIN}"
        return Told(Estimate.missing(few, method=_METHOD), nothing, silent, few)
    if rows.shape[1] == 0:
        none = "nothing is known of these people that could tell"
        return Told(Estimate.missing(none, method=_METHOD), nothing, silent, none)
    draw = np.random.default_rng(seed)
    chosen = np.arange(len(outcome))
    if len(chosen) > _PEOPLE_MAX:
        chosen = np.sort(draw.choice(chosen, _PEOPLE_MAX, replace=False))
    fold = draw.permutation(len(chosen)) % _FOLDS
    inside = nothing.copy()
    for turn in range(_FOLDS):
        held = chosen[fold == turn]
        model = _fitted(rows[chosen[fold != turn]], outcome[chosen[fold != turn]])
        inside[held] = model.predict_proba(rows[held])[:, 1]
    area = auc(inside[chosen], outcome[chosen])
    reason: str | None = None
    if area.lower is None or area.lower <= 0.5:
        reason = "it cannot be told better than by chance"
    if len(others):
        silent = np.asarray(_fitted(rows[chosen], outcome[chosen]).predict_proba(others)[:, 1])
    return Told(area, inside, silent, reason)


def _fitted(rows: FloatArray, outcome: BoolArray) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=1.0, max_iter=300).fit(rows, outcome)
