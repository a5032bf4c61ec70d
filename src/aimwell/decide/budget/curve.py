"""Profit against budget: what each budget earns at best, what one more pound would add, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from aimwell.decide.budget.model import NOTHING
from aimwell.decide.budget.steps import Steps, spending_steps
from aimwell.errors import DecideError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate

__all__ = ["Curve", "CurvePoint", "Share", "profit_curve", "share_out"]

Floats = NDArray[np.float64]
_METHOD = "normal interval of the mean of held-out scores"
_UNJUDGED = (
    "no held-out people were given to judge the choice by; the value is what the model hopes for"
)


@dataclass(frozen=True)
class CurvePoint:
    """What one budget buys.

    Attributes:
        budget: What may be spent.
        spent: What is spent of it; less where nothing more is worth its cost, or one person's action does not fit.
        people: How many get an action.
        actions: How many get each action, in their order.
        value: Sum of the values of what is chosen, by the values that chose it.
        marginal: What one more pound would add: value a pound of the next move, 0 where none is worth it.
        judged: The same sum by the scores of held-out people, with its interval; missing without such scores.
    """

    budget: float
    spent: float
    people: int
    actions: tuple[int, ...]
    value: float
    marginal: float
    judged: Estimate

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "budget": self.budget,
            "spent": self.spent,
            "people": self.people,
            "actions": list(self.actions),
            "value": self.value,
            "marginal": self.marginal,
            "judged": {
                "estimate": self.judged.estimate,
                "lower": self.judged.lower,
                "upper": self.judged.upper,
                "confidence": self.judged.confidence,
                "method": self.judged.method,
                "reason": self.judged.reason,
            },
        }


@dataclass(frozen=True, eq=False)
class Curve:
    """The whole curve: it rises and bends down, since the best pound is spent first.

    `costs`, `values`: corners of the curve, from (0, 0) on; `points`: the budgets that were asked for.
    """

    costs: Floats
    values: Floats
    points: tuple[CurvePoint, ...]

    @property
    def most(self) -> float:
        """The budget from which on more money adds nothing."""
        return float(self.costs[-1])


def profit_curve(
    values: Floats,
    cost: Floats,
    budgets: Sequence[float] | None = None,
    *,
    judged: Floats | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
    corners: int = 1_000,
) -> Curve:
    """Value against budget.

    Args:
        values: What each action is worth for each person (people × actions); NaN where not allowed. Value is counted
            after costs if that is what is maximised: an action of negative value is never taken.
        cost: What counts against the budget: one number an action, or one a person and action.
        budgets: Which points to tell; default: ten even parts of what could be spent.
        judged: For each person and action a score whose mean over people is the true value of giving it (as the
            doubly robust scores of held-out people, who had no part in the values): the choice is then judged by it.
        confidence: Of the intervals of `judged`.
        corners: At most so many corners are kept of the curve.

    Raises:
        DecideError: Shapes do not fit; a budget or cost is negative.
    """
    steps = spending_steps(values, cost)
    if judged is not None and np.shape(judged) != np.shape(values):
        raise DecideError(
            f"The held-out scores have the shape {np.shape(judged)}, the values {np.shape(values)}; they must be of the "
            "same people and actions."
        )
    spent = np.concatenate([[0.0], np.cumsum(steps.cost)])
    worth = np.concatenate([[0.0], np.cumsum(steps.value)])
    if budgets is None:
        budgets = [float(b) for b in np.linspace(0, spent[-1], 11)[1:]]
    if any(not (np.isfinite(b) and b >= 0) for b in budgets):
        raise DecideError(f"A budget must be a number of 0 or more; found {list(budgets)}.")
    sums = None if judged is None else _judged_sums(steps, np.asarray(judged, dtype=np.float64))
    begun = np.concatenate([[0], np.cumsum(steps.before == NOTHING)])
    points = []
    for budget in budgets:
        moves = steps.within(budget)
        following = float(steps.rate[moves]) if moves < steps.cost.size else 0.0
        points.append(
            CurvePoint(
                budget=float(budget),
                spent=float(spent[moves]),
                people=int(begun[moves]),
                actions=_counted(steps, moves, np.shape(values)[1]),
                value=float(worth[moves]),
                marginal=following,
                judged=_estimate(steps.people, sums, moves, confidence),
            )
        )
    kept = np.unique(np.linspace(0, spent.size - 1, min(corners, spent.size)).round().astype(int))
    return Curve(spent[kept], worth[kept], tuple(points))


def _counted(steps: Steps, moves: int, actions: int) -> tuple[int, ...]:
    """People who have each action after so many moves."""
    gained = np.bincount(steps.after[:moves], minlength=actions)
    left = steps.before[:moves]
    lost = np.bincount(left[left != NOTHING], minlength=actions)
    return tuple((gained - lost).tolist())


def _judged_sums(steps: Steps, judged: Floats) -> tuple[Floats, Floats]:
    """Sum of the scores of what is chosen, and of their squares, after each number of moves."""
    before = np.where(
        steps.before == NOTHING, 0.0, judged[steps.person, np.maximum(steps.before, 0)]
    )
    after = judged[steps.person, steps.after]
    return (
        np.concatenate([[0.0], np.cumsum(after - before)]),
        np.concatenate([[0.0], np.cumsum(after**2 - before**2)]),
    )


def _estimate(
    people: int, sums: tuple[Floats, Floats] | None, moves: int, confidence: float
) -> Estimate:
    if sums is None:
        return Estimate.missing(_UNJUDGED, confidence=confidence, method=_METHOD)
    if people < 2:
        return Estimate.missing(
            "one person alone tells nothing of how sure the figure is",
            confidence=confidence,
            method=_METHOD,
        )
    total, squares = float(sums[0][moves]), float(sums[1][moves])
    variance = max(0.0, squares - total * total / people) / (people - 1)
    reach = float(ndtri(0.5 + confidence / 2)) * float(np.sqrt(people * variance))
    return Estimate(
        estimate=total,
        lower=total - reach,
        upper=total + reach,
        confidence=confidence,
        method=_METHOD,
    )


@dataclass(frozen=True)
class Share:
    """What one campaign gets of a common budget: `marginal` is what one more pound of its own would add."""

    budget: float
    value: float
    marginal: float

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"budget": self.budget, "value": self.value, "marginal": self.marginal}


def share_out(curves: Mapping[str, Curve], budget: float) -> dict[str, Share]:
    """One budget over several campaigns, as of a quarter: each gets money as long as its next pound adds most.

    The curves are taken as independent: that a person who is in two campaigns may be too much for the contact policy
    is seen when each campaign is planned, not here.

    Args:
        curves: Campaign → its curve.
        budget: What all may spend together.

    Returns:
        Campaign → its share.
    """
    if not (np.isfinite(budget) and budget >= 0):
        raise DecideError(f"The budget is {budget!r}; it must be a number of 0 or more.")
    names = sorted(curves)
    owner = [np.full(curves[n].costs.size - 1, i) for i, n in enumerate(names)]
    cost = [np.diff(curves[name].costs) for name in names]
    given: Floats = np.zeros(len(names))
    if names:
        places, costs = np.concatenate(owner), np.concatenate(cost)
        rates = _rates(np.concatenate([np.diff(curves[name].values) for name in names]), costs)
        order = np.argsort(-rates, kind="stable")
        before = np.concatenate([[0.0], np.cumsum(costs[order])[:-1]])
        taken = np.clip(budget - before, 0.0, costs[order])
        given = np.bincount(places[order], taken, len(names)).astype(np.float64)
    return {name: _share(curves[name], float(given[i])) for i, name in enumerate(names)}


def _share(curve: Curve, budget: float) -> Share:
    place = int(np.searchsorted(curve.costs, budget * (1 + 1e-12), side="right"))
    rates = _rates(np.diff(curve.values), np.diff(curve.costs))
    marginal = float(rates[place - 1]) if place <= rates.size else 0.0
    return Share(budget, float(np.interp(budget, curve.costs, curve.values)), marginal)


def _rates(value: Floats, cost: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.where(cost > 0, value / np.where(cost > 0, cost, 1.0), np.inf)
