"""Means of person-by-person scores with their intervals: what an arm, a policy or a difference of the two is worth per person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import student
from aimwell.stats.samples import FloatArray

__all__ = ["AIPW", "mean_error", "mean_of", "median_of"]

AIPW = "doubly robust (AIPW), normal interval by the influence function"


def mean_error(
    scores: FloatArray,
    *,
    weight: FloatArray | None = None,
    cluster: NDArray[Any] | None = None,
) -> tuple[float, float, float]:
    """The weighted mean of scores, its standard error, and the degrees of freedom.

    Rows of a cluster count as one (Liang and Zeger 1986, with the factor G / (G − 1)).
    """
    if weight is None:
        total, mean = float(len(scores)), float(scores.mean())
        away: FloatArray = scores - mean
    else:
        total = float(weight.sum())
        mean = float(weight @ scores) / total
        away = weight * (scores - mean)
    if cluster is not None:
        _, place = np.unique(cluster, return_inverse=True)
        away = np.bincount(place, weights=away).astype(np.float64)
    groups = len(away)
    error = float(np.sqrt(float(away @ away) * groups / max(groups - 1, 1))) / total
    return mean, error, float(groups - 1)


def mean_of(
    scores: FloatArray,
    *,
    weight: FloatArray | None = None,
    cluster: NDArray[Any] | None = None,
    method: str = AIPW,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The mean of one score a person, with its interval; missing where nothing tells how sure it is."""
    if len(scores) < 2:
        return Estimate.missing("fewer than two people", method=method, confidence=confidence)
    mean, error, degrees = mean_error(scores, weight=weight, cluster=cluster)
    if error <= 1e-12 * max(abs(mean), 1.0):
        if mean == 0.0 and not np.any(scores):
            reason = "there is no difference at all"
        else:
            reason = "nothing varies, so nothing says how sure the figure is"
        return Estimate.missing(reason, method=method, confidence=confidence)
    return student(mean, error, degrees, method=method, confidence=confidence)


def median_of(
    figures: Sequence[tuple[float, float, float]], *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """One figure from several cross-fittings of the same people, which differ only by how people were dealt to parts.

    The estimate is the median; its variance is the median of each one's variance plus its squared distance from that median, so that what
    hangs on the deal is in the interval too.

    Args:
        figures: The mean, its standard error and the degrees of freedom of each, as `mean_error` gives them.
        confidence: 0-1.

    Source: Chernozhukov et al. (2018), Double/debiased machine learning, definition 3.3 (the median method).
    """
    method = f"doubly robust (AIPW), median of {len(figures)} cross-fittings"
    means, errors, degrees = (np.array(column) for column in zip(*figures, strict=True))
    middle = float(np.median(means))
    error = float(np.sqrt(np.median(errors**2 + (means - middle) ** 2)))
    if error <= 1e-12 * max(abs(middle), 1.0):
        reason = "nothing varies, so nothing says how sure the figure is"
        return Estimate.missing(reason, method=method, confidence=confidence)
    return student(middle, error, float(degrees.min()), method=method, confidence=confidence)
