"""A learner that departs from the best single offer only for those of whom it is clear that something else is better.

Small advantages of one arm over another are mostly noise, and everybody to whom a policy gives something else than the best constant
policy makes the comparison of the two less sure. So the people learnt from are put in the order of what the learner expects them to gain by
departing; how many do depart is chosen by how many standard errors above 0 their doubly robust gain then lies, and not by the gain alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from aimwell.decide.uplift.bases import Base, RidgeBase
from aimwell.decide.uplift.learners import EffectModel, UpliftLearner
from aimwell.decide.uplift.problem import Problem, aipw_scores
from aimwell.stats.samples import FloatArray

__all__ = ["Cautious"]

_SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Cautious:
    """A learner of uplift, believed where it is clear.

    Args:
        learner: Which.
        judge: Foretells the outcomes that the doubly robust gains lean on.
    """

    learner: UpliftLearner = field(default_factory=lambda: UpliftLearner("DR"))
    judge: Base = field(default_factory=RidgeBase)

    @property
    def name(self) -> str:
        """As "DR, ridge, where clear"."""
        return f"{self.learner.name}, where clear"

    def fit(self, problem: Problem, *, seed: int) -> _Clear:
        """Fit the learner, find the best constant arm, and from which advantage on it is departed from."""
        model = self.learner.fit(problem, seed=seed)
        scores = aipw_scores(
            problem.foretold(self.judge, seed=seed),
            problem.arm,
            problem.outcome,
            problem.propensity,
        )
        constant = int(np.average(scores, axis=0, weights=problem.weight).argmax())
        effects = _with_nothing(model.effects(problem.values))
        best = effects.argmax(axis=1)
        rows = np.arange(len(problem))
        advantage = effects[rows, best] - effects[:, constant]
        gained = scores[rows, best] - scores[:, constant]
        edge = _edge(advantage, gained, problem.weight)
        staying = effects[advantage < edge, constant]
        return _Clear(model, constant, edge, float(staying.mean()) if len(staying) else 0.0)


def _edge(advantage: FloatArray, gained: FloatArray, weight: FloatArray | None) -> float:
    """The advantage from which on the gain of all who depart is surest; above every advantage where none departs for a gain."""
    order = np.argsort(-advantage, kind="stable")
    departing = int(np.count_nonzero(advantage > 0))
    share = np.ones(len(order)) if weight is None else weight[order]
    sums = np.cumsum(share * gained[order])
    squares = np.cumsum((share * gained[order]) ** 2)
    best, edge = 0.0, np.inf
    for part in _SHARES:
        last = int(part * departing) - 1
        if last < 0 or squares[last] <= 0:
            continue
        clear = float(sums[last] / np.sqrt(squares[last]))
        if clear > best:
            best, edge = clear, float(advantage[order[last]])
    return edge


def _with_nothing(effects: FloatArray) -> FloatArray:
    """People × arms: what each adds over the control, the control's own 0 first."""
    return np.column_stack([np.zeros(len(effects)), effects])


@dataclass(frozen=True, slots=True)
class _Clear:
    """The learner's effects, held to the best constant arm's for whom no other is clearly better.

    Args:
        constant: The arm's place; 0 is nothing.
        edge: The least advantage that is clear.
        usual: What the constant arm adds on average for those who stay with it.
    """

    model: EffectModel
    constant: int
    edge: float
    usual: float

    def effects(self, values: FloatArray) -> FloatArray:
        found = _with_nothing(self.model.effects(values))
        stays = found.max(axis=1) - found[:, self.constant] < self.edge
        if self.constant:
            least = max(self.usual, np.finfo(np.float64).tiny)
            found[stays, self.constant] = np.maximum(found[stays, self.constant], least)
        below = np.nextafter(found[stays, self.constant], -np.inf)
        others = [arm for arm in range(1, found.shape[1]) if arm != self.constant]
        for arm in others:
            found[stays, arm] = np.minimum(found[stays, arm], below)
        return np.asarray(found[:, 1:], dtype=np.float64)
