"""What can learn a propensity, the simplest first: a rule by recency, logistic regression, random forest, boosted trees.

Each result is plain numbers (and LightGBM's or XGBoost's own text), so that a model can be stored and read back without running
anything that a file contains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, Self

import numpy as np

from aimwell.definitions.kinds.prediction import USUAL_LEARNERS, LearnerKind
from aimwell.predict.base_rates import BaseRates, RecencyLearner
from aimwell.predict.forest import ForestLearner
from aimwell.predict.logistic import LogisticLearner, LogisticScorer
from aimwell.predict.tables import BoolArray
from aimwell.predict.trees import TreesLearner, TreesScorer
from aimwell.predict.xgboost_trees import XGBoostLearner, XGBoostScorer, xgboost_library
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
    "XGBoostLearner",
    "XGBoostScorer",
    "check_installed",
    "learners",
]

Scorer = BaseRates | LogisticScorer | TreesScorer | XGBoostScorer
"""What a learner gives: `score(values)` and `influences(features)`."""


class Learner(Protocol):
    """Something that learns a probability from people × features, where NaN is missing."""

    name: ClassVar[str]
    watches: ClassVar[bool]
    """Whether `fit_watching` chooses what `tuned` would."""

    def tuned(self, values: FloatArray, outcome: BoolArray, *, seed: int) -> Self:
        """The same learner with its settings chosen on these people by cross-validation."""
        ...

    @property
    def settings(self) -> Mapping[str, float]:
        """What `varied` changes, by name."""
        ...

    def varied(
        self, values: FloatArray, outcome: BoolArray, *, rng: np.random.Generator, seed: int
    ) -> Self:
        """The same learner with other settings, drawn; these people choose what follows from them."""
        ...

    def fit(self, values: FloatArray, outcome: BoolArray) -> Scorer:
        """Learn from these people."""
        ...

    def fit_watching(
        self,
        values: FloatArray,
        outcome: BoolArray,
        held: FloatArray,
        held_outcome: BoolArray,
        *,
        seed: int,
    ) -> tuple[Self, Scorer]:
        """Learn from many people at once, and stop when those who are held out say so; the settings that came of it."""
        ...


def learners(
    recency_column: int | None, kinds: Sequence[LearnerKind] = USUAL_LEARNERS, *, many: bool = False
) -> tuple[Learner, ...]:
    """Those of some kinds, the simplest first.

    Args:
        recency_column: The feature by which the rule bands people, None for one band.
        kinds: Which ones.
        many: There are so many people that trees may be larger and fewer: as good, and twice as quick to score by.
    """
    leaves, rate = (31, 0.1) if many else (15, 0.05)
    every: dict[LearnerKind, Learner] = {
        "rule": RecencyLearner(recency_column),
        "logistic": LogisticLearner(),
        "forest": ForestLearner(),
        "boosted": TreesLearner(leaves=leaves, rate=rate),
        "xgboost": XGBoostLearner(leaves=leaves, rate=rate),
    }
    return tuple(learner for kind, learner in every.items() if kind in kinds)


def check_installed(kinds: Sequence[LearnerKind]) -> None:
    """Before hours of reading: what these learners need is there.

    Raises:
        PredictError: A library is missing; says how to install it.
    """
    if "xgboost" in kinds:
        xgboost_library()
