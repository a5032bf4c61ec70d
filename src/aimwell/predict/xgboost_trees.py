"""Boosted trees by XGBoost, the extra `aimwell[xgboost]`: the same model whatever the number of threads.

They are kept as XGBoost's own JSON, so nothing that runs is ever read from a file.
Source: Chen & Guestrin (2016), XGBoost: a scalable tree boosting system.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np

from aimwell.errors import PredictError
from aimwell.predict.tables import BoolArray
from aimwell.predict.tree_settings import TreeSettings
from aimwell.predict.trees import PATIENCE, ROUNDS_MAX, threads_for, tuning_divisions
from aimwell.stats.samples import FloatArray

__all__ = ["XGBoostLearner", "XGBoostScorer", "contributions_of_xgboost", "xgboost_library"]

# It computes in single precision, which has no room for larger numbers.
_LARGEST = 3e38


def xgboost_library() -> Any:
    """The module.

    Raises:
        PredictError: It is not installed; says how to.
    """
    try:
        return importlib.import_module("xgboost")
    except ModuleNotFoundError as error:
        raise PredictError(
            f"The learner xgboost needs {error.name}, which is not installed. Install it with: pip install "
            '"aimwell[xgboost]", or leave it out of `learners`; `boosted` grows such trees without it.'
        ) from error


@dataclass(frozen=True, slots=True)
class XGBoostScorer:
    """XGBoost's own JSON of the trees; features are known to it by their place alone.

    Whoever reads one from a file checks its hash first (`artifacts`).
    """

    text: str

    def score(self, values: FloatArray) -> FloatArray:
        """The probability of each row."""
        found = _booster(self.text).predict(_matrix(values))
        return np.asarray(found, dtype=np.float64)

    def influences(self, features: int) -> FloatArray:
        """Shares of the gain in the splits."""
        gains = np.zeros(features)
        for name, gain in _booster(self.text).get_score(importance_type="total_gain").items():
            gains[int(name.removeprefix("f"))] = gain
        return gains / gains.sum() if gains.sum() > 0 else gains


@dataclass(frozen=True, slots=True)
class XGBoostLearner(TreeSettings):
    """Trees that XGBoost grows.

    Args:
        weight: Smallest sum of p (1 − p) over the people of a leaf.
    """

    weight: float = 3.0

    name: ClassVar[str] = "XGBoost trees"
    least: ClassVar[str] = "weight"
    least_tried: ClassVar[tuple[float, ...]] = (1.0, 3.0, 10.0, 30.0)

    def tuned(self, values: FloatArray, outcome: BoolArray, *, seed: int) -> Self:
        """Choose the number of rounds after which the log loss on held-out people grows again."""
        seen = xgboost_library().cv(
            replace(self, seed=seed).parameters(len(outcome)),
            _matrix(values, outcome),
            num_boost_round=ROUNDS_MAX,
            folds=tuning_divisions(outcome, seed=seed),
            early_stopping_rounds=PATIENCE,
            as_pandas=False,
        )
        return replace(self, seed=seed, rounds=len(seen["test-logloss-mean"]))

    def fit(self, values: FloatArray, outcome: BoolArray) -> XGBoostScorer:
        """Grow the trees."""
        booster = xgboost_library().train(
            self.parameters(len(outcome)), _matrix(values, outcome), num_boost_round=self.rounds
        )
        return XGBoostScorer(_text(booster))

    def fit_watching(
        self,
        values: FloatArray,
        outcome: BoolArray,
        held: FloatArray,
        held_outcome: BoolArray,
        *,
        seed: int,
    ) -> tuple[Self, XGBoostScorer]:
        """Grow the trees until the log loss on the people held out grows again."""
        booster = xgboost_library().train(
            replace(self, seed=seed).parameters(len(outcome)),
            _matrix(values, outcome),
            num_boost_round=ROUNDS_MAX,
            evals=[(_matrix(held, held_outcome), "held")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        rounds = booster.best_iteration + 1
        kept = booster[:rounds]
        kept.set_attr(best_iteration=None, best_score=None)
        return replace(self, seed=seed, rounds=rounds), XGBoostScorer(_text(kept))

    def parameters(self, people: int) -> dict[str, Any]:
        """XGBoost's own, for so many people."""
        return {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "grow_policy": "lossguide",
            "max_depth": 0,
            "max_leaves": self.leaves,
            "eta": self.rate,
            "min_child_weight": self.weight,
            "reg_lambda": self.ridge,
            "subsample": self.rows,
            "colsample_bytree": self.columns,
            "seed": self.seed,
            "nthread": threads_for(people, self.threads),
            "verbosity": 0,
        }


def contributions_of_xgboost(scorer: XGBoostScorer, values: FloatArray) -> tuple[float, FloatArray]:
    """The mean log-odds of those it learnt from, and what each feature adds to each row's, by TreeSHAP."""
    found = _booster(scorer.text).predict(_matrix(values), pred_contribs=True)
    found = np.asarray(found, dtype=np.float64)
    return float(found[0, -1]) if len(found) else 0.0, found[:, :-1]


def _matrix(values: FloatArray, outcome: BoolArray | None = None) -> Any:
    label = None if outcome is None else outcome.astype(np.float32)
    shown = np.clip(values, -_LARGEST, _LARGEST)
    threads = threads_for(len(values), None) or None
    return xgboost_library().DMatrix(shown, label=label, nthread=threads)


def _text(booster: Any) -> str:
    return bytes(booster.save_raw("json")).decode()


@lru_cache(maxsize=8)
def _booster(text: str) -> Any:
    """The trees that a text tells; the text is read once, as a person in a decision cannot wait for it."""
    booster = xgboost_library().Booster({"nthread": 1})
    booster.load_model(bytearray(text.encode()))
    return booster
