"""A budget over a million people and five actions, against the linear program of HiGHS on a sample in the same run.

`benchmarks/budget.py [--people N] [--seed N] [--quick]`

Three shapes: one budget with a cost an action; one with a cost for each person and action; and five limits at once
(budget, a channel's capacity, an offer's stock, a segment's floor and ceiling). The yardstick solves the linear relaxation of
the same problem for a sample exactly: on these people our bound must be the same value, and the time of both is told. For all people
the goal is five seconds (of the clock or of the processor, whichever is less: others may use the machine) and a gap of a
ten-thousandth to the bound. `--quick`: 100,000 people.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from aimwell.decide.budget.allocating import allocate
from aimwell.decide.budget.model import Allocation, Limit

ACTIONS = 5
COSTS = np.array([0.1, 0.2, 0.5, 1.0, 2.0])
SAMPLE = 5_000
MOST_SECONDS = 5.0
MOST_GAP = 1e-4


def main() -> int:
    """Print a line for each shape; 1 where a gap, a value or the time of the first is missed."""
    parser = argparse.ArgumentParser(description="Budget against HiGHS")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people = 100_000 if asked.quick else asked.people
    rng = np.random.default_rng(asked.seed)
    values = rng.gamma(1.0, 2.0, (people, ACTIONS)) * rng.uniform(0.2, 1.0, ACTIONS) - 0.5
    fine = True
    for name, limits in shapes(people, rng).items():
        found, seconds, processor = timed(values, limits)
        some = np.sort(rng.choice(people, SAMPLE, replace=False))
        ours, our_seconds, _processor = timed(values[some], smaller(limits, some, people))
        theirs, their_seconds = relaxed(values[some], smaller(limits, some, people))
        same = abs(ours.bound - theirs) <= 1e-6 * abs(theirs)
        quick = asked.quick or min(seconds, processor) <= MOST_SECONDS
        good = found.gap <= MOST_GAP and same and quick
        fine = fine and good
        print(
            f"{name:<28} {people:,} × {ACTIONS}: {seconds:5.2f} s, {processor:.2f} s of processor time, gap {found.gap:.1e}; of {SAMPLE:,}: "
            f"{our_seconds:.2f} s against {their_seconds:.2f} s of HiGHS, bounds {'the same' if same else 'DIFFER'}"
            f"{'' if good else '  MISSED'}"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    return 0 if fine else 1


def shapes(people: int, rng: np.random.Generator) -> dict[str, list[Limit]]:
    """The problems, by what limits them."""
    share = people / 1_000_000
    budget = Limit("budget", COSTS, at_most=200_000 * share)
    each = COSTS * rng.uniform(0.5, 2.0, (people, 1))
    return {
        "one budget": [budget],
        "one budget, costs by person": [Limit("budget", each, at_most=200_000 * share)],
        "five limits": [
            Limit("budget", COSTS, at_most=90_000 * share),
            Limit("texts", np.array([0.0, 0, 1, 0, 1]), at_most=50_000 * share),
            Limit("stock", np.array([0.0, 1, 0, 1, 0]), at_most=30_000 * share),
            Limit("loyal", np.ones(ACTIONS), rng.random(people) < 0.2, at_most=60_000 * share),
            Limit("north", np.ones(ACTIONS), rng.random(people) < 0.1, at_least=60_000 * share),
        ],
    }


def smaller(limits: list[Limit], some: np.ndarray, people: int) -> list[Limit]:
    """The limits for a sample."""
    share = some.size / people

    def part(bound: float | None) -> float | None:
        return None if bound is None else bound * share

    return [
        Limit(
            limit.name,
            limit.use if limit.use.ndim == 1 else limit.use[some],
            None if limit.people is None else limit.people[some],
            part(limit.at_most),
            part(limit.at_least),
        )
        for limit in limits
    ]


def timed(values: np.ndarray, limits: list[Limit]) -> tuple[Allocation, float, float]:
    """The allocation, how long it took, and how much processor time."""
    start, used = time.perf_counter(), time.process_time()
    found = allocate(values, limits)
    return found, time.perf_counter() - start, time.process_time() - used


def relaxed(values: np.ndarray, limits: list[Limit]) -> tuple[float, float]:
    """The value of the linear relaxation by HiGHS, and how long it took."""
    people, actions = values.shape
    start = time.perf_counter()
    one_each = sparse.kron(sparse.eye_array(people), np.ones((1, actions)))
    rows, bounds = [one_each], [np.ones(people)]
    for limit in limits:
        use = np.broadcast_to(limit.use, values.shape)
        if limit.people is not None:
            use = use * limit.people[:, None]
        for sign, bound in ((1, limit.at_most), (-1, limit.at_least)):
            if bound is not None:
                rows.append(sparse.csr_array(sign * use.reshape(1, -1)))
                bounds.append(np.array([sign * bound]))
    solved = linprog(
        -values.ravel(),
        A_ub=sparse.vstack(rows, format="csr"),
        b_ub=np.concatenate(bounds),
        bounds=(0, 1),
        method="highs",
    )
    return -float(solved.fun), time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
