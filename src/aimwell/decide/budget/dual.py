"""Prices of the limits: the lowest bound, found by cutting planes within a moving box.

The bound is a convex, piecewise linear function of the prices, and each answer gives one of its pieces. The pieces known
so far make a model from below (Kelley 1960, *SIAM Journal* 8, 703-712); its least point within a box is asked next, and the
box moves and grows with what was gained (the boxstep method: Marsten, Hogan and Blankenship 1975, *Operations Research*
23, 389-405). Of many people a sample tells first about where to look.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.decide.budget.problem import Answer, Floats, Problem

__all__ = ["lowest_bound"]

_SAMPLE = 20_000
_MOST_ANSWERS = 150
_CLOSE = 1e-7
_SAMPLE_CLOSE = 1e-5
_SEED = 20_260_101


@dataclass(eq=False)
class _Box:
    centre: Floats
    radius: Floats


def lowest_bound(problem: Problem) -> Answer:
    """The answer at the prices of the lowest bound that was found.

    Any prices give a valid bound; that these are not quite the best makes the bound a little loose, never wrong.
    """
    free = problem.answer(np.zeros(len(problem.rows)))
    if (free.used <= problem.bounds).all():
        return free
    scale = _scale(problem)
    if problem.people > 2 * _SAMPLE:
        rng = np.random.default_rng(_SEED)
        some = np.sort(rng.choice(problem.people, _SAMPLE, replace=False))
        sample = problem.sample(some)
        first = sample.answer(np.zeros(len(problem.rows)))
        near = _descend(sample, first, _Box(first.prices, scale), close=_SAMPLE_CLOSE)
        start = problem.answer(near.prices)
        box = _Box(near.prices, 0.02 * scale + 0.1 * near.prices)
        return _descend(problem, start, box, close=_CLOSE, known=[free])
    return _descend(problem, free, _Box(free.prices, scale), close=_CLOSE)


def _scale(problem: Problem) -> Floats:
    """About how large the price of each row can be: a high value for each unit of it."""
    positive = problem.values[problem.values > 0]
    high = float(np.quantile(positive, 0.99)) if positive.size else 1.0
    found = np.empty(len(problem.rows))
    for number, row in enumerate(problem.rows):
        use = np.abs(row.uses)
        some = use[use > 0]
        found[number] = high / float(some.mean()) if some.size else 1.0
    return found


def _descend(
    problem: Problem, start: Answer, box: _Box, *, close: float, known: list[Answer] | None = None
) -> Answer:
    best, answers = start, [*(known or []), start]
    while len(answers) < _MOST_ANSWERS:
        prices, lowest, at_edge = _model(problem, answers, box)
        hoped = best.bound - lowest
        if hoped <= close * max(1.0, abs(best.bound)):
            if not at_edge:
                break
            box.radius = box.radius * 4
            continue
        found = problem.answer(prices)
        answers.append(found)
        if found.bound < best.bound - 0.05 * hoped:
            box.centre = prices
            if at_edge:
                box.radius = box.radius * 2
        else:
            box.radius = box.radius * 0.6
        if found.bound < best.bound:
            best = found
    return best


def _model(problem: Problem, answers: list[Answer], box: _Box) -> tuple[Floats, float, bool]:
    """The least point of the model within the box, its height, and whether the box's edge holds it."""
    rows = len(problem.rows)
    slope = np.array([problem.bounds - answer.used for answer in answers])
    height = np.array(
        [answer.bound - s @ answer.prices for answer, s in zip(answers, slope, strict=True)]
    )
    # Scaled, so that the solver's tolerances mean the same for pounds and for people.
    unit = np.where(box.radius > 0, box.radius, 1.0)
    size = max(1.0, float(np.abs(height).max()))
    low = np.maximum(0.0, box.centre - box.radius)
    high = box.centre + box.radius
    from scipy.optimize import linprog

    solved = linprog(
        np.r_[np.zeros(rows), 1.0],
        A_ub=np.column_stack([slope * unit / size, -np.ones(len(answers))]),
        b_ub=-height / size,
        bounds=[*zip(low / unit, high / unit, strict=True), (None, None)],
        method="highs",
    )
    if solved.x is None:
        return box.centre, answers[-1].bound, False
    prices = np.clip(solved.x[:-1] * unit, low, high)
    edge = (prices >= high - 1e-9 * unit) | ((prices <= low + 1e-9 * unit) & (low > 0))
    return prices, float(solved.x[-1]) * size, bool(edge.any())
