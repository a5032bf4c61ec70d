"""Intervals of positive numbers, symmetric in the logarithm, so that no bound falls below zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from aimwell.stats.estimate import Estimate, checked_share
from aimwell.stats.samples import FloatArray

__all__ = ["Ranges", "delta_ranges", "log_estimates", "log_ranges"]

_WALD = "Wald's interval on the logarithm"


class Ranges(NamedTuple):
    """A lower and an upper bound for every row."""

    lower: FloatArray
    upper: FloatArray


def log_estimates(
    names: Sequence[str], values: FloatArray, covariance: FloatArray, *, confidence: float
) -> dict[str, Estimate]:
    """Parameters by name with intervals, from the covariance of their logarithms."""
    ranges = log_ranges(values, np.sqrt(np.diag(covariance)), confidence=confidence)
    rows = zip(names, values, ranges.lower, ranges.upper, strict=True)
    return {
        name: Estimate(
            estimate=float(value),
            lower=float(lower),
            upper=float(upper),
            confidence=confidence,
            method=_WALD,
        )
        for name, value, lower, upper in rows
    }


def delta_ranges(
    values: FloatArray, slopes: FloatArray, covariance: FloatArray, *, confidence: float
) -> Ranges:
    """Intervals of functions of the parameters by the delta method.

    Args:
        values: The function, one row per person; above 0, or 0 where nothing can happen.
        slopes: Its derivatives in the parameters on the scale of `covariance`; one column per parameter.
        covariance: Of the parameters.
        confidence: Share of repetitions (0-1) in which an interval should hold the truth.
    """
    variance = np.einsum("ij,jk,ik->i", slopes, covariance, slopes)
    error = np.sqrt(np.maximum(variance, 0))
    relative = np.divide(error, values, out=np.zeros_like(values), where=values > 0)
    return log_ranges(values, relative, confidence=confidence)


def log_ranges(values: FloatArray, log_errors: FloatArray, *, confidence: float) -> Ranges:
    """value · e^(± z · standard error of its logarithm)."""
    checked_share(confidence, name="confidence")
    # Beyond e^±500 a bound says "anything"; it must not overflow.
    spread = np.minimum(ndtri((1 + confidence) / 2) * log_errors, 500.0)
    return Ranges(lower=values * np.exp(-spread), upper=values * np.exp(spread))
