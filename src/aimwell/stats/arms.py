"""The people of one arm: what each did afterwards, and what was known of each before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aimwell.errors import StatsError
from aimwell.stats.samples import FloatArray, JointSample, Sample, checked_values

__all__ = ["Arm", "ArmSummary", "pooled_skew"]


@dataclass(frozen=True, kw_only=True)
class ArmSummary:
    """One arm in the figures that a reader sees.

    Attributes:
        n: People.
        mean: Outcome per person; None when nobody is there.
        total: Sum of the outcomes.
        buyers: People whose outcome is not zero.
    """

    n: int
    mean: float | None
    total: float
    buyers: int


@dataclass(frozen=True, eq=False)
class Arm:
    """One arm, person by person.

    Attributes:
        outcomes: What each person did in the window, one number a person.
        covariates: What was known of each before, one row a person; None where nothing is used.
    """

    outcomes: FloatArray
    covariates: FloatArray | None = None

    @classmethod
    def of(cls, outcomes: ArrayLike, covariates: ArrayLike | None = None) -> Arm:
        """An arm of these outcomes, with one covariate (a list) or several (a row for each person).

        Raises:
            StatsError: NaN, infinity, or covariates for another number of people.
        """
        vector = checked_values(outcomes, name="outcomes")
        if covariates is None:
            return cls(vector)
        table = np.asarray(covariates, dtype=np.float64)
        if table.ndim == 1:
            table = table[:, None]
        if table.ndim != 2 or len(table) != len(vector):
            raise StatsError(
                f"There are {len(vector)} outcomes and covariates of shape {table.shape}. "
                "Give each person one row of covariates."
            )
        checked_values(table.ravel(), name="covariates")
        return cls(vector, table if table.shape[1] else None)

    @property
    def n(self) -> int:
        """People."""
        return len(self.outcomes)

    def sample(self) -> Sample:
        """The outcomes in n, mean and variance."""
        return Sample.of(self.outcomes, name="outcomes")

    def joint(self) -> JointSample:
        """Outcomes and covariates in n, means and covariances."""
        return JointSample.of(self.outcomes, self.covariates)

    def summary(self) -> ArmSummary:
        """The figures that a reader sees."""
        sample = self.sample()
        return ArmSummary(
            n=self.n,
            mean=sample.mean,
            total=float(self.outcomes.sum()),
            buyers=int(np.count_nonzero(self.outcomes)),
        )

    def ordered(self) -> Arm:
        """The same people by outcome, then covariates, so that no answer depends on the order of rows."""
        if _in_order(self):
            return self
        if self.covariates is None:
            return Arm(np.sort(self.outcomes))
        order = np.lexsort([*self.covariates.T[::-1], self.outcomes])
        return Arm(self.outcomes[order], self.covariates[order])

    def without_covariates(self) -> Arm:
        """The outcomes alone."""
        return Arm(self.outcomes)


def _in_order(arm: Arm) -> bool:
    """Whether the people already lie as `ordered` would put them; far quicker than sorting them again."""
    tied = np.ones(max(arm.n - 1, 0), dtype=np.bool_)
    columns = [] if arm.covariates is None else list(arm.covariates.T)
    for column in (arm.outcomes, *columns):
        step = np.diff(column)
        if (tied & (step < 0.0)).any():
            return False
        tied &= step == 0.0
    return True


def pooled_skew(values: FloatArray) -> float | None:
    """The third standardised moment of all values together; None when they do not vary.

    It is the same whoever is in which arm, so a choice that rests on it cannot favour a result.
    """
    if len(values) < 2 or values.min() == values.max():
        return None
    centred = values - values.mean()
    centred /= float(np.sqrt(np.mean(centred * centred)))
    # Three products are many times quicker than a power.
    return float(np.mean(centred * centred * centred))
