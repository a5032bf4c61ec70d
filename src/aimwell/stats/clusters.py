"""Assigned by cluster: shops, households or regions went into arms whole, so they are the units that chance divided.

People of one shop go together, and an interval that takes them for independent is far too short. Two ways:

- *each cluster counts alike*: Welch's t interval of the clusters' means. The simplest, and right for few clusters.
- *each person counts alike*: the difference of means of people, with the cluster-robust variance CR2, which is unbiased where people
  of a cluster are independent after all, and Student's law with the degrees of freedom of Bell and McCaffrey, which fall
  where a few large clusters carry the arm.

With the arm the only regressor both have closed forms. People may be weighted (by one over the probability with which they got into the
arm: Hájek 1971): the means are then weighted ones, and the same formulas hold with a cluster's weights in place of its people. CR1 (the usual correction by G / (G − 1)) is there to compare.

Sources: Bell and McCaffrey (2002), Bias reduction in standard errors for linear regression with multi-stage samples; Imbens and
Kolesár (2016), Robust standard errors in small samples, equations 10 to 12; Cameron and Miller (2015) for CR1; Hájek (1971), comment on an essay by Basu, for the weighted mean.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import welch
from aimwell.stats.samples import FloatArray, checked_values
from aimwell.stats.two_means import TwoMeans

__all__ = [
    "FEW_CLUSTERS",
    "Clusters",
    "cluster_means_difference",
    "clustered_covariance",
    "clustered_difference",
]

FEW_CLUSTERS = 10
"""With fewer clusters in an arm, no method is sure of its level; a reader must be told."""

_METHOD = "cluster-robust difference (CR2, Bell and McCaffrey's degrees of freedom)"
_WEIGHTED = "means weighted by one over the logged probability (Hájek), robust errors (CR2, Bell and McCaffrey's degrees of freedom)"
_MEANS = "Welch's t interval of cluster means"
_USUAL = "cluster-robust difference (CR1)"


@dataclass(frozen=True, eq=False)
class Clusters:
    """One arm's clusters.

    Attributes:
        sizes: People of each cluster, at least one; where people are weighted, their weights, above 0.
        sums: Of their outcomes, each times the weight.
        squares: Of the weights, summed; None: everybody weighs 1.
    """

    sizes: FloatArray
    sums: FloatArray
    squares: FloatArray | None = None

    @classmethod
    def of(
        cls,
        values: ArrayLike,
        owners: Sequence[Hashable] | NDArray[np.int64],
        weights: FloatArray | None = None,
    ) -> Clusters:
        """The clusters of these people; `owners` names the cluster of each."""
        outcomes = checked_values(values, name="outcomes")
        if len(owners) != len(outcomes):
            raise StatsError(
                f"There are {len(outcomes)} people and {len(owners)} clusters named. Give each person one."
            )
        _, owner = np.unique(np.asarray(owners), return_inverse=True)
        if weights is None:
            return cls(
                np.asarray(np.bincount(owner), dtype=np.float64),
                np.bincount(owner, weights=outcomes).astype(np.float64),
            )
        return cls(
            np.bincount(owner, weights=weights).astype(np.float64),
            np.bincount(owner, weights=weights * outcomes).astype(np.float64),
            np.bincount(owner, weights=weights * weights).astype(np.float64),
        )

    @property
    def count(self) -> int:
        """Clusters."""
        return len(self.sizes)

    @property
    def people(self) -> float:
        """People in all clusters, or their weights."""
        return float(self.sizes.sum())

    @property
    def mean(self) -> float:
        """Of people."""
        return float(self.sums.sum() / self.people)

    def residuals(self) -> FloatArray:
        """How far each cluster's sum lies from what its size would give at the common mean."""
        return np.asarray(self.sums - self.sizes * self.mean, dtype=np.float64)


def _too_few(treated: Clusters, control: Clusters) -> str | None:
    for name, arm in (("treated", treated), ("control", control)):
        if arm.count < 2:
            found = "no cluster" if arm.count == 0 else "one cluster"
            return f"the {name} arm has {found}; an interval needs at least two in each arm"
    return None


def cluster_means_difference(
    treated: Clusters, control: Clusters, *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """The difference of the mean of cluster means: each cluster counts alike, whatever its size."""
    problem = _too_few(treated, control)
    if problem is not None:
        return Estimate.missing(problem, method=_MEANS, confidence=confidence)
    found = welch(treated.sums / treated.sizes, control.sums / control.sizes, confidence=confidence)
    if not found.defined:
        return Estimate.missing(found.reason or "", method=_MEANS, confidence=confidence)
    return Estimate(
        estimate=found.estimate,
        lower=found.lower,
        upper=found.upper,
        confidence=confidence,
        method=_MEANS,
        p_value=found.p_value,
    )


def clustered_difference(
    treated: Clusters, control: Clusters, *, usual: bool = False
) -> TwoMeans | str:
    """Both means of people with cluster-robust variances, for a difference or a relative lift; else the reason why not.

    Args:
        treated, control: The arms.
        usual: Take CR1 with Student's law of G − 1 degrees of freedom, as most packages do.
    """
    problem = _too_few(treated, control)
    if problem is not None:
        return problem
    clusters = treated.count + control.count
    people = treated.people + control.people
    if usual:
        # The correction for the two coefficients that are fitted.
        factor = clusters / (clusters - 1.0) * (people - 1.0) / (people - 2.0)
        variances = [
            factor * float(arm.residuals() @ arm.residuals()) / arm.people**2
            for arm in (treated, control)
        ]
        degrees = clusters - 1.0
    else:
        variances = [_cr2(arm) for arm in (treated, control)]
        degrees = _degrees(treated, control)
    weighted = treated.squares is not None or control.squares is not None
    return TwoMeans(
        treated=treated.mean,
        control=control.mean,
        treated_variance=variances[0],
        control_variance=variances[1],
        covariance=0.0,
        degrees=degrees,
        method=_USUAL if usual else _WEIGHTED if weighted else _METHOD,
    )


def clustered_covariance(first: Clusters, other: Clusters) -> float:
    """The cluster-robust covariance (CR2) of the means of two outcomes of the same people; of one with itself its variance.

    Args:
        first, other: The same clusters in the same order.
    """
    left = 1.0 - first.sizes / first.people
    return float((first.residuals() * other.residuals() / left).sum()) / first.people**2


def _cr2(arm: Clusters) -> float:
    """Each cluster's residual is enlarged by the root of one less its share of the arm (its leverage)."""
    return clustered_covariance(arm, arm)


def _degrees(treated: Clusters, control: Clusters) -> float:
    """Twice the squared mean of the variance estimate over its variance, were people independent and alike.

    With h a cluster's share of the weights and s its squared weights, whose sum is q, residuals of clusters i and j then covary by
    [i = j] s − h s′ − h′ s + h h′ q; without weights that is the working model of the papers.
    """
    trace = squares = 0.0
    for arm in (treated, control):
        h = arm.sizes / arm.people
        s = arm.sizes if arm.squares is None else arm.squares
        q = float(s.sum())
        c = 1.0 / ((1.0 - h) * arm.people**2)
        shared = h * h * q - 2.0 * h * s
        trace += float(c @ (s + shared))
        hh, ss, hs = float(c @ h**2), float(c @ s**2), float(c @ (h * s))
        squares += 2.0 * (hh * ss + hs**2) + q * hh * (q * hh - 4.0 * hs)
        squares += float(c**2 @ (s * s + 2.0 * s * shared))
    return trace**2 / squares
