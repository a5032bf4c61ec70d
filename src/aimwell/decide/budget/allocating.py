"""Who gets which action within every limit: the most value, and how far from the best it can be at most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.dual import lowest_bound
from aimwell.decide.budget.exact import FEW, best_choice
from aimwell.decide.budget.model import NOTHING, Allocation, Limit, LimitUse
from aimwell.decide.budget.problem import Choice, Problem
from aimwell.decide.budget.rounding import within_limits
from aimwell.errors import DecideError

__all__ = ["allocate"]


def allocate(values: NDArray[np.float64], limits: Sequence[Limit] = ()) -> Allocation:
    """One action or nothing for each person, so that the sum of values is as large as the limits allow.

    Args:
        values: What each action is worth for each person (people × actions), beside nothing, which is worth 0: as a
            rule its expected incremental profit. NaN or −inf where somebody must not get it. Actions worth less than
            nothing are taken only where a floor wants it.
        limits: What ties people together: budget, capacities, stock, floors and ceilings of segments. At most 64.

    Raises:
        DecideError: Values or limits do not fit together; floors that cannot be met, with how much can.
    """
    if len(limits) > 64:
        raise DecideError(f"There are {len(limits)} limits; at most 64 can be kept together.")
    problem = Problem(values, limits)
    _refuse_unreachable(problem)
    answer = lowest_bound(problem)
    prices = {
        (row.limit, row.sign): price for row, price in zip(problem.rows, answer.prices, strict=True)
    }
    exact = best_choice(problem) if problem.people * problem.actions <= FEW else None
    if exact is not None and exact.proven:
        # Binary variables are solved within a tolerance, so the sum is held against the dual's bound as well.
        bound = min(exact.bound, answer.bound)
        return _made(problem, exact.choice, bound, prices, "branch and bound (HiGHS)")
    choice, fine = within_limits(problem, answer)
    if exact is not None and not (
        fine and problem.value_of(choice) > problem.value_of(exact.choice)
    ):
        bound = min(exact.bound, answer.bound)
        return _made(problem, exact.choice, bound, prices, "branch and bound (HiGHS), cut off")
    if not fine:
        raise DecideError(_unmet(problem, choice))
    return _made(
        problem, choice, answer.bound, prices, "Lagrangian dual with cutting planes, rounded"
    )


def _made(
    problem: Problem,
    choice: Choice,
    bound: float,
    prices: dict[tuple[int, float], float],
    method: str,
) -> Allocation:
    value = problem.value_of(choice)
    return Allocation(
        choice=choice,
        value=value,
        bound=max(bound, value),
        limits=tuple(
            LimitUse(
                limit.name,
                _used_of(limit, choice),
                limit.at_most,
                limit.at_least,
                float(prices.get((number, 1.0), 0.0) - prices.get((number, -1.0), 0.0)),
            )
            for number, limit in enumerate(problem.limits)
        ),
        method=method,
    )


def _used_of(limit: Limit, choice: Choice) -> float:
    concerned = choice != NOTHING
    if limit.people is not None:
        concerned = concerned & limit.people
    who = np.flatnonzero(concerned)
    if limit.use.ndim == 1:
        return float(limit.use[choice[who]].sum())
    return float(limit.use[who, choice[who]].sum())


def _refuse_unreachable(problem: Problem) -> None:
    """Name a floor that would not be met if everybody got what counts most towards it."""
    for limit in problem.limits:
        if limit.at_least is None:
            continue
        use = np.where(np.isfinite(problem.values), limit.use, 0.0).max(axis=1)
        reach = float(use.sum() if limit.people is None else use[limit.people].sum())
        if reach < limit.at_least * (1 - 1e-9):
            raise DecideError(
                f"The limit '{limit.name}' wants at least {limit.at_least:,g} of those who are chosen for (neither held out nor "
                f"exploring), but all of them whom it concerns and who may get something together reach {reach:,g}. Lower it, or "
                "allow more people or actions."
            )


def _unmet(problem: Problem, choice: Choice) -> str:
    over = problem.used(choice) - problem.bounds
    told = []
    for row, by in zip(problem.rows, over, strict=True):
        limit = problem.limits[row.limit]
        if by > 1e-9 * max(1.0, abs(row.bound)):
            wanted = "at most" if row.sign > 0 else "at least"
            told.append(
                f"'{limit.name}' would be at {_used_of(limit, choice):,g} and must be {wanted} {abs(row.bound):,g}"
            )
    return (
        f"The limits cannot all be kept together, or no choice that keeps them was found: {'; '.join(told)}. "
        "Lower a floor or raise a ceiling."
    )
