"""Quantile metrics: how far the median order, or the ninetieth percentile of spend, moved.

The variance of a sample quantile needs the density at the quantile, which is hard to estimate. It is not needed: the interval of
one quantile runs between two order statistics, and its length over twice the normal quantile is a standard error. Where rows
come in clusters (orders of a person), the share of rows below the quantile varies more than among single people, and the
order statistics lie as much farther apart.

Sources: Woodruff (1952), Confidence intervals for medians and other position measures; Price and Bonett (2002), Distribution-free
confidence intervals for difference and ratio of medians; Liu, Sun, Varshney and Xu (2019), Large-scale online
experimentation with quantile metrics (rows in clusters).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.samples import FloatArray, checked_values
from aimwell.stats.two_means import TwoMeans

__all__ = ["quantile_difference", "quantile_means"]

_METHOD = "difference of quantiles, standard errors from order statistics (Woodruff)"
_NORMAL = 1e9
"""Degrees of freedom that make Student's law the normal one."""


def quantile_difference(
    treated: ArrayLike,
    control: ArrayLike,
    *,
    quantile: float,
    treated_clusters: Sequence[Hashable] | NDArray[np.int64] | None = None,
    control_clusters: Sequence[Hashable] | NDArray[np.int64] | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The treated arm's quantile less the control arm's; missing with a reason where order statistics give no error."""
    means = quantile_means(
        treated,
        control,
        quantile=quantile,
        treated_clusters=treated_clusters,
        control_clusters=control_clusters,
        confidence=confidence,
    )
    if isinstance(means, str):
        return Estimate.missing(means, method=_METHOD, confidence=confidence)
    return means.difference(confidence=confidence)


def quantile_means(
    treated: ArrayLike,
    control: ArrayLike,
    *,
    quantile: float,
    treated_clusters: Sequence[Hashable] | NDArray[np.int64] | None = None,
    control_clusters: Sequence[Hashable] | NDArray[np.int64] | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> TwoMeans | str:
    """Both quantiles with their variances, for a difference or a relative lift; else the reason why not.

    Args:
        treated, control: One number a row.
        quantile: 0–1.
        treated_clusters, control_clusters: Who each row belongs to, where several rows may be one person's.
        confidence: Of the order statistics from which the errors are read.
    """
    checked_share(quantile, name="quantile")
    checked_share(confidence, name="confidence")
    found = []
    for name, values, clusters in (
        ("treated", treated, treated_clusters),
        ("control", control, control_clusters),
    ):
        rows = checked_values(values, name=f"{name} values")
        one = _quantile(rows, quantile, clusters, confidence)
        if isinstance(one, str):
            return f"in the {name} arm {one}"
        found.append(one)
    (high, high_variance), (low, low_variance) = found
    return TwoMeans(
        treated=high,
        control=low,
        treated_variance=high_variance,
        control_variance=low_variance,
        covariance=0.0,
        degrees=_NORMAL,
        method=_METHOD,
    )


def _quantile(
    values: FloatArray,
    quantile: float,
    clusters: Sequence[Hashable] | NDArray[np.int64] | None,
    confidence: float,
) -> tuple[float, float] | str:
    """The quantile and its variance, or what is missing."""
    n = len(values)
    if n < 2:
        return "there are under two rows"
    ranked = np.sort(values)
    point = float(ranked[max(math.ceil(quantile * n - 1e-9), 1) - 1])
    z = float(ndtri(0.5 + confidence / 2.0))
    variance = _share_variance(values <= point, quantile, clusters)
    if not math.isfinite(variance):
        return "all rows belong to one person"
    reach = z * math.sqrt(variance)
    low, high = math.floor(n * (quantile - reach)), math.ceil(n * (quantile + reach)) + 1
    if low < 1 or high > n:
        return f"{n} rows are too few for the quantile at {quantile:g}; no row lies far enough out"
    if not np.ptp(ranked[low - 1 : high]):
        return f"all rows around the quantile at {quantile:g} have the value {point:g}"
    return point, ((float(ranked[high - 1]) - float(ranked[low - 1])) / (2.0 * z)) ** 2


def _share_variance(
    below: NDArray[np.bool_],
    quantile: float,
    clusters: Sequence[Hashable] | NDArray[np.int64] | None,
) -> float:
    """Variance of the share of rows up to the quantile."""
    n = len(below)
    if clusters is None:
        return quantile * (1.0 - quantile) / n
    if len(clusters) != n:
        raise StatsError(f"There are {n} rows and {len(clusters)} owners. Give each row one.")
    _, owner = np.unique(np.asarray(clusters), return_inverse=True)
    gaps = np.bincount(owner, weights=below - below.mean())
    count = len(gaps)
    # One person alone says nothing of how people differ.
    return math.inf if count < 2 else float(gaps @ gaps) * count / (count - 1) / n**2
