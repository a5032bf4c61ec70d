"""Which of several predictions of the same people is the simplest that is worse than the best by no more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["Compared", "compare_losses", "paired_difference", "verdict_of"]

_PAIRED = "normal interval of paired differences"
_GROUPED = "normal interval of a mean difference, groups independent"


@dataclass(frozen=True, slots=True)
class Compared:
    """Losses compared person by person.

    Args:
        best: Place of the smallest mean loss.
        chosen: Place of the first whose mean loss is above the best one's by no more than chance.
        extra: Mean loss above that of the best; 0 for the best itself.
    """

    best: int
    chosen: int
    extra: tuple[Estimate, ...]


def compare_losses(losses: Sequence[FloatArray], *, confidence: float) -> Compared:
    """Compare columns of losses, one number per person each, the simplest prediction first."""
    best = int(np.argmin([loss.mean() for loss in losses]))
    extra = tuple(paired_difference(loss - losses[best], confidence=confidence) for loss in losses)
    chosen = next(place for place, more in enumerate(extra) if (more.lower or 0.0) <= 0)
    return Compared(best, chosen, extra)


def paired_difference(
    differences: FloatArray,
    *,
    groups: npt.NDArray[np.int64] | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The mean of one difference a row, with its interval.

    Args:
        differences: Of rows, each a person's.
        groups: Whose row it is, where rows hang together (a person, a series): their sums are what varies.
        confidence: Of the interval.
    """
    rows = len(differences)
    mean = float(differences.mean()) if rows else 0.0
    apart = differences - mean
    sums = apart if groups is None else np.bincount(groups, weights=apart)
    size = rows if groups is None else len(np.unique(groups))
    method = _PAIRED if groups is None else _GROUPED
    if size < 2:
        what = "people" if groups is None else "groups"
        return Estimate.missing(f"fewer than two {what}", method=method, confidence=confidence)
    error = float(np.sqrt(np.sum(sums**2) * size / (size - 1))) / rows
    reach = float(ndtri((1 + confidence) / 2)) * error
    return Estimate(
        estimate=mean,
        lower=mean - reach,
        upper=mean + reach,
        confidence=confidence,
        method=method,
    )


def verdict_of(over: Estimate) -> str:
    """'better', 'worse' or 'cannot tell', by whether the interval of a gain lies on one side of 0."""
    if over.lower is None or over.upper is None:
        return "cannot tell"
    if over.lower > 0:
        return "better"
    return "worse" if over.upper < 0 else "cannot tell"
