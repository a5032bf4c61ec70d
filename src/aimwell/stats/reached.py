"""The effect on those whom it reached: assignment as an instrument.

Assigned people who were not reached (bounced, or stopped by a cap) dilute the effect of assignment. Divided by how much more often
the treated were reached than the control arm, it is the effect on those who are reached if and only if assigned (compliers):
the local average treatment effect. That needs that assignment works through being reached alone.

Where few are reached, the ratio's delta-method interval is wrong; Anderson and Rubin's asks of each effect whether the data reject it
and is right however weak the instrument. With one instrument it is Fieller's interval. It may have no bounds; then the
answer is missing, with the reason.

Where groups were assigned, both differences have the cluster-robust variance of `clusters`, and so has their covariance: a bound is an effect β at which
the clustered difference of outcome − β · reached is just not told from zero.

Sources: Imbens and Angrist (1994), Identification and estimation of local average treatment effects; Anderson and Rubin (1949);
Andrews, Stock and Sun (2019), Weak instruments in instrumental variables regression.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from aimwell.stats.clusters import Clusters, clustered_covariance, clustered_difference
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, Figure, checked_share
from aimwell.stats.intervals import satterthwaite, student, too_few_people
from aimwell.stats.samples import JointSample
from aimwell.stats.two_means import TwoMeans

__all__ = ["WEAK", "ReachedEffect", "clustered_reached_effect", "reached_effect"]

WEAK = 10.0
"""Under this F of the first stage the delta method's interval is not to be used (Staiger and Stock 1997)."""

_RUBIN = "effect on the reached, Anderson and Rubin's interval"
_DELTA = "effect on the reached, delta method"


@dataclass(frozen=True, kw_only=True)
class ReachedEffect:
    """What being reached added, for each person who was reached because of being assigned.

    Attributes:
        effect: With Anderson and Rubin's interval; the one to report.
        delta: The same figure with the delta method's interval; missing where the instrument is weak.
        reached_more: Share reached of the treated less that of the control arm.
        strength: F of that difference.
    """

    effect: Estimate
    delta: Estimate
    reached_more: Estimate
    strength: Figure


def reached_effect(
    treated: JointSample, control: JointSample, *, confidence: float = DEFAULT_CONFIDENCE
) -> ReachedEffect:
    """The effect on the reached, from arms that hold the outcome and whether each person was reached (0 or 1)."""
    checked_share(confidence, name="confidence")
    problem = too_few_people(treated.n, control.n)
    if problem is not None:
        return _missing(problem, confidence)
    outcome, reached = (_difference(treated, control, row) for row in (0, 1))
    covariance = sum(arm.covariances[0][1] / arm.n for arm in (treated, control))
    return _effect(outcome, reached, covariance, confidence)


def clustered_reached_effect(
    outcome: tuple[Clusters, Clusters],
    reached: tuple[Clusters, Clusters],
    *,
    confidence: float = DEFAULT_CONFIDENCE,
) -> ReachedEffect:
    """The effect on the reached where groups were assigned.

    Args:
        outcome: The clusters of the treated and of the control arm.
        reached: The same clusters in the same order, with how many of each were reached.
        confidence: 0-1.
    """
    checked_share(confidence, name="confidence")
    gaps = clustered_difference(*outcome), clustered_difference(*reached)
    for gap in gaps:
        if isinstance(gap, str):
            return _missing(gap, confidence)
    of_outcome, of_reached = (gap for gap in gaps if not isinstance(gap, str))
    covariance = sum(clustered_covariance(*arm) for arm in zip(outcome, reached, strict=True))
    return _effect(of_outcome, of_reached, covariance, confidence)


def _effect(
    outcome: TwoMeans, reached: TwoMeans, covariance: float, confidence: float
) -> ReachedEffect:
    """From both differences and their covariance."""
    more = reached.treated - reached.control
    if more == 0.0:
        return _missing("as many were reached in one arm as in the other", confidence)
    # With hardly any noise in who was reached (all or none), the instrument is as strong as can be.
    noise = reached.variance
    strength = (
        Figure(value=more**2 / noise)
        if noise > 0.0
        else Figure(value=None, reason="all treated people were reached and nobody else")
    )
    share = (
        reached.difference(confidence=confidence)
        if noise > 0.0
        else Estimate(
            estimate=more, lower=more, upper=more, confidence=confidence, method="counted"
        )
    )
    gap = outcome.treated - outcome.control
    sign = math.copysign(1.0, more)
    both = TwoMeans(
        treated=sign * gap,
        control=sign * more,
        treated_variance=outcome.variance,
        control_variance=noise,
        covariance=covariance,
        degrees=outcome.degrees,
        method=_RUBIN,
    )
    return ReachedEffect(
        effect=_rubin(both, outcome, confidence),
        delta=_delta(both, strength, confidence),
        reached_more=share,
        strength=strength,
    )


def _difference(treated: JointSample, control: JointSample, row: int) -> TwoMeans:
    variances = [arm.covariances[row][row] / arm.n for arm in (treated, control)]
    return TwoMeans(
        treated=treated.means[row],
        control=control.means[row],
        treated_variance=variances[0],
        control_variance=variances[1],
        covariance=0.0,
        degrees=satterthwaite((variances[0], treated.n), (variances[1], control.n)),
        method="Welch's t interval",
    )


def _rubin(both: TwoMeans, outcome: TwoMeans, confidence: float) -> Estimate:
    ratio = both.relative(confidence=confidence)
    if ratio.estimate is None or ratio.lower is None or ratio.upper is None:
        reason = (
            "the treated were not clearly reached more often than the others, so the effect has no bounds"
            if both.variance > 0.0 and ratio.reason and "control mean" in ratio.reason
            else ratio.reason or ""
        )
        return Estimate.missing(reason, method=_RUBIN, confidence=confidence)
    # "No effect" on the reached is "no effect" of assignment.
    return replace(
        ratio,
        estimate=ratio.estimate + 1.0,
        lower=ratio.lower + 1.0,
        upper=ratio.upper + 1.0,
        method=_RUBIN,
        p_value=outcome.difference(confidence=confidence).p_value,
    )


def _delta(both: TwoMeans, strength: Figure, confidence: float) -> Estimate:
    if strength.value is not None and strength.value < WEAK:
        return Estimate.missing(
            f"being reached hangs too little on being assigned (F = {strength.value:.1f}, under {WEAK:g})",
            method=_DELTA,
            confidence=confidence,
        )
    effect = both.treated / both.control
    variance = (
        both.treated_variance - 2.0 * effect * both.covariance + effect**2 * both.control_variance
    ) / both.control**2
    if variance <= 0.0:
        return Estimate.missing(
            "nothing varies within the arms", method=_DELTA, confidence=confidence
        )
    return student(effect, math.sqrt(variance), both.degrees, method=_DELTA, confidence=confidence)


def _missing(reason: str, confidence: float) -> ReachedEffect:
    return ReachedEffect(
        effect=Estimate.missing(reason, method=_RUBIN, confidence=confidence),
        delta=Estimate.missing(reason, method=_DELTA, confidence=confidence),
        reached_more=Estimate.missing(reason, method="Welch's t interval", confidence=confidence),
        strength=Figure(value=None, reason=reason),
    )
