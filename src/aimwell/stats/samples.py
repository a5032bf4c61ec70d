"""What inference needs of an arm: n, means and (co)variances, from values or from sums, and how parts merge.

The engine sums millions of rows; Python infers from a handful of numbers. Merging uses the pairwise update of Chan,
Golub and LeVeque (1983), which loses no digits where the means are far from zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimwell.errors import StatsError

__all__ = ["FloatArray", "JointSample", "Sample", "as_sample", "checked_values"]

FloatArray: TypeAlias = NDArray[np.float64]

# Sums of squares lose digits; a variance that comes out below zero by less than this share of the mean square is
# rounding, by more it is a wrong sum.
_ROUNDING = 1e-9


def checked_values(values: ArrayLike, *, name: str) -> FloatArray:
    """The values as a vector of finite floats.

    Raises:
        StatsError: The values are not numbers, are not one-dimensional, or hold NaN or infinity.
    """
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StatsError(f"The {name} are not all numbers: {error}.") from error
    if vector.ndim != 1:
        raise StatsError(
            f"The {name} must be one list of numbers, not an array of {vector.ndim} dimensions."
        )
    wrong = int(np.count_nonzero(~np.isfinite(vector)))
    if wrong:
        raise StatsError(
            f"{wrong} of the {len(vector)} {name} are NaN or infinite. "
            "Leave such people out and count them, or give them a value."
        )
    return vector


def _checked_n(n: int) -> int:
    if isinstance(n, bool) or int(n) != n or n < 0:
        raise StatsError(f"The number of people is {n!r}. It must be a whole number, 0 or more.")
    return int(n)


@dataclass(frozen=True)
class Sample:
    """One arm in three numbers.

    Attributes:
        n: People.
        mean: Per person; None when nobody is there.
        variance: Of single people (divided by n − 1), in squared units; None with fewer than two people.
    """

    n: int
    mean: float | None
    variance: float | None

    def __post_init__(self) -> None:
        _checked_n(self.n)
        if (self.mean is None) != (self.n == 0):
            raise StatsError(f"A sample of {self.n} people has the mean {self.mean!r}.")
        if (self.variance is None) != (self.n < 2):
            raise StatsError(f"A sample of {self.n} people has the variance {self.variance!r}.")
        if self.mean is not None and not math.isfinite(self.mean):
            raise StatsError(f"The mean is {self.mean!r}. It must be finite.")
        if self.variance is not None and not (
            math.isfinite(self.variance) and self.variance >= 0.0
        ):
            raise StatsError(
                f"The variance is {self.variance!r}. It must be finite and not negative."
            )

    @classmethod
    def of(cls, values: ArrayLike, *, name: str = "values") -> Sample:
        """The sample that these values are; equal values have a variance of exactly zero."""
        vector = checked_values(values, name=name)
        n = len(vector)
        if n == 0:
            return cls(0, None, None)
        if n == 1:
            return cls(1, float(vector[0]), None)
        if vector.min() == vector.max():
            return cls(n, float(vector[0]), 0.0)
        return cls(n, float(vector.mean()), float(vector.var(ddof=1)))

    @classmethod
    def from_sums(cls, n: int, total: float, total_of_squares: float) -> Sample:
        """The sample with this sum and sum of squares, as `SELECT count(*), sum(x), sum(x * x)` gives them."""
        joint = JointSample.from_sums(n, [total], [[total_of_squares]])
        return joint.outcome

    @property
    def total(self) -> float:
        """The sum over all people."""
        return 0.0 if self.mean is None else self.n * self.mean

    @classmethod
    def merge(cls, parts: Sequence[Sample]) -> Sample:
        """The sample of all parts together, as if it had never been cut."""
        return JointSample.merge([JointSample.from_sample(part) for part in parts]).outcome


@dataclass(frozen=True)
class JointSample:
    """One arm's outcome and covariates in n, means and covariances.

    Attributes:
        n: People.
        means: The outcome's mean, then one for each covariate; empty-handed (all 0) when n is 0.
        covariances: The matrix in the same order, divided by n − 1; all 0 with fewer than two people.
    """

    n: int
    means: tuple[float, ...]
    covariances: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        _checked_n(self.n)
        size = len(self.means)
        if size == 0:
            raise StatsError("A joint sample needs at least the outcome.")
        if len(self.covariances) != size or any(len(row) != size for row in self.covariances):
            raise StatsError(f"{size} means need a covariance matrix of {size} by {size}.")
        matrix = np.array(self.covariances)
        if not (np.isfinite(self.means).all() and np.isfinite(matrix).all()):
            raise StatsError("Means and covariances must be finite.")
        if (np.diag(matrix) < 0.0).any():
            raise StatsError("A variance is negative.")
        if (np.abs(matrix - matrix.T) > 1e-9 * np.abs(matrix)).any():
            raise StatsError("A covariance matrix must be symmetric.")

    @classmethod
    def of(cls, outcomes: ArrayLike, covariates: FloatArray | None = None) -> JointSample:
        """The joint sample of these people; `covariates` has one row for each person."""
        vector = checked_values(outcomes, name="outcomes")
        # A row a column, each in one piece of memory: many times quicker to go through than a row a person.
        columns = vector[None] if covariates is None else np.vstack([vector, covariates.T])
        size, n = columns.shape
        if n == 0:
            return cls._build(0, np.zeros(size), np.zeros((size, size)))
        means = columns.mean(axis=1)
        constant = columns.min(axis=1) == columns.max(axis=1)
        means[constant] = columns[constant, 0]
        centred = columns - means[:, None]
        return cls._build(n, means, centred @ centred.T / max(n - 1, 1))

    @classmethod
    def from_sums(
        cls, n: int, totals: Sequence[float], products: Sequence[Sequence[float]]
    ) -> JointSample:
        """The joint sample with these sums and this matrix of sums of products.

        Raises:
            StatsError: The sums contradict each other (a variance would be negative).
        """
        _checked_n(n)
        size = len(totals)
        if n == 0:
            return cls._build(0, np.zeros(size), np.zeros((size, size)))
        means = np.array(totals, dtype=np.float64) / n
        mean_products = np.array(products, dtype=np.float64) / n
        matrix = mean_products - np.outer(means, means)
        squares = np.diag(mean_products)
        if (np.diag(matrix) < -_ROUNDING * squares).any():
            raise StatsError("A sum of squares is smaller than its sum allows. Check the sums.")
        # A constant's variance is lost in the rounding of its square: take it for the zero that it is.
        lost = np.diag(matrix) <= 1e-14 * squares
        matrix[lost, :] = 0.0
        matrix[:, lost] = 0.0
        return cls._build(n, means, matrix * n / max(n - 1, 1) if n > 1 else np.zeros((size, size)))

    @classmethod
    def from_sample(cls, sample: Sample) -> JointSample:
        """A joint sample without covariates."""
        return cls(sample.n, (sample.mean or 0.0,), ((sample.variance or 0.0,),))

    @classmethod
    def _build(cls, n: int, means: FloatArray, matrix: FloatArray) -> JointSample:
        rows = tuple(tuple(float(cell) for cell in row) for row in matrix)
        return cls(n, tuple(float(mean) for mean in means), rows)

    @property
    def outcome(self) -> Sample:
        """The outcome alone."""
        if self.n == 0:
            return Sample(0, None, None)
        return Sample(self.n, self.means[0], self.covariances[0][0] if self.n > 1 else None)

    @classmethod
    def merge(cls, parts: Sequence[JointSample]) -> JointSample:
        """The joint sample of all parts together, as if it had never been cut."""
        if not parts:
            raise StatsError("There is nothing to merge.")
        if len({len(part.means) for part in parts}) > 1:
            raise StatsError("Parts with different numbers of covariates cannot be merged.")
        return reduce(_merged, parts)


def _merged(left: JointSample, right: JointSample) -> JointSample:
    if left.n == 0 or right.n == 0:
        return right if left.n == 0 else left
    n = left.n + right.n
    gap = np.array(right.means) - np.array(left.means)
    means = np.array(left.means) + gap * (right.n / n)
    products = (
        np.array(left.covariances) * (left.n - 1)
        + np.array(right.covariances) * (right.n - 1)
        + np.outer(gap, gap) * (left.n * right.n / n)
    )
    return JointSample._build(n, means, products / (n - 1))


def as_sample(data: Sample | ArrayLike, *, name: str) -> Sample:
    """`data` itself if it is a sample already, else the sample of these values."""
    return data if isinstance(data, Sample) else Sample.of(data, name=name)
