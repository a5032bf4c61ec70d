"""The lift where arms were drawn by group: the answer of `lift`, with the groups as the units that chance divided.

What was known before is taken off first, person by person, with one slope for all (CUPED); then the difference of the means of
people has the cluster-robust variance of `clusters`, enlarged by the degrees of freedom that slopes take: (G − 2) ÷ (G − 2 − slopes) for G
groups, as if each slope were learnt from groups alone. With few groups in an arm, or under ten groups for each slope, slopes would
take more than they give, so nothing is taken off.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aimwell.stats.always_valid import always_valid_difference, always_valid_relative, too_early
from aimwell.stats.arms import Arm, pooled_skew
from aimwell.stats.clusters import FEW_CLUSTERS, Clusters, clustered_difference
from aimwell.stats.cuped import Adjustment, plan_adjustment
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.lift import Lift, MethodChoice
from aimwell.stats.samples import FloatArray
from aimwell.stats.two_means import TwoMeans

__all__ = ["Owners", "adjusted_outcomes", "clustered_lift", "clustered_means"]

Owners = NDArray[np.int64]

_GROUPS_PER_SLOPE = 10


def adjusted_outcomes(
    treated: Arm, control: Arm, adjustment: Adjustment
) -> tuple[FloatArray, FloatArray]:
    """The outcomes of both arms, less what covariates say beyond their common mean."""
    if not adjustment.active or treated.covariates is None or control.covariates is None:
        return treated.outcomes, control.outcomes
    theta, used = np.array(adjustment.theta), list(adjustment.used)
    known = [arm[:, used] for arm in (treated.covariates, control.covariates)]
    middle = np.concatenate(known).mean(axis=0)
    first, second = ((one - middle) @ theta for one in known)
    return treated.outcomes - first, control.outcomes - second


def clustered_means(
    treated: Arm,
    control: Arm,
    owners: tuple[Owners, Owners],
    weights: FloatArray | None = None,
) -> tuple[TwoMeans | str, Adjustment]:
    """Both means with their cluster-robust variances (or why there are none), and what the covariates were used for.

    Args:
        treated, control: Person by person.
        owners: The group of each person, of the treated and of the others.
        weights: Of the treated, above 0; None: all alike.
    """
    counts = [len(np.unique(one)) for one in owners]
    adjustment = _adjustment(treated, control, counts)
    values = adjusted_outcomes(treated, control, adjustment)
    means = clustered_difference(
        Clusters.of(values[0], owners[0], weights), Clusters.of(values[1], owners[1])
    )
    if isinstance(means, str) or not adjustment.active:
        return means, adjustment
    free = sum(counts) - 2.0
    factor = free / (free - len(adjustment.used))
    means = replace(
        means,
        treated_variance=means.treated_variance * factor,
        control_variance=means.control_variance * factor,
        degrees=max(means.degrees - len(adjustment.used), 1.0),
        method=f"CUPED, then {means.method}",
    )
    return means, adjustment


def _adjustment(treated: Arm, control: Arm, counts: list[int]) -> Adjustment:
    reason = None
    if min(counts) < FEW_CLUSTERS:
        reason = f"an arm has under {FEW_CLUSTERS} groups, too few to learn from"
    else:
        found = plan_adjustment(treated.joint(), control.joint())
        if len(found.used) * _GROUPS_PER_SLOPE <= sum(counts):
            return found
        reason = (
            f"{len(found.used)} covariates need {len(found.used) * _GROUPS_PER_SLOPE} groups to learn from, and there are {sum(counts)}; name "
            "fewer"
        )
    return Adjustment(used=(), theta=(), variance_reduction=None, reason=reason)


def clustered_lift(
    treated: Arm,
    control: Arm,
    owners: tuple[Owners, Owners],
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    fraction: float | None = None,
) -> Lift:
    """What treatment added, with the groups as units. Arguments as in `clustered_means` and `measure_lift`."""
    means, adjustment = clustered_means(treated, control, owners)
    counts = [len(np.unique(one)) for one in owners]
    early = None if fraction is None else too_early(fraction)
    nothing = not (treated.outcomes.any() or control.outcomes.any())
    if isinstance(means, str) or early is not None or nothing:
        reason = means if isinstance(means, str) else early
        reason = (
            reason
            or "nobody in either arm has an outcome other than zero, so there is nothing to compare"
        )
        difference = relative = Estimate.missing(reason, method="by group", confidence=confidence)
    elif fraction is None:
        difference = means.difference(confidence=confidence)
        relative = means.relative(confidence=confidence)
    else:
        difference = always_valid_difference(means, fraction=fraction, confidence=confidence)
        relative = always_valid_relative(means, fraction=fraction, confidence=confidence)
    smaller = treated if treated.n < control.n else control
    few = (
        f" With under {FEW_CLUSTERS} in an arm no method is sure of its level."
        if min(counts) < FEW_CLUSTERS
        else ""
    )
    return Lift(
        treated=treated.summary(),
        control=control.summary(),
        choice=MethodChoice(
            method="clustered",
            because=(
                f"Arms were drawn by group, so the {counts[0]} contacted and {counts[1]} held-out groups are what chance "
                f"divided, and not the people in them.{few}"
            ),
            smaller_arm_buyers=smaller.summary().buyers,
            skew=pooled_skew(np.concatenate([treated.outcomes, control.outcomes])),
        ),
        adjustment=adjustment,
        difference=difference,
        relative=relative,
        total=difference.times(treated.n),
        winsorised=None,
    )
