"""One arm against another where people had different chances to get into the first, and what each person moves of it.

Who was likely to get an action stands too often among those who got it. Weighed by one over the probability that was logged before the
draw, they stand for all who could have got it (Horvitz and Thompson 1952; divided by the sum of the weights: Hájek 1971), and the
difference to the held-out, who were drawn with one probability for all, is what the action adds to everybody. What was known before is
taken off first, with one slope for both arms (CUPED). The variance is robust (see `clusters`).

Each person's *influence* is by how much they move the difference, to first order. The same people in two campaigns make their
estimates go together, and the products of their influences add up to that covariance.

Sources: Horvitz and Thompson (1952); Hájek (1971); Kish (1965), Survey sampling, for the effective number; Lunceford and Davidian (2004),
section 3.3, for the influence function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aimwell.errors import StatsError
from aimwell.stats.arms import Arm
from aimwell.stats.clustered_lift import Owners, adjusted_outcomes, clustered_means
from aimwell.stats.intervals import too_few_people
from aimwell.stats.samples import FloatArray
from aimwell.stats.two_means import TwoMeans

__all__ = ["EFFECTIVE_MIN", "Contrast", "Coverage", "contrast", "coverage", "effective_people"]

EFFECTIVE_MIN = 30.0
"""With fewer people by their weights, a few of them are the whole answer, and none is given."""

_BY_CHANCE = 3.290527
"""Deviations that chance exceeds once in a thousand."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """A difference of two means, with each person's part in it.

    Attributes:
        means: Both means, or why there are none.
        treated, control: The influence of each person on the difference; all 0 where there is none.
    """

    means: TwoMeans | str
    treated: FloatArray
    control: FloatArray


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """For whom the people of an arm stand.

    Attributes:
        people: So many the weights add up to: all who could have got into the arm.
        error: Of that sum, by the draw.
        of: Who should be covered.
    """

    people: float
    error: float
    of: int

    @property
    def all_of_them(self) -> bool:
        """Whether the sum is as large as it would be, but for chance, if everybody could have got into the arm."""
        return abs(self.people - self.of) <= _BY_CHANCE * self.error + 1e-6 * self.of


def contrast(
    treated: Arm,
    control: Arm,
    *,
    weights: FloatArray | None = None,
    owners: tuple[Owners, Owners] | None = None,
) -> Contrast:
    """The difference of two arms by person, or by group.

    Args:
        treated, control: Person by person.
        weights: Of the treated: one over the probability of each; None: everybody had the same.
        owners: The group of each person where groups were drawn.

    Raises:
        StatsError: A weight is not above 0, or there is another number of them than of people.
    """
    if weights is not None and (
        len(weights) != treated.n or not (np.isfinite(weights) & (weights > 0.0)).all()
    ):
        raise StatsError(
            f"{treated.n} people need as many weights, each above 0 and finite; there are {len(weights)}."
        )
    nobody = np.zeros(treated.n), np.zeros(control.n)
    problem = too_few_people(treated.n, control.n)
    if problem is not None:
        return Contrast(problem, *nobody)
    groups = (np.arange(treated.n), np.arange(control.n)) if owners is None else owners
    means, adjustment = clustered_means(treated, control, groups, weights)
    if isinstance(means, str):
        return Contrast(means, *nobody)
    values = adjusted_outcomes(treated, control, adjustment)
    share = np.ones(treated.n) if weights is None else weights
    return Contrast(
        means,
        np.asarray(share * (values[0] - means.treated) / share.sum(), dtype=np.float64),
        np.asarray((means.control - values[1]) / control.n, dtype=np.float64),
    )


def coverage(probability: FloatArray, *, of: int, owners: Owners | None = None) -> Coverage:
    """For how many people those stand who got into an arm, each with the probability that was logged.

    Args:
        probability: Of each of them, above 0.
        of: How many could have been drawn into it, if everybody could.
        owners: The group of each where groups were drawn: all of it or none.
    """
    weights = 1.0 / probability
    off: FloatArray = np.sqrt(1.0 - probability) * weights
    if owners is not None:
        place = np.unique(owners, return_inverse=True)[1]
        off = np.asarray(np.bincount(place, weights=off), dtype=np.float64)
    return Coverage(people=float(weights.sum()), error=math.sqrt(float(off @ off)), of=of)


def effective_people(weights: FloatArray) -> float:
    """Of how many people, all weighed alike, these tell as much (Kish)."""
    total = float(weights.sum())
    return total * total / float(weights @ weights) if len(weights) else 0.0
