"""Many campaigns, or segments, together: what they have in common, and how much they differ beyond chance.

Effects of different campaigns are not one effect measured several times: the random-effects model gives each its own, drawn around a
common mean with the variance `between`. Its mean has the interval of Hartung and Knapp (Student's law; never shorter than the one
that trusts the given errors), and a prediction interval says what a next campaign of the kind may bring.

The same people in several campaigns make the errors go together (waves of a campaign keep who is held out); with the correlations given
all formulas are those along the axes of the errors (`effect_axes`).

Whether effects differ at all is asked by Cochran's Q; I² is the share of their spread that is not chance.

Sources: Cochran (1954); DerSimonian and Laird (1986); Viechtbauer (2005) for REML; Hartung and Knapp (2001), with the lower limit of 1
of Knapp and Hartung (2003); Higgins and Thompson (2002) for I²; Viechtbauer (2007) for the generalised Q; Nagashima, Noma and
Furukawa (2019), Prediction intervals for random-effects meta-analysis: a confidence distribution approach, algorithm 1, here by
quadrature in place of draws. (The usual interval of Higgins, Thompson and Spiegelhalter takes the variance between campaigns
for known: for eight campaigns it was measured to cover 88 instead of 95 %.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import chdtrc, chdtri, ndtr, stdtrit

from aimwell.stats.effect_axes import Axes
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.intervals import satterthwaite, student
from aimwell.stats.next_effect import FEWEST_CAMPAIGNS, betweens
from aimwell.stats.roots import root
from aimwell.stats.samples import FloatArray
from aimwell.stats.two_means import TwoMeans

__all__ = ["Homogeneity", "Pooled", "homogeneity", "interaction", "pool"]

_LEVELS = 120
_METHODS = {"reml": "REML", "dersimonian_laird": "DerSimonian and Laird"}


@dataclass(frozen=True, kw_only=True)
class Homogeneity:
    """Whether effects differ by more than chance.

    Attributes:
        count: Effects.
        q: Cochran's Q; None with under two effects.
        p_value: Of "all effects are the same".
        i_squared: Share of the spread that is not chance, 0–1.
        reason: Why it is missing.
    """

    count: int
    q: float | None
    p_value: float | None
    i_squared: float | None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """What several campaigns have in common.

    Attributes:
        count: Campaigns.
        mean: Of the effects of campaigns like these.
        error: Standard error of the mean by Hartung and Knapp; None where it is missing.
        between: Variance of the true effects; None where it is missing.
        next: What the true effect of a next campaign of the kind may be; needs three campaigns.
        homogeneity: Whether they differ by more than chance.
    """

    count: int
    mean: Estimate
    error: float | None
    between: float | None
    next: Estimate
    homogeneity: Homogeneity


def homogeneity(effects: Sequence[float], errors: Sequence[float]) -> Homogeneity:
    """Cochran's test that all effects are the same, for effects of people who do not overlap.

    Args:
        effects: One a campaign or segment.
        errors: Their standard errors, above 0.
    """
    return _homogeneity(Axes.of(effects, errors))


def _homogeneity(axes: Axes) -> Homogeneity:
    count = len(axes.effect)
    if count < 2:
        return Homogeneity(
            count=count,
            q=None,
            p_value=None,
            i_squared=None,
            reason=f"there {'is one effect' if count == 1 else 'are no effects'}; two are needed to differ",
        )
    q = float(axes.q(axes.weights()))
    return Homogeneity(
        count=count,
        q=q,
        p_value=float(chdtrc(count - 1, q)),
        i_squared=max(0.0, 1.0 - (count - 1) / q) if q > 0.0 else 0.0,
    )


def interaction(first: TwoMeans, other: TwoMeans) -> TwoMeans:
    """By how much the effect on some differs from that on others, none of whom are the same: a difference of differences.

    Args:
        first, other: Both arms of a segment, and of all who are not in it.
    """
    pairs = [(one.variance, one.degrees + 1.0) for one in (first, other)]
    return TwoMeans(
        treated=first.treated - first.control,
        control=other.treated - other.control,
        treated_variance=first.variance,
        control_variance=other.variance,
        covariance=0.0,
        degrees=satterthwaite(*pairs),
        method=f"difference of two effects, {first.method}",
    )


def pool(
    effects: Sequence[float],
    errors: Sequence[float],
    *,
    correlations: FloatArray | None = None,
    method: Literal["reml", "dersimonian_laird"] = "reml",
    confidence: float = DEFAULT_CONFIDENCE,
) -> Pooled:
    """The random-effects mean of several campaigns, and what a next one may bring.

    Args:
        effects: One a campaign, in one unit (relative lifts compare across campaigns).
        errors: Their standard errors, above 0.
        correlations: Of the errors, where people stand in several campaigns; None: they are independent.
        method: How the variance between campaigns is found.
        confidence: Of both intervals.
    """
    checked_share(confidence, name="confidence")
    axes = Axes.of(effects, errors, correlations)
    count, same = len(axes.effect), _homogeneity(axes)
    kind = f"random effects ({_METHODS[method]}){'' if correlations is None else ' with correlated errors'}"
    name = f"{kind}, Hartung and Knapp's interval"
    ahead = f"{kind}, prediction interval over the confidence distribution of their variance"
    if count < 2:
        reason = f"there {'is one campaign' if count == 1 else 'are no campaigns'}; two are needed"
        return Pooled(
            count=count,
            mean=Estimate.missing(reason, method=name, confidence=confidence),
            error=None,
            between=None,
            next=Estimate.missing(reason, method=ahead, confidence=confidence),
            homogeneity=same,
        )
    between = _reml(axes, effects) if method == "reml" else _dersimonian_laird(axes)
    weights = axes.weights(between)
    mean = float(axes.mean(weights))
    spread = float(axes.q(weights)) / (count - 1)
    error = math.sqrt(max(spread, 1.0) / float(axes.total(weights)))
    return Pooled(
        count=count,
        mean=student(mean, error, count - 1, method=name, confidence=confidence),
        error=error,
        between=between,
        next=_next(axes, mean, ahead, confidence),
        homogeneity=same,
    )


def _next(axes: Axes, mean: float, method: str, confidence: float) -> Estimate:
    count = len(axes.effect)
    if count < FEWEST_CAMPAIGNS:
        return Estimate.missing(
            "three campaigns are needed, and there are two",
            method=method,
            confidence=confidence,
        )
    levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
    between = betweens(axes, chdtri(count - 1, levels))
    weights = axes.weights(between)
    errors = np.sqrt(np.maximum(axes.q(weights) / (count - 1), 1.0) / axes.total(weights))
    centres = axes.mean(weights)[:, None] - errors[:, None] * stdtrit(count - 1, levels[None, ::4])
    # Where nothing is between them the law is a step; a trace of width keeps it a function.
    widths = np.sqrt(np.maximum(between, 1e-12 * float(axes.noise.min())))[:, None]

    def at_most(value: float) -> float:
        return float(ndtr((value - centres) / widths).mean())

    tail = (1.0 - confidence) / 2.0
    reach = 20.0 * float(np.abs(centres - mean).max() + widths.max())

    def quantile(level: float) -> float:
        return root(
            lambda value: at_most(value) - level, mean - reach, mean + reach, within=1e-7 * reach
        )

    return Estimate(
        estimate=mean,
        lower=min(quantile(tail), mean),
        upper=max(quantile(1.0 - tail), mean),
        confidence=confidence,
        method=method,
    )


def _dersimonian_laird(axes: Axes) -> float:
    weights = axes.weights()
    scale = float(
        weights.sum() - (weights * axes.part) @ (weights * axes.part) / axes.total(weights)
    )
    return max(0.0, (float(axes.q(weights)) - (len(axes.effect) - 1)) / scale)


def _reml(axes: Axes, effects: Sequence[float]) -> float:
    """Where the restricted likelihood's slope is zero; 0 where it falls from the start."""

    def slope(between: float) -> float:
        weights = axes.weights(between)
        squares = float(weights**2 @ axes.away(weights) ** 2)
        own = float(weights**2 @ axes.part**2) / float(axes.total(weights))
        return squares - float(weights.sum()) + own

    if slope(0.0) <= 0.0:
        return 0.0
    most = max(float(np.var(effects)), float(axes.noise.max()))
    while slope(most) > 0.0:
        most *= 2.0
    return root(slope, 0.0, most, within=1e-12 * most)
