"""Net incremental revenue: what a promotion earned in an experiment, among those whom a policy would have sent it to.

NIR = price · purchases of the treated − cost · treated − price · purchases of the controls,

over the people whom the policy chooses, in an experiment that treats half of them: the sum over these people, not per person.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from aimwell.decide.uplift.data import IntArray
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["net_incremental_revenue"]

_METHOD = "net incremental revenue, normal interval of the sum"


def net_incremental_revenue(
    purchases: FloatArray,
    treated: IntArray,
    sent: NDArray[np.bool_],
    *,
    price: float,
    cost: float,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """NIR of a policy, with the interval of a sum over independent people.

    Args:
        purchases: Of each person.
        treated: 1 where the person got it, else 0; half of the people.
        sent: Whom the policy chooses; decided without their own purchases.
        price, cost: Of a purchase and of a sending.
        confidence: 0–1.
    """
    each = np.where(treated == 1, price * purchases - cost, -price * purchases)[sent]
    if len(each) < 2:
        return Estimate.missing(
            "the policy chooses fewer than two people", method=_METHOD, confidence=confidence
        )
    total = float(each.sum())
    # People who were not chosen add nothing; who is chosen is given, so only what the chosen do varies.
    arms = [each[treated[sent] == code] for code in (0, 1)]
    variance = sum(len(arm) * float(arm.var(ddof=1)) for arm in arms if len(arm) > 1)
    reach = float(ndtri(0.5 + confidence / 2)) * math.sqrt(variance)
    return Estimate(
        estimate=total,
        lower=total - reach,
        upper=total + reach,
        confidence=confidence,
        method=_METHOD,
    )
