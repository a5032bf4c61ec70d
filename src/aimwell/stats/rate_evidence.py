"""How strongly counts speak against "the probability is at most p", however often one looks.

The bet is a mixture of higher probabilities against p: with k yes of n,

    e = ∫ θ^k (1 − θ)^(n−k) dF(θ) / (p^k (1 − p)^(n−k)),

F a Beta law cut to θ > p, with its mean at about twice the odds. Under every probability up to p it is a supermartingale that begins at 1, so
it ever reaches 1 / α with a probability of α at most (Ville 1939): looking daily is safe, and 1 / e is a p-value that holds at all looks
together. It may be asked at any looks, also with fewer yes than there will be: that only lowers it.

Source: Robbins (1970), Statistical methods related to the law of the iterated logarithm, section 4; Johari, Koomen, Pekelis and Walsh (2022),
Always valid inference (mixture sequential probability ratio test).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import betaincc, betaln

from aimwell.stats.estimate import checked_share
from aimwell.stats.samples import FloatArray

__all__ = ["always_valid_p", "log_evidence"]


def log_evidence(yes: Any, n: Any, *, limit: float) -> FloatArray:
    """The logarithm of e for each pair of counts; −∞ where nothing of the bet is left.

    Args:
        yes: How many did it; a number or an array.
        n: Of how many.
        limit: The probability p, strictly between 0 and 1.
    """
    p = checked_share(limit, name="limit")
    k = np.asarray(yes, dtype=np.float64)
    n = np.asarray(n, dtype=np.float64)
    # A bet on twice the odds or so, spread widely: an exponential law of that mean where p is small.
    mean = 2 * p / (1 + p)
    a, b = 1.0, (1 - mean) / mean
    with np.errstate(divide="ignore"):  # far below p nothing is left of the mixture: log 0
        cut = np.log(betaincc(a + k, b + n - k, p)) - math.log(float(betaincc(a, b, p)))
    bet = betaln(a + k, b + n - k) - betaln(a, b) + cut
    return np.asarray(bet - k * math.log(p) - (n - k) * math.log1p(-p), dtype=np.float64)


def always_valid_p(log_e: float) -> float:
    """The p-value that holds at all looks together."""
    return math.exp(min(-log_e, 0.0))
