"""Logistic regression on prepared features, held in by a ridge whose strength is chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from scipy.special import expit, logit

from aimwell.predict.folds import folds, sample
from aimwell.predict.preparation import Preparation, prepare
from aimwell.predict.tables import BoolArray
from aimwell.stats.samples import FloatArray
from aimwell.stats.threads import one_blas_thread

__all__ = ["LogisticLearner", "LogisticScorer"]

_STRENGTHS = (0.003, 0.03, 0.3, 3.0)
# More people would not change the choice of a setting, only take its time.
_TUNING_PEOPLE = 20_000
_TUNING_FOLDS = 5
# A hundred weights are known from so many to a hundredth of their size, and more would take minutes.
_LEARNING_PEOPLE = 100_000
# Prepared columns of so many people at a time fit into the processor's own memory.
_BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class LogisticScorer:
    """A weight per prepared column (`preparation.sources`), per standard deviation, in log-odds."""

    preparation: Preparation
    weights: tuple[float, ...]
    intercept: float

    def log_odds(self, values: FloatArray) -> FloatArray:
        """ln(p / (1 − p)) of each row."""
        weights = np.array(self.weights)
        parts = [
            self.intercept + self.preparation.apply(values[start : start + _BLOCK]) @ weights
            for start in range(0, len(values), _BLOCK)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def score(self, values: FloatArray) -> FloatArray:
        """The probability of each row."""
        return np.asarray(expit(self.log_odds(values)))

    def influences(self, features: int) -> FloatArray:
        """Shares of the sizes of the weights; a feature's value and its gaps count together."""
        shares = np.zeros(features)
        np.add.at(shares, list(self.preparation.sources), np.abs(self.weights))
        return shares / shares.sum() if shares.sum() > 0 else shares


@dataclass(frozen=True, slots=True)
class LogisticLearner:
    """`strength` is scikit-learn's C: the prior of a standardised weight is Normal(0, C)."""

    strength: float = 0.3

    name: ClassVar[str] = "logistic regression"
    watches: ClassVar[bool] = False

    def tuned(self, values: FloatArray, outcome: BoolArray, *, seed: int) -> Self:
        """Choose the strength with the smallest log loss on held-out people."""
        rows = sample(outcome, most=_TUNING_PEOPLE, seed=seed)
        values, outcome = values[rows], outcome[rows]
        losses = np.zeros(len(_STRENGTHS))
        for learn, held in folds(outcome, count=_TUNING_FOLDS, seed=seed):
            preparation = prepare(values[learn])
            columns = preparation.apply(values[learn])
            for place, strength in enumerate(_STRENGTHS):
                candidate = replace(self, strength=strength)
                fitted = candidate._fit_prepared(preparation, columns, outcome[learn])
                right = np.where(outcome[held], 1.0, -1.0)
                losses[place] += np.logaddexp(0, -right * fitted.log_odds(values[held])).sum()
        return replace(self, strength=_STRENGTHS[int(losses.argmin())])

    @property
    def settings(self) -> Mapping[str, float]:
        """What tuning may change."""
        return {"strength": self.strength}

    def varied(
        self, values: FloatArray, outcome: BoolArray, *, rng: np.random.Generator, seed: int
    ) -> Self:
        """Another strength, drawn evenly in its logarithm."""
        del values, outcome, seed
        return replace(self, strength=round(float(10 ** rng.uniform(-4, 1.5)), 6))

    def fit_watching(
        self,
        values: FloatArray,
        outcome: BoolArray,
        held: FloatArray,
        held_outcome: BoolArray,
        *,
        seed: int,
    ) -> tuple[Self, LogisticScorer]:
        """Fit to at most `_LEARNING_PEOPLE`; those held out have nothing to tell here."""
        del held, held_outcome
        rows = sample(outcome, most=_LEARNING_PEOPLE, seed=seed)
        return self, self.fit(values[rows], outcome[rows])

    def fit(self, values: FloatArray, outcome: BoolArray) -> LogisticScorer:
        """Maximise the penalised likelihood."""
        preparation = prepare(values)
        return self._fit_prepared(preparation, preparation.apply(values), outcome)

    def _fit_prepared(
        self, preparation: Preparation, columns: FloatArray, outcome: BoolArray
    ) -> LogisticScorer:
        """The same with people × `preparation.sources` at hand."""
        if not preparation.sources:
            return LogisticScorer(preparation, (), float(logit(outcome.mean())))
        # Imported here and not above: it takes a second, and a score that is given needs none of it.
        from sklearn.linear_model import LogisticRegression

        # Newton steps: exact for standardised columns, where gradient methods stop early and differ by machine.
        model = LogisticRegression(
            C=self.strength, solver="newton-cholesky", tol=1e-8, max_iter=200
        )
        with one_blas_thread():
            model.fit(columns, outcome)
        weights = tuple(float(weight) for weight in model.coef_[0])
        return LogisticScorer(preparation, weights, float(model.intercept_[0]))
