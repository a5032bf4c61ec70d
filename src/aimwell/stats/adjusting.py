"""Other ways to take out what was known before: a regression in each arm, and strata after the fact.

CUPED has one slope for both arms. Lin's regression lets each arm have its own, which is never worse in large arms and better where the
effect hangs on the covariate. Post-stratification compares within strata (segments, regions) and weighs by their sizes.

Sources: Lin (2013), Agnostic notes on regression adjustments to experimental data, section 4; Negi and Wooldridge (2021),
Revisiting regression adjustment in experiments with heterogeneous treatment effects, theorem 5.2 (people as a sample of
those who could come, so that the covariates' mean is unsure too); Miratrix, Sekhon and Yu (2013), Adjusting treatment effect
estimates by post-stratification in randomized experiments.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np

from aimwell.stats.cuped import Adjustment
from aimwell.stats.intervals import satterthwaite, too_few_people
from aimwell.stats.samples import JointSample, Sample
from aimwell.stats.two_means import TwoMeans

__all__ = ["regression_means", "stratified_means"]

_REGRESSION = "Lin's regression, a slope in each arm"
_STRATA = "post-stratification"


def regression_means(
    treated: JointSample, control: JointSample, adjustment: Adjustment
) -> TwoMeans | str:
    """Both means at the covariates' common mean, each arm with its own slopes; else the reason why not.

    Args:
        treated, control: Outcome and covariates.
        adjustment: From `plan_adjustment`; it says which covariates can be used.
    """
    problem = too_few_people(treated.n, control.n)
    if problem is not None:
        return problem
    if not adjustment.active:
        return adjustment.reason or "no covariate is usable"
    rows = [i + 1 for i in adjustment.used]
    if min(treated.n, control.n) < len(rows) + 2:
        return f"the smaller arm is too small for {len(rows)} slopes of its own"
    whole = treated.n + control.n
    matrices = [np.array(arm.covariances) for arm in (treated, control)]
    within = [
        matrix[np.ix_(rows, rows)] * (arm.n - 1)
        for matrix, arm in zip(matrices, (treated, control), strict=True)
    ]
    pooled = (within[0] + within[1]) / (whole - 2)
    middle = (
        np.array(treated.means)[rows] * treated.n + np.array(control.means)[rows] * control.n
    ) / whole
    slopes, means, noises = [], [], []
    for arm, matrix in zip((treated, control), matrices, strict=True):
        known = matrix[np.ix_(rows, rows)]
        if np.linalg.matrix_rank(known, hermitian=True) < len(rows):
            return "a covariate does not vary in one of the arms"
        slope = np.linalg.solve(known, matrix[rows, 0])
        left = max(float(matrix[0, 0] - slope @ matrix[rows, 0]), 0.0)
        left *= (arm.n - 1) / (arm.n - 1 - len(rows))
        gap = np.array(arm.means)[rows] - middle
        leverage = float(gap @ np.linalg.solve(known, gap)) / (arm.n - 1)
        slopes.append(slope)
        means.append(float(arm.means[0] - slope @ gap))
        noises.append(left * (1.0 / arm.n + leverage))
    # What is unsure of the covariates' mean moves both means together where their slopes are alike.
    return TwoMeans(
        treated=means[0],
        control=means[1],
        treated_variance=noises[0] + float(slopes[0] @ pooled @ slopes[0]) / whole,
        control_variance=noises[1] + float(slopes[1] @ pooled @ slopes[1]) / whole,
        covariance=float(slopes[0] @ pooled @ slopes[1]) / whole,
        degrees=max(
            satterthwaite((noises[0], treated.n), (noises[1], control.n)) - 2 * len(rows), 1.0
        ),
        method=_REGRESSION,
    )


def stratified_means(
    strata: Mapping[Hashable, tuple[Sample, Sample]],
) -> TwoMeans | str:
    """Both means with every stratum at its share of all people; else the reason why not.

    Args:
        strata: Stratum → (treated, control).
    """
    parts = {name: both for name, both in strata.items() if both[0].n + both[1].n}
    if not parts:
        return "nobody is in any stratum"
    small = sum(1 for treated, control in parts.values() if min(treated.n, control.n) < 2)
    if small:
        return f"{small} of {len(parts)} strata have under two people in an arm; join small strata, or compare without them"
    people = sum(treated.n + control.n for treated, control in parts.values())
    means, variances, spread = [0.0, 0.0], [0.0, 0.0], 0.0
    for both in parts.values():
        share = (both[0].n + both[1].n) / people
        for side, sample in enumerate(both):
            variance = share**2 * (sample.variance or 0.0) / sample.n
            means[side] += share * (sample.mean or 0.0)
            variances[side] += variance
            spread += variance**2 / (sample.n - 1)
    whole = sum(variances)
    return TwoMeans(
        treated=means[0],
        control=means[1],
        treated_variance=variances[0],
        control_variance=variances[1],
        covariance=0.0,
        degrees=whole**2 / spread if spread > 0.0 else float(people - 2 * len(parts)),
        method=f"{_STRATA} over {len(parts)} strata",
    )
