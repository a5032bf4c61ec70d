"""What can learn a propensity, the simplest first: a rule by recency, logistic regression, boosted trees.

Each result is plain numbers (and LightGBM's own text), so that a model can be stored and read back without running
anything that a file contains.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, Self

from aimwell.predict.base_rates import BaseRates, RecencyLearner
from aimwell.predict.logistic import LogisticLearner, LogisticScorer
from aimwell.predict.tables import BoolArray
from aimwell.predict.trees import TreesLearner, TreesScorer
from aimwell.stats.samples import FloatArray

__all__ = [
    "BaseRates",
    "Learner",
    "LogisticLearner",
    "LogisticScorer",
    "RecencyLearner",
    "Scorer",
    "TreesLearner",
    "TreesScorer",
    "learners",
]

Scorer = BaseRates | LogisticScorer | TreesScorer
"""What a learner gives: `score(values)` and `influences(features)`."""


class Learner(Protocol):
    """Something that learns a probability from people × features, where NaN is missing."""

    name: ClassVar[str]

    def tuned(self, values: FloatArray, outcome: BoolArray, *, seed: int) -> Self:
        """The same learner with its settings chosen on these people by cross-validation."""
        ...

    def fit(self, values: FloatArray, outcome: BoolArray) -> Scorer:
        """Learn from these people."""
        ...


def learners(recency_column: int | None) -> tuple[Learner, ...]:
    """All of them, the simplest first; the rule bands by `recency_column`, None for one band."""
    return (RecencyLearner(recency_column), LogisticLearner(), TreesLearner())
