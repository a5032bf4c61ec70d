"""Effects with errors that may go together, turned onto the axes along which they are independent.

With covariance V of the errors and variance t of the true effects around their mean m, effects y are normal with mean m and covariance
V + t I. In the eigenvectors of V that is diagonal: each axis holds m times its part of the vector of ones, with variance noise + t. So every
formula for independent effects holds, with the part in place of 1.

Source: Gleser and Olkin (2009), Stochastically dependent effect sizes, for the generalised least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aimwell.errors import StatsError
from aimwell.stats.samples import FloatArray, checked_values

__all__ = ["Axes"]


@dataclass(frozen=True, eq=False)
class Axes:
    """Effects as `part` times their mean plus independent errors of variance `noise` + `between` each."""

    effect: FloatArray
    part: FloatArray
    noise: FloatArray

    @classmethod
    def of(
        cls,
        effects: Sequence[float],
        errors: Sequence[float],
        correlations: FloatArray | None = None,
    ) -> Axes:
        y, e = (
            checked_values(effects, name="effects"),
            checked_values(errors, name="standard errors"),
        )
        if len(y) != len(e):
            raise StatsError(f"There are {len(y)} effects and {len(e)} standard errors.")
        if (e <= 0.0).any():
            raise StatsError("A standard error must be above 0.")
        if correlations is None:
            return cls(y, np.ones(len(y)), np.asarray(e**2, dtype=np.float64))
        table = np.asarray(correlations, dtype=np.float64)
        if table.shape != (len(y), len(y)) or not np.allclose(table, table.T):
            raise StatsError(
                f"{len(y)} effects need a symmetric table of {len(y)} by {len(y)} correlations, not one of shape {table.shape}."
            )
        if not np.allclose(np.diag(table), 1.0):
            raise StatsError("An effect's correlation with itself is 1.")
        noise, axes = np.linalg.eigh(table * np.outer(e, e))
        if noise[0] < -1e-9 * noise[-1]:
            raise StatsError("These correlations contradict each other.")
        # Two that are one and the same leave an axis without noise; a trace of it keeps every formula defined.
        noise = np.maximum(noise, 1e-9 * noise[-1])
        return cls(axes.T @ y, axes.sum(axis=0), noise)

    def weights(self, between: float | FloatArray = 0.0) -> FloatArray:
        """One over the variance along each axis; a row for each of several `between`."""
        column = np.asarray(between, dtype=np.float64)[..., None]
        return np.asarray(1.0 / (self.noise + column), dtype=np.float64)

    def total(self, weights: FloatArray) -> FloatArray:
        """One over the variance of the mean."""
        return np.asarray(weights @ self.part**2, dtype=np.float64)

    def mean(self, weights: FloatArray) -> FloatArray:
        """Of the effects."""
        return np.asarray(weights @ (self.part * self.effect) / self.total(weights))

    def away(self, weights: FloatArray) -> FloatArray:
        """How far each lies from the mean's part in it."""
        return np.asarray(self.effect - self.part * self.mean(weights)[..., None])

    def q(self, weights: FloatArray) -> FloatArray:
        """The weighted squares of these distances."""
        return np.asarray((weights * self.away(weights) ** 2).sum(axis=-1), dtype=np.float64)
