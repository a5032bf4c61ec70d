"""Whether one forecast is better than another on the same rows, where rows hang together in groups."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["difference", "verdict_of"]

_CLUSTERED = "normal interval of a mean difference, groups independent"


def difference(gain: FloatArray, groups: npt.NDArray[np.int64]) -> Estimate:
    """The mean of `gain` over rows with an interval of 95 % that takes the rows of a group (a person, a series) as one."""
    sums = np.bincount(groups, weights=gain - gain.mean())
    size = len(np.unique(groups))
    if size < 2:
        return Estimate.missing("fewer than two groups", method=_CLUSTERED, confidence=0.95)
    error = float(np.sqrt(np.sum(sums**2) * size / (size - 1))) / len(gain)
    mean = float(gain.mean())
    return Estimate(
        estimate=mean,
        lower=mean - 1.96 * error,
        upper=mean + 1.96 * error,
        confidence=0.95,
        method=_CLUSTERED,
    )


def verdict_of(over: Estimate) -> str:
    """'better', 'worse' or 'cannot tell', by whether the interval of a gain lies on one side of 0."""
    if over.lower is None or over.upper is None:
        return "cannot tell"
    if over.lower > 0:
        return "better"
    return "worse" if over.upper < 0 else "cannot tell"
