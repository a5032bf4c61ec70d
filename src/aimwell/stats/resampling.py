"""Intervals from resampled people, and how stable a clustering is when people are left out.

Bootstrap sources: Efron (1987), Better bootstrap confidence intervals; Efron and Tibshirani (1993), chapter 14. The
bootstrap leans on large numbers: for the effect of a treatment use `lift`, whose test does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, Figure, checked_share
from aimwell.stats.samples import FloatArray

__all__ = [
    "BootstrapMethod",
    "adjusted_rand_index",
    "bootstrap_interval",
    "stability",
    "subsamples",
]

BootstrapMethod = Literal["percentile", "bca"]
_NAMES = {
    "percentile": "bootstrap percentile interval",
    "bca": "bias-corrected and accelerated bootstrap interval",
}


def bootstrap_interval(
    rows: ArrayLike,
    statistic: Callable[[FloatArray], float],
    *,
    seed: int,
    method: BootstrapMethod = "bca",
    confidence: float = DEFAULT_CONFIDENCE,
    resamples: int = 2_000,
) -> Estimate:
    """An interval for any statistic of people, by drawing as many people again with replacement.

    Args:
        rows: One row a person, or one number a person.
        statistic: Takes such rows, gives one number; must not change the rows.
        seed: Same rows and seed, same answer.
        method: "bca" corrects for bias and for a spread that changes with the truth; it calls `statistic` once more
            for each person. "percentile" reads the quantiles of the resampled figures.
        confidence: 0–1.
        resamples: How often to draw.

    Returns:
        Missing with a reason where there are under two people, the statistic is not finite for them or for a resample,
        or it never varies.
    """
    checked_share(confidence, name="confidence")
    if resamples < 2:
        raise StatsError(f"{resamples} resamples give no interval. Use 1,000 or more.")
    table = np.asarray(rows, dtype=np.float64)
    if table.ndim not in (1, 2) or not np.isfinite(table).all():
        raise StatsError("Rows must be numbers, one row a person, without NaN or infinity.")
    name = _NAMES[method]
    if len(table) < 2:
        return Estimate.missing("fewer than two people", method=name, confidence=confidence)
    figure = float(statistic(table))
    figures = _resampled(table, statistic, resamples, seed)
    reason = _unusable(figure, figures)
    if reason is not None:
        return Estimate.missing(reason, method=name, confidence=confidence)
    levels = np.array([(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    if method == "bca":
        levels = _bca_levels(levels, figure, figures, _left_out(table, statistic))
        if not np.isfinite(levels).all():
            return Estimate.missing(
                "every resampled figure lies on one side of the observed one, so its bias cannot be corrected",
                method=name,
                confidence=confidence,
            )
    lower, upper = np.quantile(figures, levels)
    return Estimate(
        estimate=figure, lower=float(lower), upper=float(upper), confidence=confidence, method=name
    )


def _resampled(
    table: FloatArray, statistic: Callable[[FloatArray], float], resamples: int, seed: int
) -> FloatArray:
    rng = np.random.default_rng(seed)
    n = len(table)
    return np.array([statistic(table[rng.integers(0, n, n)]) for _ in range(resamples)], np.float64)


def _left_out(table: FloatArray, statistic: Callable[[FloatArray], float]) -> FloatArray:
    """The statistic without each person in turn."""
    keep = np.ones(len(table), dtype=bool)
    figures = np.empty(len(table))
    for i in range(len(table)):
        keep[i] = False
        figures[i] = statistic(table[keep])
        keep[i] = True
    return figures


def _unusable(figure: float, figures: FloatArray) -> str | None:
    if not np.isfinite(figure):
        return "the statistic is not finite for these people"
    wrong = int(np.count_nonzero(~np.isfinite(figures)))
    if wrong:
        return f"the statistic is not finite for {wrong} of {len(figures)} resamples"
    if np.ptp(figures) == 0.0:
        return "the statistic never varies between resamples"
    return None


def _bca_levels(
    levels: FloatArray, figure: float, figures: FloatArray, left_out: FloatArray
) -> FloatArray:
    """The quantiles to read instead, for the bias z0 and the acceleration a."""
    below = np.mean(figures < figure) + np.mean(figures == figure) / 2.0
    if not 0.0 < below < 1.0:
        return np.full(2, np.nan)
    bias = ndtri(below)
    away = left_out.mean() - left_out
    spread = float((away**2).sum())
    acceleration = 0.0 if spread == 0.0 else float((away**3).sum()) / (6.0 * spread**1.5)
    z = bias + ndtri(levels)
    return np.asarray(ndtr(bias + z / (1.0 - acceleration * z)), dtype=np.float64)


def subsamples(n: int, *, share: float, count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """`count` random subsets of the positions 0…n−1, each of `share` of them (rounded), in ascending order."""
    checked_share(share, name="share")
    size = round(n * share)
    if size < 1:
        raise StatsError(f"A share of {share} of {n} people is nobody.")
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield np.sort(rng.choice(n, size, replace=False))


def adjusted_rand_index(left: ArrayLike, right: ArrayLike) -> float:
    """How far two groupings of the same people agree: 1 the same, about 0 by chance.

    Source: Hubert and Arabie (1985), Comparing partitions.
    """
    first, second = np.asarray(left), np.asarray(right)
    if first.ndim != 1 or first.shape != second.shape:
        raise StatsError("Two groupings need one label each for the same people.")
    _, rows = np.unique(first, return_inverse=True)
    names, columns = np.unique(second, return_inverse=True)
    cells = np.unique(rows.astype(np.int64) * max(len(names), 1) + columns, return_counts=True)[1]
    both = _pairs(cells)
    in_first, in_second = _pairs(np.bincount(rows)), _pairs(np.bincount(columns))
    whole = len(first) * (len(first) - 1) / 2.0
    if in_first == in_second and in_first in (0.0, whole):
        # All together or all apart in both: the same grouping, though chance could do no other.
        return 1.0
    by_chance = in_first * in_second / whole
    return float((both - by_chance) / ((in_first + in_second) / 2.0 - by_chance))


def _pairs(sizes: NDArray[np.int64]) -> float:
    return float((sizes.astype(np.float64) * (sizes - 1) / 2.0).sum())


def stability(
    group: Callable[[NDArray[np.int64]], ArrayLike],
    *,
    n: int,
    seed: int,
    share: float = 0.8,
    count: int = 10,
) -> Figure:
    """How alike a clustering comes out when a part of the people is left out, as a mean adjusted Rand index.

    Args:
        group: Takes positions of people, clusters these alone, gives one label each.
        n: People in all.
        seed: Of the subsamples.
        share: Of the people in each subsample.
        count: Subsamples; each is compared with the next on the people that both hold.
    """
    if count < 2:
        raise StatsError("Stability compares subsamples, so it needs two at the least.")
    agreements = []
    previous: tuple[NDArray[np.int64], np.ndarray] | None = None
    for positions in subsamples(n, share=share, count=count, seed=seed):
        labels = np.asarray(group(positions))
        if previous is not None:
            _, here, there = np.intersect1d(
                positions, previous[0], assume_unique=True, return_indices=True
            )
            if len(here) > 1:
                agreements.append(adjusted_rand_index(labels[here], previous[1][there]))
        previous = positions, labels
    if not agreements:
        return Figure(value=None, reason="no two subsamples share two people")
    return Figure(value=float(np.mean(agreements)))
