"""Whether one forecast is better than another on the same rows, where rows hang together in groups."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["difference", "verdict_of"]

_CLUSTERED = "normal interval of a mean difference, groups independent"


def difference(
    gain: FloatArray, groups: npt.NDArray[np.int64], *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """The mean of `gain` over rows with an interval that takes the rows of a group (a person, a series) as one."""
    sums = np.bincount(groups, weights=gain - gain.mean())
    size = len(np.unique(groups))
    if size < 2:
        return Estimate.missing("fewer than two groups", method=_CLUSTERED, confidence=confidence)
    error = float(np.sqrt(np.sum(sums**2) * size / (size - 1))) / len(gain)
    mean = float(gain.mean())
    reach = float(ndtri((1 + confidence) / 2)) * error
    return Estimate(
        estimate=mean,
        lower=mean - reach,
        upper=mean + reach,
        confidence=confidence,
        method=_CLUSTERED,
    )


def verdict_of(over: Estimate) -> str:
    """'better', 'worse' or 'cannot tell', by whether the interval of a gain lies on one side of 0."""
    if over.lower is None or over.upper is None:
        return "cannot tell"
    if over.lower > 0:
        return "better"
    return "worse" if over.upper < 0 else "cannot tell"
