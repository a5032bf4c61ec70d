"""Campaigns that run on: who gets what with which probability, so that what is done stays a log that can be learnt from.

Everything gives people × arms probabilities, which are what must be logged with each assignment; `drawn` then picks an arm by a
number of the person's own (as the hash bucket), so that the same person always gets the same.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import betainc, betaln, ndtr

from aimwell.decide.uplift.data import IntArray
from aimwell.errors import DecideError
from aimwell.stats.samples import FloatArray

__all__ = ["drawn", "epsilon_greedy", "thompson", "thompson_rates", "with_exploration"]

_NODES = 128
_SPAN = 9.0


def epsilon_greedy(best: IntArray, *, arms: int, epsilon: float) -> FloatArray:
    """People × arms: the best arm with probability 1 − ε, and ε shared by all arms, the best too.

    Source: Sutton and Barto (2018), Reinforcement learning, section 2.2.
    """
    found = np.zeros((len(best), arms))
    found[np.arange(len(best)), best] = 1.0
    return with_exploration(found, share=epsilon)


def with_exploration(
    probabilities: FloatArray, *, share: float, allowed: NDArray[np.bool_] | None = None
) -> FloatArray:
    """Probabilities of which `share` is dealt out evenly over the allowed arms, so that none of them is ever impossible.

    Raises:
        DecideError: The share is not one, or somebody is allowed nothing, or the policy gives what is not allowed.
    """
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise DecideError(f"The exploration share is {share!r}. It lies between 0 and 1, as 0.1.")
    may = np.ones(probabilities.shape, dtype=bool) if allowed is None else allowed
    if not may.any(axis=1).all():
        raise DecideError("Some people are allowed no arm at all, not even nothing.")
    if (probabilities[~may] > 0).any():
        raise DecideError("The policy gives people an arm that they are not allowed.")
    even = may / may.sum(axis=1, keepdims=True)
    return np.asarray((1 - share) * probabilities + share * even, dtype=np.float64)


def thompson(mean: FloatArray, error: FloatArray, *, least: float = 0.0) -> FloatArray:
    """People × arms: the probability that the arm is the best for the person, each arm's worth being normal and independent.

    Thompson sampling draws a worth for each arm and takes the highest; these are the probabilities with which it does so, by
    integration and not by drawing: with two arms Φ((m₁ − m₀) / √(s₁² + s₀²)), with more the integral over one arm's worth of the
    product of the others' chances to lie below it (128 points within 9 standard errors; exact to 1e-6 where no error is
    under a tenth of another).

    Args:
        mean, error: People × arms, of the posterior of each arm's worth; errors above 0.
        least: A share dealt out evenly, for arms whose probability would vanish.

    Source: Thompson (1933), On the likelihood that one unknown probability exceeds another.
    """
    if (error <= 0).any() or not np.isfinite(error).all():
        raise DecideError("Thompson sampling needs how sure each worth is: errors above 0.")
    arms = mean.shape[1]
    if arms == 2:
        gap = (mean[:, 1] - mean[:, 0]) / np.hypot(error[:, 0], error[:, 1])
        found = np.column_stack([ndtr(-gap), ndtr(gap)])
        return with_exploration(found, share=least)
    points, sizes = _nodes(_NODES)
    z, sizes = points * _SPAN, sizes * _SPAN * np.exp(-((points * _SPAN) ** 2) / 2)
    found = np.empty_like(mean)
    for arm in range(arms):
        worth = mean[:, [arm]] + error[:, [arm]] * z
        below = np.ones_like(worth)
        for other in range(arms):
            if other != arm:
                below *= ndtr((worth - mean[:, [other]]) / error[:, [other]])
        found[:, arm] = below @ sizes / math.sqrt(2 * math.pi)
    return with_exploration(found / found.sum(axis=1, keepdims=True), share=least)


def thompson_rates(successes: IntArray, trials: IntArray, *, least: float = 0.0) -> FloatArray:
    """The same for arms of which only counts are known: Beta(1 + successes, 1 + failures), by integration; one number an arm."""
    if (trials < 0).any() or (successes < 0).any() or (successes > trials).any():
        raise DecideError(
            "Of each arm there are 0 or more trials, and not more successes than these."
        )
    a, b = 1.0 + successes, 1.0 + trials - successes
    middle = a / (a + b)
    spread = np.sqrt(middle * (1 - middle) / (a + b + 1))
    points, sizes = _nodes(4 * _NODES)
    found = np.empty(len(a))
    for arm in range(len(a)):
        low, high = (
            max(middle[arm] - 12 * spread[arm], 0.0),
            min(middle[arm] + 12 * spread[arm], 1.0),
        )
        x = low + (high - low) * (points + 1) / 2
        log_density = (
            (a[arm] - 1) * np.log(x) + (b[arm] - 1) * np.log1p(-x) - betaln(a[arm], b[arm])
        )
        below = np.prod([betainc(a[o], b[o], x) for o in range(len(a)) if o != arm], axis=0)
        found[arm] = float((np.exp(log_density) * below) @ sizes) * (high - low) / 2
    shares = with_exploration(found[None, :] / found.sum(), share=least)
    return np.asarray(shares[0], dtype=np.float64)


@lru_cache(maxsize=2)
def _nodes(count: int) -> tuple[FloatArray, FloatArray]:
    """Points between −1 and 1 and their weights; found once, as that takes longer than to use them."""
    points, sizes = leggauss(count)
    return points, sizes


def drawn(probabilities: FloatArray, uniform: FloatArray) -> tuple[IntArray, FloatArray]:
    """The arm of each person and the probability to log with it.

    Args:
        probabilities: People × arms; rows add up to 1.
        uniform: One number a person, evenly spread over [0, 1): as the person's bucket over the number of buckets.
    """
    edges = np.cumsum(probabilities, axis=1)
    if np.abs(edges[:, -1] - 1.0).max(initial=0.0) > 1e-9:
        raise DecideError("The probabilities of a person must add up to 1.")
    arm = (uniform[:, None] >= edges[:, :-1]).sum(axis=1).astype(np.int64)
    return arm, probabilities[np.arange(len(arm)), arm]
