"""The sum of independent estimates, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate

__all__ = ["together"]

_METHOD = "sum of independent estimates, square-and-add (MOVER)"


def together(estimates: Sequence[Estimate]) -> Estimate:
    """The sum of estimates that are independent of each other, with its interval.

    Each bound is as far from the sum as the root of the summed squares of the single distances, so that skewed
    intervals stay skewed. Missing ones are left out; the caller says so.

    Source: Zou and Donner (2008), Construction of confidence limits about effect measures, equation 3; for sums of more
    than two: Zou, Huang and Zhang (2009), A note on confidence interval estimation for a linear function of binomial
    proportions, equation 5.
    """
    known = [
        (one.estimate, one.lower, one.upper)
        for one in estimates
        if one.estimate is not None and one.lower is not None and one.upper is not None
    ]
    if not known:
        return Estimate.missing("no campaign has this figure", method=_METHOD)
    total = math.fsum(middle for middle, _low, _high in known)
    down = math.sqrt(math.fsum((middle - low) ** 2 for middle, low, _high in known))
    up = math.sqrt(math.fsum((high - middle) ** 2 for middle, _low, high in known))
    return Estimate(
        estimate=total,
        lower=total - down,
        upper=total + up,
        confidence=DEFAULT_CONFIDENCE,
        method=_METHOD,
    )
