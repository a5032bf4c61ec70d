"""Whether values are spread as they were: the population stability index and Kolmogorov's distance, each beside what chance
alone makes of it.

**PSI** = Σ (qᵢ − pᵢ) ln(qᵢ / pᵢ) over bins of the earlier values (tenths, and a bin of the missing ones), with p the earlier and
q the later shares. Usual words for it: below 0.1 little, from 0.25 on a large shift (Siddiqi 2006). With n earlier and m later
people who are alike, PSI ÷ (1/n + 1/m) is about χ² with one degree less than there are bins (Yurdakul 2018), so of few people a
PSI of 0.1 is what chance brings.

**KS** is the largest difference between the two distributions of known values; its p-value is the asymptotic one for
n·m ÷ (n + m) (Smirnov 1948). The earlier distribution is kept as quantiles, so the distance is told with one step of these taken off: half a hundredth that it may be larger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import chi2
from scipy.stats import kstwobign as kolmogorov

from aimwell.errors import StatsError
from aimwell.stats.samples import FloatArray

__all__ = ["LARGE", "NOTICEABLE", "Drift", "Shift", "Spread", "drift", "spread", "word_of"]

Shift = Literal["none", "noticeable", "large", "cannot tell"]

NOTICEABLE, LARGE = 0.1, 0.25

_BINS = 10
_STEPS = 200
_PEOPLE_MIN = 50
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Spread:
    """How values were spread among people, in little room.

    Args:
        people: How many, those without a value among them.
        missing: How many had none.
        edges: Inner edges of the bins, rising; a value on an edge belongs below it. Where all values are equal, just below and at
            that value; none where nobody had one.
        counts: People in each bin: one more than edges.
        quantiles: Values at evenly spaced shares from 0 to 1; empty where nobody had a value.
    """

    people: int
    missing: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    quantiles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """Later values against earlier ones.

    Args:
        people: Later people.
        psi: Population stability index.
        psi_by_chance: What it stays under in 99 of 100 cases where nothing has changed.
        psi_p: Probability of such a PSI where nothing has changed.
        ks: Largest difference of the distributions, 0-1; None where either has no values.
        ks_p: Its p-value.
        missing_before, missing_now: Shares without a value.
    """

    people: int
    psi: float
    psi_by_chance: float
    psi_p: float
    ks: float | None
    ks_p: float | None
    missing_before: float
    missing_now: float


def spread(values: FloatArray) -> Spread:
    """Keep how values are spread; NaN is missing.

    Raises:
        StatsError: There are none, or one is infinite.
    """
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        raise StatsError("There is nobody whose values could be kept.")
    if np.isinf(values).any():
        raise StatsError("A value is infinite, so how values are spread cannot be told.")
    known = np.sort(values[~np.isnan(values)])
    edges = _edges(known)
    return Spread(
        people=len(values),
        missing=len(values) - len(known),
        edges=tuple(edges.tolist()),
        counts=tuple(_counts(known, edges).tolist()),
        quantiles=tuple(
            np.quantile(known, np.linspace(0, 1, _STEPS + 1), method="inverted_cdf").tolist()
        )
        if len(known)
        else (),
    )


def drift(earlier: Spread, values: FloatArray) -> Drift:
    """How far later values are spread otherwise than earlier ones; NaN is missing.

    Raises:
        StatsError: There are no later people.
    """
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        raise StatsError("There is nobody to compare with those of before.")
    known = np.sort(values[~np.isnan(values)])
    before = np.array([*earlier.counts, earlier.missing], dtype=np.float64)
    now = np.array(
        [*_counts(known, np.array(earlier.edges)), len(values) - len(known)], dtype=np.float64
    )
    seen = (before > 0) | (now > 0)
    before, now = before[seen], now[seen]
    psi = _psi(before, now)
    noise = 1 / earlier.people + 1 / len(values)
    freedom = max(len(before) - 1, 1)
    ks = _ks(earlier, known)
    return Drift(
        people=len(values),
        psi=psi,
        psi_by_chance=float(chi2.isf(0.01, freedom) * noise),
        psi_p=float(chi2.sf(psi / noise, freedom)) if len(before) > 1 else 1.0,
        ks=None if ks is None else ks[0],
        ks_p=None if ks is None else ks[1],
        missing_before=earlier.missing / earlier.people,
        missing_now=1 - len(known) / len(values),
    )


def word_of(found: Drift, earlier: Spread, q_value: float) -> Shift:
    """Whether the shift is large enough to matter and more than chance, which `q_value` says for all that was looked at."""
    if min(found.people, earlier.people) < _PEOPLE_MIN:
        return "cannot tell"
    if q_value > 0.01 or found.psi < NOTICEABLE:
        return "none"
    return "large" if found.psi >= LARGE else "noticeable"


def _edges(known: FloatArray) -> FloatArray:
    """Inner edges of about ten bins of equally many; equal values stay together."""
    if not len(known):
        return np.empty(0)
    if known[0] == known[-1]:
        # What never varied has moved as soon as it does: below it and above it are bins of their own.
        return np.array([np.nextafter(known[0], -np.inf), known[0]])
    cuts = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1], method="lower"))
    return np.asarray(cuts[cuts < known[-1]], dtype=np.float64)


def _counts(known: FloatArray, edges: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """People in each bin; a value on an edge belongs below it."""
    return np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)


def _psi(before: FloatArray, now: FloatArray) -> float:
    # Half a person more in each bin: an empty one must not make it infinite.
    p = (before + _HALF) / (before.sum() + _HALF * len(before))
    q = (now + _HALF) / (now.sum() + _HALF * len(now))
    return float(((q - p) * np.log(q / p)).sum())


def _ks(earlier: Spread, known: FloatArray) -> tuple[float, float] | None:
    if not earlier.quantiles or not len(known):
        return None
    grid = np.array(earlier.quantiles)
    shares = np.linspace(0, 1, len(grid))
    # Where values are tied the earlier distribution jumps: from the first to the last of the equal quantiles.
    points, first = np.unique(grid, return_index=True)
    last = len(grid) - 1 - np.unique(grid[::-1], return_index=True)[1]
    upto, below = shares[last], shares[first]
    now_upto = np.searchsorted(known, points, side="right") / len(known)
    now_below = np.searchsorted(known, points, side="left") / len(known)
    # Between two shares that the kept quantiles cannot tell apart, no difference is claimed.
    step = 1 / (len(grid) - 1)
    gap = np.maximum(np.abs(now_upto - upto), np.abs(now_below - below)) - step
    distance = float(max(gap.max(), 0.0))
    n, m = earlier.people - earlier.missing, len(known)
    return distance, float(kolmogorov.sf(distance * np.sqrt(n * m / (n + m))))
