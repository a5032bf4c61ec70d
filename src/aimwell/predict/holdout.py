"""Check predicted amounts (purchases, money) against what really came: by bucket, in total, in order.

The mean absolute error alone misleads. Most customers buy nothing, so predicting zero for everybody scores well on
it; `mae_of_zero` stands beside it for that reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.errors import PredictError
from aimwell.predict.purchases import IntArray
from aimwell.predict.ranges import Ranges
from aimwell.stats.estimate import Figure
from aimwell.stats.samples import FloatArray

__all__ = [
    "HoldoutBucket",
    "HoldoutCheck",
    "check_holdout",
    "frequency_buckets",
    "quantile_buckets",
]


@dataclass(frozen=True, slots=True)
class HoldoutBucket:
    """The people of one bucket: how many, and mean predicted and actual amounts."""

    label: str
    people: int
    mean_predicted: float
    mean_actual: float


@dataclass(frozen=True, slots=True)
class HoldoutCheck:
    """How well predicted amounts met the actual ones of a later time.

    Args:
        buckets: Calibration by bucket, in their order.
        people: Everybody compared.
        total_predicted, total_actual: Sums over them.
        correlation: Pearson's; missing where one side is the same for everybody.
        mae, rmse: Mean absolute error and root of the mean squared error.
        mae_of_zero: The mean absolute error of predicting 0 for everybody.
        inside: Share (0-1) of people whose actual amount lies in its interval; None where none was given.
    """

    buckets: tuple[HoldoutBucket, ...]
    people: int
    total_predicted: float
    total_actual: float
    correlation: Figure
    mae: float
    mae_of_zero: float
    rmse: float
    inside: float | None


def check_holdout(
    predicted: FloatArray,
    actual: FloatArray,
    *,
    buckets: tuple[IntArray, tuple[str, ...]],
    ranges: Ranges | None = None,
) -> HoldoutCheck:
    """Compare predicted with actual amounts.

    Args:
        predicted: One amount per person, from what was known before the holdout period.
        actual: What came in the holdout period, in the same order.
        buckets: Per person the number of a bucket, and the buckets' labels (`frequency_buckets`,
            `quantile_buckets`).
        ranges: Intervals of the predicted amounts, to see how many held.

    Raises:
        PredictError: Lengths differ, nobody is there, or an amount is missing.
    """
    code, labels = buckets
    if not (len(predicted) == len(actual) == len(code)) or len(predicted) == 0:
        raise PredictError(
            f"predicted, actual and buckets must have the same length of at least 1; found {len(predicted)}, "
            f"{len(actual)} and {len(code)}."
        )
    if not (np.isfinite(predicted).all() and np.isfinite(actual).all()):
        raise PredictError(
            "A predicted or actual amount is missing. Leave those people out of the check and count them."
        )
    people = np.bincount(code, minlength=len(labels))
    sums = [np.bincount(code, weights=side, minlength=len(labels)) for side in (predicted, actual)]
    errors = predicted - actual
    return HoldoutCheck(
        buckets=tuple(
            HoldoutBucket(label, int(n), float(first / n), float(second / n))
            for label, n, first, second in zip(labels, people, *sums, strict=True)
            if n
        ),
        people=len(predicted),
        total_predicted=float(predicted.sum()),
        total_actual=float(actual.sum()),
        correlation=_correlation(predicted, actual),
        mae=float(np.abs(errors).mean()),
        mae_of_zero=float(np.abs(actual).mean()),
        rmse=float(np.sqrt((errors**2).mean())),
        inside=None if ranges is None else _inside(ranges, actual),
    )


def frequency_buckets(frequency: FloatArray, *, last: int = 7) -> tuple[IntArray, tuple[str, ...]]:
    """Buckets 0, 1, 2 … repeat purchases, the last one being "`last`+"."""
    code = np.minimum(frequency, last).astype(np.int64)
    return code, (*(str(number) for number in range(last)), f"{last}+")


def quantile_buckets(predicted: FloatArray, *, parts: int = 10) -> tuple[IntArray, tuple[str, ...]]:
    """Buckets of about equally many people by rising prediction; equal predictions stay together."""
    edges = np.unique(np.quantile(predicted, np.arange(1, parts) / parts))
    code = np.searchsorted(edges, predicted, side="left")
    labels = tuple(f"up to {edge:.4g}" for edge in edges)
    return code.astype(np.int64), (*labels, f"above {edges[-1]:.4g}")


def _correlation(predicted: FloatArray, actual: FloatArray) -> Figure:
    for side, name in ((predicted, "predicted"), (actual, "actual")):
        if np.ptp(side) == 0:
            return Figure(value=None, reason=f"the {name} amount is the same for everybody")
    return Figure(value=float(np.corrcoef(predicted, actual)[0, 1]))


def _inside(ranges: Ranges, actual: FloatArray) -> float:
    held: npt.NDArray[np.bool_] = (actual >= ranges.lower) & (actual <= ranges.upper)
    return float(held.mean())
