"""At which times people act: shares over a few kinds of time, each person's own drawn towards everybody's.

A person's n acts fall on K kinds of time (blocks of hours, or weekdays) with shares of their own, which over people follow a
Dirichlet law with mean π, everybody's shares, and strength s. The person's expected shares are then (s·π + counts) / (s + n): who
is little known looks like everybody. The strength is that of maximum likelihood of all people's counts (the Dirichlet-multinomial
law): a large one says that people hardly differ.

Source: Minka (2000), Estimating a Dirichlet distribution; the comparison of two shares is that of a Beta law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import betaincc, gammaln

from aimwell.errors import PredictError
from aimwell.predict.grouping import distinct_rows
from aimwell.stats.samples import FloatArray

__all__ = ["Chosen", "Habits", "fit_habits"]

_STRENGTH_LOG_MAX = 12.0
_SURE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A kind of time for each person, how sure it is that the person's own best one is better than everybody's, and whether it is
    the person's `own`."""

    times: npt.NDArray[np.int64]
    sure: FloatArray
    own: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Habits:
    """Everybody's `shares` (they sum to 1), and the `strength` with which a person is drawn to them, in acts."""

    shares: FloatArray
    strength: float

    def expected(self, counts: FloatArray) -> FloatArray:
        """Each person's expected shares; one row a person, one column a kind of time."""
        return np.asarray(
            (self.strength * self.shares + counts)
            / (self.strength + counts.sum(axis=1, keepdims=True))
        )

    def best(self, counts: FloatArray) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """The kind of time with the highest expected share of each person, and how sure it is that it beats everybody's
        commonest one: the probability that the person's true share there is the higher (0-1; 0.5 where it is the same)."""
        law = self.strength * self.shares + counts
        usual = int(np.argmax(self.shares))
        found = np.argmax(law, axis=1)
        own = np.take_along_axis(law, found[:, None], 1)[:, 0]
        sure = np.where(found == usual, 0.5, _higher(own, law[:, usual]))
        return found, sure

    def commonest(self, counts: FloatArray) -> npt.NDArray[np.bool_]:
        """Who acted at everybody's commonest time, and is surely likelier to act then than at any other (by a probability of 0.9)."""
        law = self.strength * self.shares + counts
        usual = int(np.argmax(self.shares))
        others = np.delete(law, usual, axis=1).max(axis=1)
        sure = _higher(law[:, usual], others) >= _SURE
        return np.asarray(sure & (counts[:, usual] > 0))

    def chosen(self, counts: FloatArray, *, own_times: bool) -> Chosen:
        """As `best`, but everybody's commonest time where another is not better by a probability of 0.9, or for all where
        `own_times` are not to be had."""
        found, sure = self.best(counts)
        own = (sure >= _SURE) & own_times
        return Chosen(np.where(own, found, int(np.argmax(self.shares))), sure, own)


def fit_habits(counts: FloatArray) -> Habits:
    """Fit everybody's shares and the strength.

    Args:
        counts: Acts of each person (rows) at each kind of time (columns).

    Raises:
        PredictError: Nobody acted.
    """
    total = counts.sum(axis=0)
    if not total.sum():
        raise PredictError("Nobody acted, so there is no time to learn.")
    # Each kind of time stays possible, with the weight of half an act.
    shares = (total + 0.5) / (total.sum() + 0.5 * len(total))
    rows, weight = np.unique(counts, axis=0, return_counts=True)
    found = minimize_scalar(
        lambda log: -_log_likelihood(float(np.exp(log)), shares, rows, weight),
        bounds=(-5.0, _STRENGTH_LOG_MAX),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return Habits(shares, float(np.exp(found.x)))


def _higher(one: FloatArray, other: FloatArray) -> FloatArray:
    """The probability that the first of two shares of a Dirichlet law is the higher: the part of it in both is Beta distributed.

    People have few counts, so each pair is worked out once.
    """
    rows = distinct_rows(one, other)
    return np.asarray(betaincc(*rows.columns, 0.5)[rows.place])


def _log_likelihood(
    strength: float, shares: FloatArray, rows: FloatArray, weight: npt.NDArray[np.int64]
) -> float:
    law = strength * shares
    each = (
        gammaln(strength)
        - gammaln(strength + rows.sum(axis=1))
        + (gammaln(law + rows) - gammaln(law)).sum(axis=1)
    )
    return float(np.sum(weight * each))
