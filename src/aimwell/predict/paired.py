"""Which of several predictions of the same people is the simplest that is worse than the best by no more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["Compared", "compare_losses", "paired_difference"]

_PAIRED = "normal interval of paired differences"


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
    differences: FloatArray, *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """The mean of one difference per person, with its interval."""
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / np.sqrt(len(differences)))
    reach = float(ndtri((1 + confidence) / 2)) * error
    return Estimate(
        estimate=mean,
        lower=mean - reach,
        upper=mean + reach,
        confidence=confidence,
        method=_PAIRED,
    )
