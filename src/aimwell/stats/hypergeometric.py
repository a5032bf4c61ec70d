"""How surprising it is that two things come together so often: the exact upper tail, for many tables at once.

Source: Fisher (1935), The logic of inductive inference; the tail is summed by the ratio of neighbouring terms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from aimwell.errors import StatsError
from aimwell.stats.samples import FloatArray

__all__ = ["fisher_greater"]

_NEGLIGIBLE = 1e-17  # of the sum so far


def fisher_greater(
    joint: ArrayLike, first: ArrayLike, second: ArrayLike, total: ArrayLike
) -> FloatArray:
    """One-sided exact p-values: of `total` things `first` have one mark and `second` the other, at least `joint` both.

    Args:
        joint, first, second, total: Whole counts, one entry a table; they broadcast.

    Returns:
        The probability of so many or more with both marks if the marks are independent, the margins given. Not mid-p.

    Raises:
        StatsError: Counts that cannot be (more with both marks than with one, or than there are).

    >>> fisher_greater([3], [4], [4], [8]).round(6).tolist()
    [0.242857]
    """
    k, a, b, n = (
        np.atleast_1d(one).astype(np.float64)
        for one in np.broadcast_arrays(joint, first, second, total)
    )
    if ((k < 0) | (k > a) | (k > b) | (a > n) | (b > n) | (a + b - k > n)).any():
        raise StatsError(
            "A table of counts cannot be: who has both marks is among those with each, and all are among the total."
        )
    mean = np.divide(a * b, n, out=np.zeros_like(n), where=n > 0)
    result = np.ones_like(k)
    above = k > mean
    result[above] = _outwards(k[above], a[above], b[above], n[above], step=1)
    below = ~above & (k > np.maximum(a + b - n, 0.0))
    result[below] = 1.0 - _outwards(k[below] - 1.0, a[below], b[below], n[below], step=-1)
    return np.clip(result, 0.0, 1.0)


def _outwards(
    k: FloatArray, a: FloatArray, b: FloatArray, n: FloatArray, *, step: int
) -> FloatArray:
    """The probability of k and of everything beyond it, upwards or downwards; terms shrink on the way out."""
    whole = np.ones_like(k)
    place, term, at = np.arange(len(k)), np.ones_like(k), k.copy()
    while len(place):
        a_, b_, n_ = a[place], b[place], n[place]
        if step > 0:
            ratio = (a_ - at) * (b_ - at) / ((at + 1.0) * (n_ - a_ - b_ + at + 1.0))
        else:
            ratio = at * (n_ - a_ - b_ + at) / ((a_ - at + 1.0) * (b_ - at + 1.0))
        term = term * ratio
        whole[place] += term
        going = term > _NEGLIGIBLE * whole[place]
        place, term, at = place[going], term[going], at[going] + step
    log_first = _log_choose(a, k) + _log_choose(n - a, b - k) - _log_choose(n, b)
    found: FloatArray = np.exp(log_first + np.log(whole))
    return found


def _log_choose(n: FloatArray, k: FloatArray) -> FloatArray:
    found: FloatArray = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return found
