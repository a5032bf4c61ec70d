"""Random forest, grown by LightGBM: deep trees on samples of people and features, averaged (Breiman 2001).

It is kept as LightGBM's own text, as boosted trees are, so nothing that runs is ever read from a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, ClassVar, Self

import numpy as np

from aimwell.predict.folds import folds, sample
from aimwell.predict.tables import BoolArray
from aimwell.predict.trees import TreesScorer, threads_for
from aimwell.stats.samples import FloatArray

__all__ = ["ForestLearner"]

_LEAVES = (10, 30, 100)
"""Fewest people in a leaf that are tried."""

_TUNING_PEOPLE, _TUNING_TREES, _FOLDS = 10_000, 60, 3
_CERTAIN = 1e-6


@dataclass(frozen=True, slots=True)
class ForestLearner:
    """`trees` trees, each on a part of the people, drawn without replacement.

    Args:
        trees: How many.
        leaf: Fewest people in a leaf.
        seed: Of what is drawn.
        threads: Changes the time alone; None chooses by the number of people.
        leaves: Most leaves of a tree.
        rows: Share of the people that a tree looks at.
        share: Share of the features that a split looks at; None: the square root of their number.
    """

    trees: int = 300
    leaf: int = 30
    seed: int = 0
    threads: int | None = None
    leaves: int = 255
    rows: float = 0.632
    share: float | None = None

    name: ClassVar[str] = "random forest"
    watches: ClassVar[bool] = False

    @property
    def settings(self) -> Mapping[str, float]:
        """What tuning may change; without `share` where that is usual."""
        told = {"trees": self.trees, "leaf": self.leaf, "leaves": self.leaves, "rows": self.rows}
        return told if self.share is None else {**told, "share": self.share}

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

    def varied(
        self, values: FloatArray, outcome: BoolArray, *, rng: np.random.Generator, seed: int
    ) -> Self:
        """Other settings, drawn."""
        del values, outcome
        return replace(
            self,
            seed=seed,
            leaf=int(rng.choice([5, 10, 20, 30, 50, 100, 200])),
            leaves=int(rng.choice([31, 63, 127, 255, 511])),
            rows=float(rng.choice([0.4, 0.632, 0.8])),
            share=float(rng.choice([0.1, 0.2, 0.33, 0.5])),
        )

    def fit_watching(
        self,
        values: FloatArray,
        outcome: BoolArray,
        held: FloatArray,
        held_outcome: BoolArray,
        *,
        seed: int,
    ) -> tuple[Self, TreesScorer]:
        """Grow the trees; those held out have nothing to tell here."""
        del held, held_outcome
        chosen = replace(self, seed=seed)
        return chosen, chosen.fit(values, outcome)

    def fit(self, values: FloatArray, outcome: BoolArray) -> TreesScorer:
        """Grow the trees."""
        import lightgbm

        data = lightgbm.Dataset(
            values, label=outcome.astype(np.float64), params={"verbosity": -1}, free_raw_data=False
        )
        booster = lightgbm.train(self._settings(*values.shape), data, num_boost_round=self.trees)
        return TreesScorer(booster.model_to_string())

    def _settings(self, people: int, features: int) -> dict[str, Any]:
        wanted = self.share or 1 / sqrt(max(features, 1))
        return {
            "objective": "binary",
            "boosting": "rf",
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.leaf,
            "bagging_fraction": self.rows,
            "bagging_freq": 1,
            "feature_fraction_bynode": min(1.0, wanted),
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads_for(people, self.threads),
            "verbosity": -1,
        }
