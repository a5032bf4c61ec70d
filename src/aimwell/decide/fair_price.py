"""What a limit on fairness costs, judged by people of the experiment whom the policy did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.allocating import allocate
from aimwell.decide.budget.model import NOTHING, Allocation, Limit
from aimwell.decide.fairness import Fair, FairLimits, fairest
from aimwell.decide.learning import Lesson
from aimwell.decide.uplift.averages import mean_of
from aimwell.stats.estimate import Estimate

__all__ = ["price_of_fairness"]

_MOST = 20_000
_METHOD = (
    "paired doubly robust difference of the choices without and with the limit, normal interval"
)


def price_of_fairness(
    lesson: Lesson,
    fair: Fair,
    labels: Sequence[str | None],
    budget: Limit | None,
    *,
    people: int,
) -> Estimate:
    """How much less the plan's people are expected to earn under the limit.

    The experiment's people are chosen for twice, without the limit and with it, by effects that did not see what they did; the
    difference of their doubly robust scores is the price per person.

    Args:
        lesson: What was learnt.
        fair: The limit, of the plan's people.
        labels: The group of each of the experiment's people.
        budget: Of the plan; other limits are left aside.
        people: Whom the policy decides for.
    """
    values, judged = lesson.held_out
    rng = np.random.default_rng(lesson.seed)
    size = len(values)
    some = np.sort(rng.choice(size, min(size, _MOST), replace=False))
    values, judged = values[some], judged[some]
    of_them = Fair.of(
        fair.trait, [labels[row] for row in some.tolist()], fair.discounts, within=fair.within
    )
    limits = []
    if budget is not None and budget.use.ndim == 1 and budget.at_most is not None:
        limits.append(Limit(budget.name, budget.use, None, budget.at_most * len(some) / people))
    every = np.ones(len(some), dtype=np.bool_)
    nobody = np.full(len(some), NOTHING)
    held = FairLimits.of(of_them, every, nobody, np.arange(len(some)))

    def solve(more: Sequence[Limit]) -> Allocation:
        return allocate(values, [*limits, *more])

    found, _bands, _unfair = fairest(solve, lambda one: one.choice, held)
    lost = _earned(judged, solve([]).choice) - _earned(judged, found.choice)
    data = lesson.data
    each = mean_of(
        lost,
        weight=None if data.weight is None else data.weight[some],
        cluster=None if data.cluster is None else data.cluster[some],
        method=_METHOD,
    )
    return each if each.estimate is None else _times(each, float(people))


def _earned(judged: NDArray[np.float64], choice: NDArray[np.int32]) -> NDArray[np.float64]:
    found = judged[np.arange(len(choice)), np.maximum(choice, 0)]
    return np.where((choice == NOTHING) | np.isnan(found), 0.0, found)


def _times(one: Estimate, count: float) -> Estimate:
    ends = {name: getattr(one, name) * count for name in ("estimate", "lower", "upper")}
    return replace(one, **ends)
