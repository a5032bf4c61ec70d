"""Relative changes of several campaigns together, on the scale on which none can be below −100 %.

A relative change is a ratio less one. Ratios are pooled as their logarithms: a doubling and a halving are equally far from nothing, and
what comes back from the logarithm is above −100 % by itself. Intervals of changes as they stand know of no such end: with two
campaigns Student's law reaches thirteen errors to each side, and they promised a loss of twice all revenue.

Sources: Hedges, Gurevitch and Curtis (1999), The meta-analysis of response ratios in experimental ecology, for the logarithm; Fieller (1954) for the
interval of each ratio, whose ends keep their place under it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

from aimwell.stats.estimate import Estimate
from aimwell.stats.meta_analysis import Pooled

__all__ = ["MOST_FACTOR", "as_changes", "log_ratio"]

MOST_FACTOR = 4.0
"""A range whose ends differ by a larger factor, as a halving and a doubling do, says nothing that is worth a figure."""


def log_ratio(change: Estimate) -> tuple[float, float] | None:
    """The logarithm of a ratio and its standard error by the normal law; None where the change has no bounds above −100 %.

    A lower bound that comes near −100 % makes the error grow without end, so leaving out what lies beyond gives it the weight it would have.

    Args:
        change: Relative (0.1 is ten per cent more), with its interval.
    """
    if change.estimate is None or change.lower is None or change.upper is None:
        return None
    if change.lower <= -1.0 or change.lower == change.upper:
        return None
    reach = NormalDist().inv_cdf(0.5 + change.confidence / 2.0)
    width = math.log1p(change.upper) - math.log1p(change.lower)
    return math.log1p(change.estimate), width / (2.0 * reach)


def as_changes(pooled: Pooled) -> Pooled:
    """The mean and the next of pooled logarithms as relative changes; `error` and `between` stay those of logarithms.

    A range whose ends differ by more than the factor `MOST_FACTOR` is missing, as it is too wide to say anything.
    """
    return replace(pooled, mean=_change(pooled.mean), next=_change(pooled.next))


def _change(logarithm: Estimate) -> Estimate:
    method = f"{logarithm.method}, of the logarithm of ratios"
    if logarithm.estimate is None or logarithm.lower is None or logarithm.upper is None:
        return replace(logarithm, method=method)
    if logarithm.upper - logarithm.lower > math.log(MOST_FACTOR):
        return Estimate.missing(
            f"the ends of the range differ by more than the factor {MOST_FACTOR:g}, as a halving and a doubling do, and that is too wide to "
            "say anything",
            method=method,
            confidence=logarithm.confidence,
        )
    return replace(
        logarithm,
        estimate=math.expm1(logarithm.estimate),
        lower=math.expm1(logarithm.lower),
        upper=math.expm1(logarithm.upper),
        method=method,
    )
