"""The sum of estimates, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["together"]

_METHOD = "sum of independent estimates, square-and-add (MOVER)"
_CORRELATED = "sum of estimates, square-and-add with correlations (MOVER)"


def together(estimates: Sequence[Estimate], *, correlations: FloatArray | None = None) -> Estimate:
    """The sum of estimates, with its interval.

    Each bound is as far from the sum as the root of the summed squares of the single distances, so that skewed
    intervals stay skewed; where estimates go together twice the products are added, each times the correlation. Missing ones
    are left out; the caller says so.

    Args:
        estimates: What is summed.
        correlations: Of their errors; None: they are independent of each other.

    Source: Zou and Donner (2008), Construction of confidence limits about effect measures, equation 3; for sums of more
    than two: Zou, Huang and Zhang (2009), A note on confidence interval estimation for a linear function of binomial
    proportions, equation 5; with correlations: Zou (2007), Toward using confidence intervals to compare correlations, equation 15.
    """
    known = [
        (place, one.estimate, one.lower, one.upper)
        for place, one in enumerate(estimates)
        if one.estimate is not None and one.lower is not None and one.upper is not None
    ]
    if not known:
        return Estimate.missing("no campaign has this figure", method=_METHOD)
    places = [place for place, *_one in known]
    table = np.eye(len(estimates)) if correlations is None else correlations
    part = table[np.ix_(places, places)]
    middle, low, high = np.array([one[1:] for one in known], dtype=np.float64).T
    total = math.fsum(middle)
    down, up = (
        math.sqrt(max(float(reach @ part @ reach), 0.0)) for reach in (middle - low, high - middle)
    )
    return Estimate(
        estimate=total,
        lower=total - down,
        upper=total + up,
        confidence=DEFAULT_CONFIDENCE,
        method=_METHOD if np.array_equal(part, np.eye(len(places))) else _CORRELATED,
    )
