"""Less noise through what was known before: CUPED with one or several covariates.

The outcome is adjusted by theta times the covariates' distance from their common mean. Theta is pooled over the arms,
each around its own mean: so a true effect cannot leak into it, the adjusted difference equals the coefficient of
treatment in a least-squares regression of the outcome on treatment and covariates, and adding an amount to every
treated outcome moves the estimate by exactly that amount.

Source: Deng, Xu, Kohavi, Walker (2013), Improving the sensitivity of online controlled experiments by utilizing
pre-experiment data. The share of the variance that comes from estimating theta is that of analysis of covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.intervals import satterthwaite, too_few_people, welch_means
from aimwell.stats.samples import FloatArray, JointSample
from aimwell.stats.two_means import TwoMeans

__all__ = ["Adjustment", "adjusted_means", "cuped", "plan_adjustment"]

_METHOD = "CUPED, then Welch's t interval"

# A covariate counts as constant below this share of its mean in standard deviation, and as a repeat of others below
# this eigenvalue of the correlation matrix: both are far under what prices or counts can show.
_CONSTANT = 1e-10
_REPEATED = 1e-9


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """What the covariates were used for.

    Attributes:
        used: Positions of the covariates in use; empty when nothing is adjusted.
        theta: Outcome per unit of each used covariate, in the order of `used`.
        variance_reduction: Share of the outcome's variance within the arms that the covariates take away (may be a
            little under 0 for useless ones); None when nothing is adjusted.
        reason: Why covariates, all or some, were left out; None when all are in use.
    """

    used: tuple[int, ...]
    theta: tuple[float, ...]
    variance_reduction: float | None
    reason: str | None

    @property
    def active(self) -> bool:
        """True when at least one covariate is in use."""
        return bool(self.used)


def _none(reason: str) -> Adjustment:
    return Adjustment(used=(), theta=(), variance_reduction=None, reason=reason)


@dataclass(frozen=True)
class _Within:
    """Sums of squares and products around each arm's own mean, added over the arms."""

    products: FloatArray
    degrees: int

    @classmethod
    def of(cls, treated: JointSample, control: JointSample) -> _Within:
        products = np.array(treated.covariances) * (treated.n - 1)
        products = products + np.array(control.covariances) * (control.n - 1)
        return cls(products, treated.n + control.n - 2)


def plan_adjustment(treated: JointSample, control: JointSample) -> Adjustment:
    """Theta for the covariates that can be used, and why the others cannot.

    A covariate that does not vary within the arms has no correlation with anything and is left out; so is one that
    others repeat. Where none is left the adjustment is empty and its reason says so.

    Raises:
        StatsError: The arms have different numbers of covariates.
    """
    if len(treated.means) != len(control.means):
        raise StatsError(
            f"The treated arm has {len(treated.means) - 1} covariates and the control arm "
            f"{len(control.means) - 1}. Both need the same."
        )
    count = len(treated.means) - 1
    if count == 0:
        return _none("no covariate was given")
    problem = too_few_people(treated.n, control.n)
    if problem is not None:
        return _none(problem)
    within = _Within.of(treated, control)
    if within.products[0, 0] <= 0.0:
        return _none(
            "the outcome does not vary, so its correlation with any covariate is undefined"
        )
    used, reason = _usable(treated, control, within)
    if not used:
        return _none(reason or "no covariate is usable")
    if within.degrees - len(used) < 1:
        return _none(f"{treated.n + control.n} people are too few for {len(used)} covariates")
    return _solved(within, used, reason)


def _usable(
    treated: JointSample, control: JointSample, within: _Within
) -> tuple[tuple[int, ...], str | None]:
    """Positions of the covariates that vary and say something new, and why the others do not."""
    count = len(treated.means) - 1
    spread = np.sqrt(np.diag(within.products)[1:] / within.degrees)
    size = np.maximum(np.abs(treated.means[1:]), np.abs(control.means[1:]))
    varying = [i for i in range(count) if spread[i] > _CONSTANT * size[i] and spread[i] > 0.0]
    used: list[int] = []
    for i in varying:
        if not used:
            used.append(i)
            continue
        rows = [j + 1 for j in [*used, i]]
        scale = np.sqrt(np.diag(within.products)[rows])
        correlations = within.products[np.ix_(rows, rows)] / np.outer(scale, scale)
        if np.linalg.eigvalsh(correlations)[0] > _REPEATED:
            used.append(i)
    reasons = []
    for left_out, why in (
        (count - len(varying), "constant, so the correlation is undefined"),
        (len(varying) - len(used), "repeated by the others"),
    ):
        if left_out and count == 1:
            reasons.append(f"the covariate is {why}")
        elif left_out:
            reasons.append(f"{left_out} of {count} covariates: {why}")
    return tuple(used), "; ".join(reasons) or None


