"""Random forest, grown by LightGBM: deep trees on samples of people and features, averaged (Breiman 2001).

It is kept as LightGBM's own text, as boosted trees are, so nothing that runs is ever read from a file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, ClassVar, Self

import numpy as np

from aimwell.predict.folds import folds, sample
from aimwell.predict.tables import BoolArray
from aimwell.predict.trees import TreesScorer
from aimwell.stats.samples import FloatArray

__all__ = ["ForestLearner"]

_LEAVES = (10, 30, 100)
"""Fewest people in a leaf that are tried."""

_TUNING_PEOPLE, _TUNING_TREES, _FOLDS = 10_000, 60, 3
_ONE_THREAD_PEOPLE = 100_000
_CERTAIN = 1e-6


@dataclass(frozen=True, slots=True)
class ForestLearner:
    """`trees` trees, each on 63 % of the people, drawn without replacement, and the square root of the features at each split.

    `leaf` is the fewest people in a leaf. `threads` changes the time alone; None chooses by the number of people.
    """

    trees: int = 300
    leaf: int = 30
    seed: int = 0
    threads: int | None = None

    name: ClassVar[str] = "random forest"

    def tuned(self, values: FloatArray, outcome: BoolArray, *, seed: int) -> Self:
        """Choose the size of leaves with the smallest log loss on held-out people."""
        rows = sample(outcome, most=_TUNING_PEOPLE, seed=seed)
        values, outcome = values[rows], outcome[rows]
        losses = np.zeros(len(_LEAVES))
        for learn, held in folds(outcome, count=_FOLDS, seed=seed):
            for place, leaf in enumerate(_LEAVES):
                tried = replace(self, leaf=leaf, seed=seed, trees=_TUNING_TREES)
                chance = np.clip(
                    tried.fit(values[learn], outcome[learn]).score(values[held]),
                    _CERTAIN,
                    1 - _CERTAIN,
                )
                did = outcome[held]
                losses[place] -= np.where(did, np.log(chance), np.log1p(-chance)).sum()
        return replace(self, seed=seed, leaf=_LEAVES[int(np.argmin(losses))])

    def fit(self, values: FloatArray, outcome: BoolArray) -> TreesScorer:
        """Grow the trees."""
        import lightgbm

        data = lightgbm.Dataset(
            values, label=outcome.astype(np.float64), params={"verbosity": -1}, free_raw_data=False
        )
        booster = lightgbm.train(self._settings(*values.shape), data, num_boost_round=self.trees)
        return TreesScorer(booster.model_to_string())

    def _settings(self, people: int, features: int) -> dict[str, Any]:
        threads = self.threads
        if threads is None:
            threads = 1 if people <= _ONE_THREAD_PEOPLE else 0
        return {
            "objective": "binary",
            "boosting": "rf",
            "num_leaves": 255,
            "min_data_in_leaf": self.leaf,
            "bagging_fraction": 0.632,
            "bagging_freq": 1,
            "feature_fraction_bynode": min(1.0, 1 / sqrt(max(features, 1))),
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads,
            "verbosity": -1,
        }
