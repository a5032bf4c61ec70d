"""Boosted trees by LightGBM, with settings that give the same model whatever the number of threads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from aimwell.predict.folds import folds
from aimwell.predict.tables import BoolArray
from aimwell.stats.samples import FloatArray

# Imported where trees grow or score: it brings all of scikit-learn, which takes two seconds.
if TYPE_CHECKING:
    import lightgbm

__all__ = ["TreesLearner", "TreesScorer", "contributions_of_trees"]

_ROUNDS_MAX = 500
_PATIENCE = 30
# Up to so many people, the number of rounds is chosen by cross-validation; beyond, one division tells enough.
_CROSS_VALIDATED_PEOPLE = 20_000
_TUNING_FOLDS = 5
_ONE_THREAD_PEOPLE = 100_000


@dataclass(frozen=True, slots=True)
class TreesScorer:
    """LightGBM's own text of the trees; features are known to it by their place alone.

    The text must be ours: LightGBM ends the process on a text that was tampered with. Whoever reads one from a
    file checks its hash first (`artifacts`).
    """

    text: str

    def score(self, values: FloatArray) -> FloatArray:
        """The probability of each row."""
        return np.asarray(_booster(self.text).predict(values), dtype=np.float64)

    def influences(self, features: int) -> FloatArray:
        """Shares of the gain in the splits."""
        booster = _booster(self.text)
        gains = np.zeros(features)
        gains[: booster.num_feature()] = booster.feature_importance(importance_type="gain")
        return gains / gains.sum() if gains.sum() > 0 else gains


@dataclass(frozen=True, slots=True)
class TreesLearner:
    """Small trees, slowly added, each on a part of people and features; `rounds` of them.

    `threads` changes the time alone; None chooses by the number of people.
    """

    rounds: int = 100
    seed: int = 0
    threads: int | None = None

    name: ClassVar[str] = "boosted trees"

    def tuned(self, values: FloatArray, outcome: BoolArray, *, seed: int) -> Self:
        """Choose the number of rounds after which the log loss on held-out people grows again."""
        import lightgbm

        divisions = list(folds(outcome, count=_TUNING_FOLDS, seed=seed))
        if len(outcome) > _CROSS_VALIDATED_PEOPLE:
            divisions = divisions[:1]
        seen = lightgbm.cv(
            replace(self, seed=seed)._settings(len(outcome)),
            self._dataset(values, outcome),
            num_boost_round=_ROUNDS_MAX,
            folds=divisions,
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        )
        losses = np.asarray(seen["valid binary_logloss-mean"])
        return replace(self, seed=seed, rounds=len(losses))

    def fit(self, values: FloatArray, outcome: BoolArray) -> TreesScorer:
        """Grow the trees."""
        import lightgbm

        booster = lightgbm.train(
            self._settings(len(outcome)),
            self._dataset(values, outcome),
            num_boost_round=self.rounds,
        )
        return TreesScorer(booster.model_to_string())

    def _dataset(self, values: FloatArray, outcome: BoolArray) -> lightgbm.Dataset:
        import lightgbm

        return lightgbm.Dataset(
            values, label=outcome.astype(np.float64), params={"verbosity": -1}, free_raw_data=False
        )

    def _settings(self, people: int) -> dict[str, Any]:
        threads = self.threads
        if threads is None:
            # Threads that wait for each other on a busy machine cost more than few people's trees.
            threads = 1 if people <= _ONE_THREAD_PEOPLE else 0
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "learning_rate": 0.05,
            "num_leaves": 15,
            "min_data_in_leaf": 20,
            "lambda_l2": 1.0,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "feature_fraction": 0.8,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads,
            "verbosity": -1,
        }


def contributions_of_trees(scorer: TreesScorer, values: FloatArray) -> tuple[float, FloatArray]:
    """The mean log-odds of those it learnt from, and what each feature adds to each row's, by TreeSHAP."""
    booster = _booster(scorer.text)
    found = np.asarray(booster.predict(values, pred_contrib=True), dtype=np.float64)
    if (
        "\naverage_output\n" in scorer.text
    ):  # a forest's trees are averaged, what they add is summed up
        found /= booster.num_trees()
    features = values.shape[1]
    # Features after the last one that a tree asks for are not known to the text.
    shares = np.zeros((len(values), features))
    shares[:, : found.shape[1] - 1] = found[:, :-1]
    return float(found[0, -1]) if len(found) else 0.0, shares


def _booster(text: str) -> lightgbm.Booster:
    import lightgbm

    return lightgbm.Booster(model_str=text)
