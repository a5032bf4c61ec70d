"""Two kinds of people among counts: those who do something at the usual rate, and those who do it more.

Of a person's n acts k are of the kind looked at. At the usual rate that is Binomial(n, p); of a share `share` of the people
the odds are `odds` times the usual. Both are fitted by maximum likelihood (EM). With r = odds^k / (1 − p + odds p)^n the
probability that a person is of the second kind is share r / (share r + 1 − share), a closed form that engines can compute.

Whether there are two kinds at all is told by comparing the likelihood with that of samples drawn at the usual rate alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.stats.samples import FloatArray

__all__ = ["Mixture", "fit_mixture"]

_ROUNDS, _STARTS = 200, (2.0, 5.0, 20.0)


@dataclass(frozen=True)
class Mixture:
    """`share` of the people have `odds` times the usual odds of p. `p_value`: how often one kind alone looks so."""

    p: float
    share: float
    odds: float
    gain: float
    p_value: float

    def probability(self, n: FloatArray, k: FloatArray) -> FloatArray:
        """The probability that a person with k of n is of the second kind."""
        logs = k * np.log(self.odds) - n * np.log1p((self.odds - 1) * self.p)
        logs += np.log(self.share) - np.log1p(-self.share)
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logs, -700, 700))), dtype=np.float64)


def fit_mixture(
    n: NDArray[np.int64],
    k: NDArray[np.int64],
    people: NDArray[np.int64],
    *,
    p: float,
    seed: int = 0,
    samples: int = 99,
) -> Mixture | None:
    """Fit the two kinds.

    Args:
        n: Acts of a person; one entry a pair (n, k).
        k: How many of them are of the kind looked at.
        people: How many people have this pair.
        p: The usual rate, between 0 and 1.
        seed: Of the samples drawn under one kind alone.
        samples: How many.

    Returns:
        None where there is nothing to fit: nobody, or a rate of 0 or 1.
    """
    if not len(n) or not 0 < p < 1 or not people.sum():
        return None
    share, odds, gain = _fit(n, k, people, p)
    rng = np.random.default_rng(seed)
    sizes, where = np.unique(n, return_inverse=True)
    counts = np.bincount(where, weights=people).astype(np.int64)
    beyond = 0
    for _ in range(samples):
        # How many of the people with n acts have 0, 1, … n of the kind, at the usual rate alone.
        drawn = [
            _drawn(rng, int(size), int(count), p) for size, count in zip(sizes, counts, strict=True)
        ]
        n0, k0, w0 = (np.concatenate([one[part] for one in drawn]) for part in range(3))
        beyond += _fit(n0, k0, w0, p)[2] >= gain
    return Mixture(p, share, odds, gain, (1 + beyond) / (1 + samples))


def _drawn(
    rng: np.random.Generator, size: int, people: int, p: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    if people <= 20_000:
        k, w = np.unique(rng.binomial(size, p, people), return_counts=True)
    else:
        from scipy.stats import binom

        chances = binom.pmf(np.arange(size + 1), size, p)
        w = rng.multinomial(people, chances / chances.sum())
        k = np.arange(size + 1)
    return np.full(len(k), size, dtype=np.int64), k.astype(np.int64), w.astype(np.int64)


def _fit(
    n: NDArray[np.int64], k: NDArray[np.int64], people: NDArray[np.int64], p: float
) -> tuple[float, float, float]:
    """The share and the odds, and how much the logarithm of the likelihood gains over one kind."""
    best = (1e-6, 1.0, 0.0)
    total = people.sum()
    for start in _STARTS:
        share, odds, before = 0.1, start, -np.inf
        for _ in range(_ROUNDS):
            logs = k * np.log(odds) - n * np.log1p((odds - 1) * p)
            ratio = share * np.exp(np.clip(logs, -700, 700))
            gain = float((people * np.log(ratio + 1 - share)).sum())
            if gain - before < 1e-6 * max(1.0, abs(gain)):
                break
            before = gain
            second = ratio / (ratio + 1 - share)
            weight = people * second
            share = float(np.clip(weight.sum() / total, 1e-6, 0.999))
            rate = float((weight * k).sum() / max((weight * n).sum(), 1e-12))
            rate = min(max(rate, p), 1 - 1e-6)
            odds = max(rate * (1 - p) / (p * (1 - rate)), 1.0 + 1e-9)
        if gain > best[2]:
            best = (share, odds, gain)
    return best
