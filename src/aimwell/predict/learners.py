"""What can learn a propensity, the simplest first: a rule by recency, logistic regression, random forest, boosted trees.

Each result is plain numbers (and LightGBM's own text), so that a model can be stored and read back without running
anything that a file contains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, Self

from aimwell.definitions.kinds.prediction import USUAL_LEARNERS, LearnerKind
from aimwell.predict.base_rates import BaseRates, RecencyLearner
from aimwell.predict.forest import ForestLearner
from aimwell.predict.logistic import LogisticLearner, LogisticScorer
from aimwell.predict.tables import BoolArray
from aimwell.predict.trees import TreesLearner, TreesScorer
from aimwell.stats.samples import FloatArray

__all__ = [
    "BaseRates",
    "ForestLearner",
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


def learners(
    recency_column: int | None, kinds: Sequence[LearnerKind] = USUAL_LEARNERS
) -> tuple[Learner, ...]:
    """Those of some kinds, the simplest first; the rule bands by `recency_column`, None for one band."""
    every: dict[LearnerKind, Learner] = {
        "rule": RecencyLearner(recency_column),
        "logistic": LogisticLearner(),
        "forest": ForestLearner(),
        "boosted": TreesLearner(),
    }
    return tuple(learner for kind, learner in every.items() if kind in kinds)
