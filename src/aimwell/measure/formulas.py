"""Formulas that figures of one campaign and of many share: a share of people or messages, and what each of what was added cost."""

from __future__ import annotations

from dataclasses import replace

from aimwell.stats.estimate import Estimate, Figure
from aimwell.stats.intervals import wilson

__all__ = ["cost_of_each", "share_of"]


def share_of(done: int, of: int, why_none: str) -> tuple[Figure, Estimate | None]:
    """Done ÷ of × 100 with Wilson's interval; missing where there are none of whom it could be a share."""
    if not of:
        return Figure(value=None, reason=why_none), None
    done = min(done, of)
    return Figure(value=100 * done / of), wilson(done, of).times(100.0)


def cost_of_each(cost: float, added: Estimate, *, what: str, method: str) -> Estimate:
    """Cost ÷ what was added, its bounds turned round. Where none may have been added the cost of one has no upper limit: missing.

    Args:
        cost: Of all.
        added: How many were added by it.
        what: In the words of the reason, as 'any order'.
        method: Of the quotient.
    """
    if added.estimate is None or added.lower is None or added.upper is None:
        return replace(added, method=method)
    if added.lower <= 0.0:
        return Estimate.missing(
            f"it is not clear that sending added {what}, so the cost of one has no bound",
            method=method,
        )
    return Estimate(
        estimate=cost / added.estimate,
        lower=cost / added.upper,
        upper=cost / added.lower,
        confidence=added.confidence,
        method=method,
    )
