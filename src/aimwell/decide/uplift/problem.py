"""An experiment as learners see it: prepared columns, arms as numbers, one outcome, and outcome models that were cross-fitted.

Cross-fitting: people are dealt out to parts, and each part's outcomes are foretold by models of the other parts, so that no
one's own outcome stands on both sides. Source: Chernozhukov et al. (2018), Double/debiased machine learning, definition 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.uplift.bases import Base, Fitted
from aimwell.decide.uplift.data import ExperimentData, IntArray
from aimwell.predict.preparation import Preparation, prepare
from aimwell.stats.samples import FloatArray

__all__ = ["Problem", "aipw_scores", "as_marks", "dealt", "prepared", "problem_of"]

_FOLDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One row a person.

    Args:
        values: Prepared columns, without gaps.
        arm: 0 for the control, then the other arms.
        propensity: People × arms.
        outcome: What is to be raised.
        weight, cluster: As in `ExperimentData`.
        learnt: What learners have learnt from it, so that none learns the same twice.
    """

    values: FloatArray
    arm: IntArray
    propensity: FloatArray
    outcome: FloatArray
    weight: FloatArray | None = None
    cluster: IntArray | None = None
    learnt: dict[Any, Any] = field(default_factory=dict, repr=False)
    _foretold: dict[tuple[Base, int], FloatArray] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.arm)

    @property
    def arms(self) -> int:
        """How many arms there are, the control among them."""
        return int(self.propensity.shape[1])

    def take(self, rows: NDArray[Any]) -> Problem:
        """Only these people."""
        return replace(
            self,
            values=self.values[rows],
            arm=self.arm[rows],
            propensity=self.propensity[rows],
            outcome=self.outcome[rows],
            weight=None if self.weight is None else self.weight[rows],
            cluster=None if self.cluster is None else self.cluster[rows],
            learnt={},
            _foretold={},
        )

    def of_arm(
        self, base: Base, arm: int, *, seed: int, rows: NDArray[Any] | None = None
    ) -> Fitted:
        """The outcome model of one arm, of all its people or of those among `rows`."""
        chosen = self.arm == arm
        if rows is not None:
            chosen = chosen & rows
        weight = None if self.weight is None else self.weight[chosen]
        return base.fit(self.values[chosen], self.outcome[chosen], weight=weight, seed=seed)

    def foretold(self, base: Base, *, seed: int) -> FloatArray:
        """People × arms: the outcome expected under each arm, by models that did not see the person; kept for the next learner."""
        key = (base, seed)
        if key not in self._foretold:
            parts = dealt(self.arm, count=_FOLDS, seed=seed, cluster=self.cluster)
            found = np.empty((len(self), self.arms))
            for part in range(_FOLDS):
                out = np.flatnonzero(parts == part)
                values = self.values[out]
                for arm in range(self.arms):
                    model = self.of_arm(base, arm, seed=seed + part, rows=parts != part)
                    found[out, arm] = model.predict(values)
            self._foretold[key] = found
        return self._foretold[key]


def prepared(data: ExperimentData) -> tuple[Preparation, FloatArray]:
    """How the features are prepared, and the prepared columns; learnt from features alone, never from outcomes."""
    how = prepare(data.features)
    return how, how.apply(data.features)


def problem_of(
    data: ExperimentData, outcome: FloatArray, *, values: FloatArray | None = None
) -> Problem:
    """The problem of raising one outcome."""
    columns = prepared(data)[1] if values is None else values
    return Problem(columns, data.arm, data.propensity, outcome, data.weight, data.cluster)


def dealt(arm: IntArray, *, count: int, seed: int, cluster: NDArray[Any] | None = None) -> IntArray:
    """A part 0 … count−1 for each person: within each arm by turns in random order; whole clusters together."""
    rng = np.random.default_rng(seed)
    part = np.empty(len(arm), dtype=np.int64)
    if cluster is not None:
        groups, place = np.unique(cluster, return_inverse=True)
        of_group = np.zeros(len(groups), dtype=np.int64)
        of_group[place] = arm
        return dealt(of_group, count=count, seed=seed)[place]
    for code in np.unique(arm):
        people = rng.permutation(np.flatnonzero(arm == code))
        part[people] = np.arange(len(people)) % count
    return part


def aipw_scores(
    foretold: FloatArray, arm: IntArray, outcome: FloatArray, propensity: FloatArray
) -> FloatArray:
    """People × arms: augmented inverse-propensity scores, whose mean is the mean outcome if all got the arm.

    Right on average where the propensities are right, whatever the outcome models say, and the other way round.

    Source: Robins, Rotnitzky and Zhao (1994), Estimation of regression coefficients when some regressors are not always
    observed, section 3; Kennedy (2023), Towards optimal doubly robust estimation of heterogeneous causal effects, equation 2.
    """
    rows = np.arange(len(arm))
    scores = foretold.copy()
    scores[rows, arm] += (outcome - foretold[rows, arm]) / propensity[rows, arm]
    return scores


def as_marks(arm: IntArray, arms: Sequence[int]) -> FloatArray:
    """People × `arms`: 1 where the person got that arm."""
    return np.asarray(arm[:, None] == np.asarray(arms)[None, :], dtype=np.float64)
