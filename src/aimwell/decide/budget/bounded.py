"""One budget over several curves within bounds: what some of them may get together at most, or must get at least."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aimwell.decide.budget.curve import Curve
from aimwell.errors import DecideError

__all__ = ["Bound", "Within", "share_within"]


@dataclass(frozen=True)
class Bound:
    """What the curves of a segment may get together, in money."""

    segment: str
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Within:
    """How a budget is shared out within bounds.

    Attributes:
        given: Curve → its money.
        marginal: What one more pound of the budget would add.
        prices: Segment → what one more pound of its ceiling would add; below 0 what one less of its floor would.
    """

    given: Mapping[str, float]
    marginal: float
    prices: Mapping[str, float]


def share_within(
    curves: Mapping[str, Curve],
    segments: Mapping[str, Sequence[str]],
    budget: float,
    bounds: Sequence[Bound],
) -> Within:
    """The best split of the budget that keeps all bounds.

    Curves rise and bend down, so their pieces are worth the less the later they come, and the best split is a linear programme
    over pieces: of each curve the dearest are filled first by themselves.

    Args:
        curves: Name → curve.
        segments: Name of a curve → the segments of its people.
        budget: What all may spend together.
        bounds: One a segment at most.

    Raises:
        DecideError: A floor cannot be met: not by the budget, or not by what its curves can spend.
    """
    # The command line must not wait for it at its start.
    from scipy.optimize import linprog

    _refuse_unmet(curves, segments, budget, bounds)
    names = sorted(curves)
    widths = [np.diff(curves[name].costs) for name in names]
    worth = [
        np.divide(np.diff(curves[name].values), width, out=np.zeros(len(width)), where=width > 0)
        for name, width in zip(names, widths, strict=True)
    ]
    owner = np.concatenate([np.full(len(w), i) for i, w in enumerate(widths)])
    width, rate = np.concatenate(widths), np.concatenate(worth)
    rows, most, told = [np.ones(len(width))], [budget], [("", 1.0)]
    for bound in bounds:
        inside = np.array([bound.segment in segments[name] for name in names])[owner].astype(float)
        if bound.at_most is not None:
            rows.append(inside)
            most.append(bound.at_most)
            told.append((bound.segment, 1.0))
        if bound.at_least is not None:
            rows.append(-inside)
            most.append(-bound.at_least)
            told.append((bound.segment, -1.0))
    if not len(width):
        return Within(dict.fromkeys(names, 0.0), 0.0, {bound.segment: 0.0 for bound in bounds})
    found = linprog(
        -rate,
        A_ub=np.array(rows),
        b_ub=np.array(most),
        bounds=np.column_stack([np.zeros(len(width)), width]),
        method="highs",
    )
    if found.status != 0:
        floors = " and ".join(f"'{b.segment}'" for b in bounds if b.at_least is not None)
        raise DecideError(
            f"The floors of {floors} cannot be met together within {budget:,.2f} and the ceilings. Lower a floor, or raise "
            "the budget or a ceiling."
        )
    given = np.bincount(owner, found.x, len(names))
    prices: dict[str, float] = {bound.segment: 0.0 for bound in bounds}
    for (segment, sign), price in zip(told[1:], found.ineqlin.marginals[1:].tolist(), strict=True):
        prices[segment] += sign * abs(price)
    return Within(
        dict(zip(names, given.tolist(), strict=True)), -float(found.ineqlin.marginals[0]), prices
    )


def _refuse_unmet(
    curves: Mapping[str, Curve],
    segments: Mapping[str, Sequence[str]],
    budget: float,
    bounds: Sequence[Bound],
) -> None:
    for bound in bounds:
        if bound.at_least is None:
            continue
        spendable = math.fsum(
            curve.most for name, curve in curves.items() if bound.segment in segments[name]
        )
        for most, why in (
            (budget, "the budget"),
            (spendable, "what is worth spending on it in these campaigns"),
        ):
            if bound.at_least > most:
                raise DecideError(
                    f"'{bound.segment}' cannot get {bound.at_least:,.2f}: {why} is {most:,.2f}. Lower the floor."
                )
