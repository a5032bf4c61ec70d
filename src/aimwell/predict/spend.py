"""What people will spend within a horizon, learnt from features: also of those who have not bought yet.

A law of buying needs purchases; boosted trees over all features do not. They are fitted with the Tweedie deviance, whose law (a
Poisson number of gamma amounts) has the many zeros and the long tail of revenue, so that one model holds both whether somebody
buys and how much.

Source: Jørgensen (1987), Exponential dispersion models, JRSS B 49(2); deviance of the power 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.ageing import Ageing
from aimwell.predict.folds import folds
from aimwell.predict.ranges import Ranges
from aimwell.predict.spend_ranges import SpendRanges, learn_ranges
from aimwell.predict.tables import FeatureTable
from aimwell.predict.trees import TreesScorer
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["NEEDED", "SpendModel", "fit_spend", "tweedie_losses"]

NEEDED = {"people": 500, "people who bought": 100}

_POWER = 1.5
_ROUNDS_MAX = 400
_PATIENCE = 25
_FOLDS = 4
_ONE_THREAD_PEOPLE = 100_000


@dataclass(frozen=True, slots=True)
class SpendModel:
    """Expected revenue within a horizon, from features.

    Args:
        names: Features that it needs.
        horizon: How far ahead it looks.
        trained_as_of: The moment of the people it learnt from.
        scorer: The trees.
        level: What their sum is multiplied by, because shrunken trees foretell too little: revenue that came, by what was
            foretold of held-out people.
        ageing: How features that grow with the history are stated at later moments; None: as they are.
        spread: How far held-out people lay from what was expected of them; None of models registered before it was kept.
    """

    names: tuple[str, ...]
    horizon: timedelta
    trained_as_of: datetime
    scorer: TreesScorer
    level: float = 1.0
    ageing: Ageing | None = None
    spread: SpendRanges | None = None

    def predict(self, table: FeatureTable) -> FloatArray:
        """Expected revenue (above 0) of each row within the horizon after the table's moment.

        Raises:
            PredictError: The table lacks a feature or is made for another horizon.
        """
        if table.horizon != self.horizon:
            raise PredictError(
                f"The model looks {self.horizon.days} days ahead, the table {table.horizon.days} days. "
                "Train a model for that horizon."
            )
        return self.level * self.scorer.score(self.rows(table))

    def ranges(self, expected: FloatArray) -> Ranges | None:
        """Of each expectation the interval of what may really come; None where it is not known."""
        return None if self.spread is None else self.spread.of(expected)

    def total(self, expected: FloatArray) -> Estimate:
        """The sum of expectations with the interval of what may really come of these people together."""
        if self.spread is None:
            return SpendRanges((), (), ()).total(expected)
        return self.spread.total(expected)

    def rows(self, table: FeatureTable) -> FloatArray:
        """What the trees read: the features they need, in units of the moment of learning."""
        values = table.matrix(self.names)
        if self.ageing is None:
            return values
        later_days = (table.as_of - self.trained_as_of) / timedelta(days=1)
        return self.ageing.stated(values, self.names, later_days=later_days)


def fit_spend(
    table: FeatureTable, revenue: FloatArray, *, ageing: Ageing | None = None, seed: int = 0
) -> SpendModel:
    """Fit the trees; the number of rounds is the one with the least deviance on held-out people.

    Args:
        table: People with features; the outcome is whether they bought.
        revenue: What each spent within the horizon, below 0 counting as 0 (returns of what was bought before).
        ageing: How features that grow with the history are stated at later moments.
        seed: Of divisions and trees.

    Raises:
        TooLittleDataError: Too few people, or too few who bought.
    """
    present = {"people": len(table), "people who bought": int((revenue > 0).sum())}
    if any(present[name] < NEEDED[name] for name in NEEDED):
        raise TooLittleDataError(
            "a value learnt from features",
            needed=NEEDED,
            present=present,
            advice="Take a longer horizon, or wait for more orders.",
        )
    # Imported here and not above: it brings all of scikit-learn, which takes two seconds.
    import lightgbm

    paid = np.maximum(revenue, 0.0)
    data = lightgbm.Dataset(table.values, label=paid, params={"verbosity": -1}, free_raw_data=False)
    settings = _settings(len(table), seed)
    divisions = list(folds(paid > 0, count=_FOLDS, seed=seed))
    seen = lightgbm.cv(
        settings,
        data,
        num_boost_round=_ROUNDS_MAX,
        folds=divisions,
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        return_cvbooster=True,
    )
    rounds = len(np.asarray(seen["valid tweedie-mean"]))
    boosters: Any = seen["cvbooster"]
    held_out = np.empty(len(table))
    for (_, held), booster in zip(divisions, boosters.boosters, strict=True):
        held_out[held] = booster.predict(table.values[held], num_iteration=rounds)
    level = float(paid.sum() / held_out.sum())
    booster = lightgbm.train(settings, data, num_boost_round=rounds)
    return SpendModel(
        names=table.names,
        horizon=table.horizon,
        trained_as_of=table.as_of,
        scorer=TreesScorer(booster.model_to_string()),
        level=level,
        ageing=ageing,
        spread=learn_ranges(level * held_out, paid),
    )


def tweedie_losses(predicted: FloatArray, revenue: FloatArray) -> FloatArray:
    """The Tweedie deviance of each person, a proper score of an expected amount; revenue below 0 counts as 0.

    A prediction of 0 where something came would be infinitely wrong, so predictions count as at least a hundredth of the
    mean revenue.
    """
    paid = np.maximum(revenue, 0.0)
    told = np.maximum(predicted, max(0.01 * float(paid.mean()), 1e-9))
    first, second = 1 - _POWER, 2 - _POWER
    return np.asarray(
        2 * (paid**second / (first * second) - paid * told**first / first + told**second / second)
    )


def _settings(people: int, seed: int) -> dict[str, Any]:
    return {
        "objective": "tweedie",
        "metric": "tweedie",
        "tweedie_variance_power": _POWER,
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": 30,
        "lambda_l2": 1.0,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "feature_fraction": 0.8,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1 if people <= _ONE_THREAD_PEOPLE else 0,
        "verbosity": -1,
    }
