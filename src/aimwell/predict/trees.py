"""Boosted trees by LightGBM, with settings that give the same model whatever the number of threads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from aimwell.predict.folds import folds
from aimwell.predict.purchases import IntArray
from aimwell.predict.tables import BoolArray
from aimwell.predict.tree_settings import TreeSettings
from aimwell.stats.samples import FloatArray

# Imported where trees grow or score: it brings all of scikit-learn, which takes two seconds.
if TYPE_CHECKING:
    import lightgbm

__all__ = [
    "PATIENCE",
    "ROUNDS_MAX",
    "TreesLearner",
    "TreesScorer",
    "contributions_of_trees",
    "threads_for",
    "tuning_divisions",
]

ROUNDS_MAX = 500
"""Most trees that are grown one after another."""

PATIENCE = 30
"""After so many rounds without a smaller loss on held-out people, none more is grown."""

# Up to so many people, the number of rounds is chosen by cross-validation; beyond, one division tells enough.
_CROSS_VALIDATED_PEOPLE = 20_000
_TUNING_FOLDS = 5
_ONE_THREAD_PEOPLE = 100_000
# Of few rows, threads cost more than they spare.
_ONE_THREAD_ROWS = 20_000


def threads_for(people: int, threads: int | None) -> int:
    """Threads that grow trees for so many people, 0 for all; `threads` where that is said."""
    if threads is not None:
        return threads
    # Threads that wait for each other on a busy machine cost more than few people's trees.
    return 1 if people <= _ONE_THREAD_PEOPLE else 0


def tuning_divisions(outcome: BoolArray, *, seed: int) -> list[tuple[IntArray, IntArray]]:
    """The divisions (to learn from, held out) by which the number of rounds is chosen."""
    divisions = list(folds(outcome, count=_TUNING_FOLDS, seed=seed))
    return divisions if len(outcome) <= _CROSS_VALIDATED_PEOPLE else divisions[:1]


@dataclass(frozen=True, slots=True)
class TreesScorer:
    """LightGBM's own text of the trees; features are known to it by their place alone.

    The text must be ours: LightGBM ends the process on a text that was tampered with. Whoever reads one from a
    file checks its hash first (`artifacts`).
    """

    text: str

    def score(self, values: FloatArray) -> FloatArray:
        """The probability of each row."""
        booster = _booster(self.text)
        threads = 1 if len(values) <= _ONE_THREAD_ROWS else 0
        return np.asarray(booster.predict(values, num_threads=threads), dtype=np.float64)

    def influences(self, features: int) -> FloatArray:
        """Shares of the gain in the splits."""
        booster = _booster(self.text)
        gains = np.zeros(features)
        gains[: booster.num_feature()] = booster.feature_importance(importance_type="gain")
        return gains / gains.sum() if gains.sum() > 0 else gains


@dataclass(frozen=True, slots=True)
class TreesLearner(TreeSettings):
    """Trees that LightGBM grows.

    Args:
        leaf: Fewest people in a leaf.
    """

    leaf: int = 20

    name: ClassVar[str] = "boosted trees"
    least: ClassVar[str] = "leaf"
    least_tried: ClassVar[tuple[float, ...]] = (10, 20, 50, 100, 200)

    def tuned(self, values: FloatArray, outcome: BoolArray, *, seed: int) -> Self:
        """Choose the number of rounds after which the log loss on held-out people grows again."""
        import lightgbm

        seen = lightgbm.cv(
            replace(self, seed=seed).parameters(len(outcome)),
            _dataset(values, outcome),
            num_boost_round=ROUNDS_MAX,
            folds=tuning_divisions(outcome, seed=seed),
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )
        losses = np.asarray(seen["valid binary_logloss-mean"])
        return replace(self, seed=seed, rounds=len(losses))

    def fit(self, values: FloatArray, outcome: BoolArray) -> TreesScorer:
        """Grow the trees."""
        import lightgbm

        booster = lightgbm.train(
            self.parameters(len(outcome)),
            _dataset(values, outcome),
            num_boost_round=self.rounds,
        )
        return TreesScorer(booster.model_to_string())

    def fit_watching(
        self,
        values: FloatArray,
        outcome: BoolArray,
        held: FloatArray,
        held_outcome: BoolArray,
        *,
        seed: int,
    ) -> tuple[Self, TreesScorer]:
        """Grow the trees until the log loss on the people held out grows again."""
        import lightgbm

        told = _dataset(values, outcome)
        booster = lightgbm.train(
            replace(self, seed=seed).parameters(len(outcome)),
            told,
            num_boost_round=ROUNDS_MAX,
            valid_sets=[_dataset(held, held_outcome, like=told)],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )
        rounds = booster.best_iteration or booster.current_iteration()
        text = booster.model_to_string(num_iteration=rounds)
        return replace(self, seed=seed, rounds=rounds), TreesScorer(text)

    def parameters(self, people: int) -> dict[str, Any]:
        """LightGBM's own, for so many people."""
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.leaf,
            "lambda_l2": self.ridge,
            "bagging_fraction": self.rows,
            "bagging_freq": 1,
            "feature_fraction": self.columns,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads_for(people, self.threads),
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


def _dataset(
    values: FloatArray, outcome: BoolArray, *, like: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    import lightgbm

    return lightgbm.Dataset(
        values,
        label=outcome.astype(np.float64),
        reference=like,
        params={"verbosity": -1},
        free_raw_data=False,
    )


@lru_cache(maxsize=8)
def _booster(text: str) -> lightgbm.Booster:
    """The trees that a text tells; the text is read once, as a person in a decision cannot wait for it."""
    import lightgbm

    return lightgbm.Booster(model_str=text)
