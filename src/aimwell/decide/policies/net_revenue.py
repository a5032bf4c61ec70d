"""Net incremental revenue: what a promotion earned in an experiment, among those whom a policy would have sent it to.

NIR = price · purchases of the treated − cost · treated − price · purchases of the controls,

over the people whom the policy chooses, in an experiment that treats half of them: the sum over these people, not per person. In
other words, the profit of the treated less that of the controls.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from aimwell.decide.policies.judging import Judgement
from aimwell.decide.uplift.data import IntArray
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["net_incremental_revenue", "net_profit", "net_profits"]

_METHOD = "net incremental revenue, normal interval of the sum"
_FROM_HALF = 0.02


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
    profit = price * purchases - cost * (treated == 1)
    return net_profit(profit, treated, sent, confidence=confidence)


def net_profit(
    profit: FloatArray,
    treated: IntArray,
    sent: NDArray[np.bool_],
    *,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The same of what each person earned, after the costs of the treated."""
    each = np.where(treated == 1, profit, -profit)[sent]
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


def net_profits(judgement: Judgement) -> dict[str, Estimate]:
    """Candidate → NIR of those to whom it would have sent; missing where the experiment is not of its kind."""
    return {one.name: _of(judgement, one.actions) for one in judgement.candidates}


def _of(judgement: Judgement, actions: IntArray) -> Estimate:
    reason = _refusal(judgement)
    if reason is not None:
        return Estimate.missing(reason, method=_METHOD, confidence=DEFAULT_CONFIDENCE)
    return net_profit(judgement.log.reward, judgement.log.arm, actions == 1)


def _refusal(judgement: Judgement) -> str | None:
    log = judgement.log
    if len(judgement.arms) != 2:
        return "it is defined for one promotion against nothing"
    if (np.abs(log.propensity - 0.5) > _FROM_HALF).any():
        return "it is defined where each person got the promotion with probability one half"
    if log.weight is not None or log.cluster is not None:
        return "it is a sum over independent people of equal weight"
    return None
