"""Few people: the best choice itself, by branch and bound (HiGHS, through scipy)."""

from __future__ import annotations

import numpy as np

from aimwell.decide.budget.model import NOTHING
from aimwell.decide.budget.problem import Choice, Problem

__all__ = ["FEW", "best_choice"]

FEW = 3_000
"""So many pairs of person and action at most are decided exactly."""
_SECONDS = 5.0


def best_choice(problem: Problem) -> tuple[Choice, float] | None:
    """The best choice and its bound; None where no choice keeps the limits or time ran out without one."""
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, milp

    person, action = np.nonzero(np.isfinite(problem.values))
    if not person.size:
        empty = np.full(problem.people, NOTHING, dtype=np.int32)
        return (empty, 0.0) if (problem.used(empty) <= problem.bounds).all() else None
    number = np.arange(person.size)
    one_each = sparse.csr_array(
        (np.ones(person.size), (person, number)), shape=(problem.people, person.size)
    )
    limits = [LinearConstraint(one_each, -np.inf, 1.0)]
    if problem.rows:
        uses = problem.uses_of(person, action.astype(np.int32)).T
        limits.append(LinearConstraint(uses, -np.inf, problem.bounds))
    solved = milp(
        -problem.values[person, action],
        constraints=limits,
        integrality=np.ones(person.size),
        bounds=Bounds(0, 1),
        options={"time_limit": _SECONDS, "mip_rel_gap": 0.0},
    )
    if solved.x is None:
        return None
    choice = np.full(problem.people, NOTHING, dtype=np.int32)
    taken = solved.x > 0.5
    choice[person[taken]] = action[taken]
    bound = solved.mip_dual_bound
    return choice, problem.value_of(choice) if bound is None else -float(bound)
