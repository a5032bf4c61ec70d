"""Few people: the best choice itself, by branch and bound (HiGHS, through scipy).

It is cut off after so many nodes and not after so many seconds, so the same plan is the same on a busy machine. What is cut off is still a
choice within the limits, and its bound says how far from the best it may be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.decide.budget.model import NOTHING
from aimwell.decide.budget.problem import Choice, Problem
from aimwell.decide.budget.unprinted import unprinted

__all__ = ["FEW", "Exact", "best_choice"]

FEW = 3_000
"""So many pairs of person and action at most are decided exactly."""
_NODES = 200
"""On the hardest of problems so few pairs take some seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """What was found: no choice within the limits is worth more than `bound`; `proven`: nor is any than this one."""

    choice: Choice
    bound: float
    proven: bool


def best_choice(problem: Problem, *, nodes: int = _NODES) -> Exact | None:
    """The best choice; None where no choice keeps the limits, or none was found within so many nodes."""
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, milp

    person, action = np.nonzero(np.isfinite(problem.values))
    if not person.size:
        empty = np.full(problem.people, NOTHING, dtype=np.int32)
        return Exact(empty, 0.0, True) if (problem.used(empty) <= problem.bounds).all() else None
    number = np.arange(person.size)
    one_each = sparse.csr_array(
        (np.ones(person.size), (person, number)), shape=(problem.people, person.size)
    )
    limits = [LinearConstraint(one_each, -np.inf, 1.0)]
    if problem.rows:
        uses = problem.uses_of(person, action.astype(np.int32)).T
        limits.append(LinearConstraint(uses, -np.inf, problem.bounds))
    with unprinted():
        solved = milp(
            -problem.values[person, action],
            constraints=limits,
            integrality=np.ones(person.size),
            bounds=Bounds(0, 1),
            options={"node_limit": nodes, "mip_rel_gap": 0.0},
        )
    if solved.x is None:
        return None
    choice = np.full(problem.people, NOTHING, dtype=np.int32)
    taken = solved.x > 0.5
    choice[person[taken]] = action[taken]
    bound = solved.mip_dual_bound
    worth = problem.value_of(choice) if bound is None else -float(bound)
    return Exact(choice, worth, proven=bool(solved.success))
