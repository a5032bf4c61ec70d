"""Ratio metrics: revenue per order, clicks per message, with the person as the unit.

People were assigned, not orders; orders of one person go together. So the ratio of two sums per arm is taken for what it is, a
ratio of two means of people, and its variance follows by the delta method. Each arm's ratio is put in the shape of a
`JointSample`, so that Welch's interval, CUPED, the relative lift and the always-valid interval work on it unchanged.

Source: Deng, Knoblich and Lu (2018), Applying the delta method in metric analytics, equation 4; Budylin, Drutsa, Katsev and
Tsoy (2018), Consistent transformation of ratio metrics (the linear form).
"""

from __future__ import annotations

import numpy as np

from aimwell.errors import StatsError
from aimwell.stats.cuped import adjusted_means, plan_adjustment
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import too_few_people
from aimwell.stats.samples import FloatArray, JointSample
from aimwell.stats.two_means import TwoMeans

__all__ = ["ratio_difference", "ratio_means", "ratio_of_sums"]

_METHOD = "delta method for a ratio of means"


def ratio_of_sums(arm: JointSample, *, pairs: tuple[tuple[int, int | None], ...]) -> JointSample:
    """The arm in ratios of its means, each as if it were a mean of people.

    Args:
        arm: Means and covariances of all that is used.
        pairs: Positions of (numerator, denominator) for the outcome, then for each covariate; None as the denominator takes
            the numerator as it is.

    Raises:
        StatsError: A denominator's mean is zero; ask first.
    """
    size = len(arm.means)
    weights = np.zeros((len(pairs), size))
    means = np.zeros(len(pairs))
    for row, (top, bottom) in enumerate(pairs):
        if bottom is None:
            weights[row, top], means[row] = 1.0, arm.means[top]
            continue
        whole = arm.means[bottom]
        if whole == 0.0:
            raise StatsError("A ratio to a mean of zero has no value.")
        ratio = arm.means[top] / whole
        weights[row, top] += 1.0 / whole
        weights[row, bottom] -= ratio / whole
        means[row] = ratio
    matrix: FloatArray = weights @ np.array(arm.covariances) @ weights.T
    matrix = (matrix + matrix.T) / 2.0
    np.fill_diagonal(matrix, np.maximum(np.diag(matrix), 0.0))
    return JointSample(
        arm.n, tuple(float(m) for m in means), tuple(tuple(float(c) for c in r) for r in matrix)
    )


def ratio_means(
    treated: JointSample,
    control: JointSample,
    *,
    pairs: tuple[tuple[int, int | None], ...] = ((0, 1),),
) -> TwoMeans | str:
    """Both arms' ratios with their variances, adjusted by covariates where `pairs` has more than one; else the reason why not.

    Args:
        treated, control: Means and covariances of numerators, denominators and covariates.
        pairs: As in `ratio_of_sums`.
    """
    problem = too_few_people(treated.n, control.n)
    if problem is not None:
        return problem
    for name, arm in (("treated", treated), ("control", control)):
        if any(bottom is not None and arm.means[bottom] <= 0.0 for _, bottom in pairs):
            return f"the {name} arm has nothing to divide by, so its ratio is undefined"
    arms = ratio_of_sums(treated, pairs=pairs), ratio_of_sums(control, pairs=pairs)
    means = adjusted_means(*arms, plan_adjustment(*arms))
    return TwoMeans(
        treated=means.treated,
        control=means.control,
        treated_variance=means.treated_variance,
        control_variance=means.control_variance,
        covariance=means.covariance,
        degrees=means.degrees,
        method=f"{_METHOD}, {means.method}",
    )


def ratio_difference(
    treated: JointSample,
    control: JointSample,
    *,
    pairs: tuple[tuple[int, int | None], ...] = ((0, 1),),
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The difference of both ratios, treated less control; missing with a reason where one is undefined."""
    means = ratio_means(treated, control, pairs=pairs)
    if isinstance(means, str):
        return Estimate.missing(means, method=_METHOD, confidence=confidence)
    return means.difference(confidence=confidence)
