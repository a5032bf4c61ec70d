"""What each person would have done untreated, if a hypothesis about the effect were true.

Two families: treatment adds s to everybody; treatment multiplies everybody's outcome by 1 + r. Written with
s = r / (1 + r), the untreated outcome of a treated person is then the outcome less s times itself, so both families are
`base − s × slope` person by person, which is what `inversion` needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.stats.arms import Arm
from aimwell.stats.inversion import Hypothesis
from aimwell.stats.samples import FloatArray
from aimwell.stats.winsor import WinsorLimits, pulled_in

__all__ = ["People", "pooled_residuals"]


def pooled_residuals(values: FloatArray, covariates: FloatArray | None) -> FloatArray:
    """What least squares on the covariates over all people leaves of each column of values; mean zero.

    Args:
        values: One row a person.
        covariates: One row a person; each must vary and none repeat the others. None takes off the mean alone.
    """
    centred = np.asarray(values - values.mean(axis=0), dtype=np.float64)
    if covariates is None or covariates.shape[1] == 0:
        return centred
    known = covariates - covariates.mean(axis=0)
    known = known / np.sqrt((known**2).mean(axis=0))
    theta = np.linalg.solve(known.T @ known, known.T @ centred)
    return np.asarray(centred - known @ theta, dtype=np.float64)


@dataclass(frozen=True)
class People:
    """All people of both arms, those of the drawn (smaller) arm first.

    Attributes:
        outcomes: One number a person.
        treated: 1 for treated people, 0 for others.
        covariates: One row a person, or None.
        drawn: People in the drawn arm.
        drawn_is_treated: Whether that is the treated arm.
    """

    outcomes: FloatArray
    treated: FloatArray
    covariates: FloatArray | None
    drawn: int
    drawn_is_treated: bool

    @classmethod
    def of(cls, treated: Arm, control: Arm) -> People:
        """Both arms, each in order of its outcomes.

        Which arm is drawn and how people are ordered rests on nothing that a shift, a change of unit, another order of
        rows or a change of the arms' names would alter; so the same seed gives the same divisions after any of these.
        """
        rank = [(-arm.n, arm.sample().variance or 0.0) for arm in (treated, control)]
        drawn_is_treated = rank[0] >= rank[1]
        arms = (treated, control) if drawn_is_treated else (control, treated)
        first, second = (arm.ordered() for arm in arms)
        covariates = None
        if first.covariates is not None and second.covariates is not None:
            covariates = np.concatenate([first.covariates, second.covariates])
        marks = np.zeros(treated.n + control.n)
        marks[: first.n] = 1.0
        return cls(
            outcomes=np.concatenate([first.outcomes, second.outcomes]),
            treated=marks if drawn_is_treated else 1.0 - marks,
            covariates=covariates,
            drawn=first.n,
            drawn_is_treated=drawn_is_treated,
        )

    def shift(self) -> Hypothesis:
        """Treatment adds an amount; no covariates are used."""
        columns = np.column_stack([self.outcomes, self.treated])
        base, mark = pooled_residuals(columns, None).T
        return Hypothesis(base, mark)

    def hypotheses(
        self, used: tuple[int, ...], limits: WinsorLimits
    ) -> tuple[Hypothesis, Hypothesis, Hypothesis]:
        """Treatment adds an amount; multiplies; adds an amount to the winsorised outcome.

        Args:
            used: Positions of the covariates to free all of these of.
            limits: Of the winsorised outcome.
        """
        columns = np.column_stack(
            [
                self.outcomes,
                self.treated,
                self.outcomes * self.treated,
                pulled_in(self.outcomes, limits),
            ]
        )
        known = self.covariates[:, used] if used and self.covariates is not None else None
        outcome, mark, own, tame = pooled_residuals(columns, known).T
        return Hypothesis(outcome, mark), Hypothesis(outcome, own), Hypothesis(tame, mark)