def _solved(within: _Within, used: tuple[int, ...], reason: str | None) -> Adjustment:
    rows = [i + 1 for i in used]
    scale = np.sqrt(np.diag(within.products)[rows])
    correlations = within.products[np.ix_(rows, rows)] / np.outer(scale, scale)
    theta = np.linalg.solve(correlations, within.products[rows, 0] / scale) / scale
    left = within.products[0, 0] - theta @ within.products[rows, 0]
    before = within.products[0, 0] / within.degrees
    after = max(left, 0.0) / (within.degrees - len(used))
    return Adjustment(
        used=used,
        theta=tuple(float(value) for value in theta),
        variance_reduction=float(1.0 - after / before),
        reason=reason,
    )


def adjusted_means(treated: JointSample, control: JointSample, adjustment: Adjustment) -> TwoMeans:
    """Both means at the covariates' common mean, with the uncertainty of theta counted in.

    With an empty adjustment these are the plain means with Welch's variances.
    """
    if not adjustment.active:
        return welch_means(treated.outcome, control.outcome)
    rows = [i + 1 for i in adjustment.used]
    theta = np.array(adjustment.theta)
    within = _Within.of(treated, control)
    free = within.degrees - len(rows)
    weights = np.concatenate([[1.0], -theta])
    variances = []
    for arm in (treated, control):
        matrix = np.array(arm.covariances)[np.ix_([0, *rows], [0, *rows])]
        # Each covariate takes one degree of freedom from the two arms together.
        variances.append(
            max(float(weights @ matrix @ weights), 0.0) * within.degrees / free / arm.n
        )
    gap = np.array(treated.means)[rows] - np.array(control.means)[rows]
    whole = treated.n + control.n
    theirs, ours = control.n / whole, treated.n / whole
    leverage = _theta_variance(within, rows, theta, gap)
    degrees = satterthwaite((variances[0], treated.n), (variances[1], control.n))
    return TwoMeans(
        treated=float(treated.means[0] - theirs * theta @ gap),
        control=float(control.means[0] + ours * theta @ gap),
        treated_variance=variances[0] + theirs**2 * leverage,
        control_variance=variances[1] + ours**2 * leverage,
        covariance=-theirs * ours * leverage,
        degrees=max(degrees - len(rows), 1.0),
        method=_METHOD,
    )


def _theta_variance(within: _Within, rows: list[int], theta: FloatArray, gap: FloatArray) -> float:
    """Variance of `theta @ gap`: what is unsure of theta, where the arms differ in their covariates."""
    left = max(float(within.products[0, 0] - theta @ within.products[rows, 0]), 0.0)
    scale = np.sqrt(np.diag(within.products)[rows])
    correlations = within.products[np.ix_(rows, rows)] / np.outer(scale, scale)
    distance = gap / scale
    return (
        float(distance @ np.linalg.solve(correlations, distance))
        * left
        / (within.degrees - len(rows))
    )


def cuped(
    treated: JointSample, control: JointSample, *, confidence: float = DEFAULT_CONFIDENCE
) -> tuple[Estimate, Adjustment]:
    """The adjusted difference of means, treated less control, and what the adjustment did.

    Without a usable covariate it is Welch's interval, and the adjustment's reason says why.
    """
    checked_share(confidence, name="confidence")
    adjustment = plan_adjustment(treated, control)
    problem = too_few_people(treated.n, control.n)
    if problem is not None:
        return Estimate.missing(problem, method=_METHOD, confidence=confidence), adjustment
    means = adjusted_means(treated, control, adjustment)
    return means.difference(confidence=confidence), adjustment
