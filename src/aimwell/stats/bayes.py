"""The Bayesian view of an effect: what to believe, given a stated prior.

It answers in the words that people use anyway: how probable is it that sending is better, and how much would be lost by the
wrong choice? It says so of a prior, which must be shown with it. It is no licence to look daily and stop when it pleases:
the share of wrong stops is as stated only on average over effects drawn from that very prior. For daily looks take the always-valid
interval.

Campaigns are alike in the *share* by which they move what people spend, so the prior is a normal law of the logarithm of the ratio of both
means: what a next campaign of the kind of the earlier ones would bring, or, where they are too few, a weak one around no effect, whose size is
said in words. The likelihood is that of both means, each with its error. The control mean, of which nothing is believed before but that it is above
zero, is integrated out, so its own error counts wherever it stands, and no bound of the difference lies below a loss of all that the control brings.
Shares have Beta posteriors with Jeffreys' prior.

Sources: Gelman and others (2013), Bayesian data analysis, sections 2.5, 2.9 and 3.2 (Student's law where variances are estimated); Hedges, Gurevitch and
Curtis (1999) for the logarithm of ratios; Stucchio (2015), Bayesian A/B testing at VWO (expected loss); Deng, Lu and Chen (2016), Continuous
monitoring of A/B tests without pain (where looking is safe).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv, ndtr

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.meta_analysis import Pooled
from aimwell.stats.roots import root
from aimwell.stats.samples import FloatArray
from aimwell.stats.two_means import TwoMeans, control_mean_problem

__all__ = [
    "WEAK_LIFT",
    "Belief",
    "Prior",
    "believed_change",
    "believed_share_difference",
    "prior_of_campaigns",
    "weak_prior",
]

WEAK_LIFT = 0.2
"""The lift within which two of three campaigns lie under the weak prior; falls as far as its reverse."""

_JEFFREYS = 0.5
_SHARES = "Beta posteriors with Jeffreys' prior"
# Nodes for the integral over one of the two shares; its integrand is smooth.
_PLACES, _WEIGHTS = np.polynomial.legendre.leggauss(400)
_REACH = 9.0
"""Deviations to each side over which the ratio is integrated, with so many nodes:"""
_NODES = 1_001
_FURTHEST = 150.0
"""Of the logarithm of a ratio: what lies beyond has no weight beside any campaign's figures, and squares would overflow."""
_NO_WEIGHT = 1e-18


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What was believed of the ratio of both means before: a normal law of its logarithm.

    Attributes:
        mean, deviation: Of the normal law.
        words: Where it comes from, for a reader.
    """

    mean: float
    deviation: float
    words: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and 0.0 < self.deviation < math.inf):
            raise StatsError(
                f"A prior needs a finite mean and a deviation above 0, not {self.mean!r} and {self.deviation!r}."
            )


@dataclass(frozen=True, kw_only=True)
class Belief:
    """What is believed now.

    Attributes:
        difference: Treated less control: the posterior's mean with the central credible interval.
        better: Probability that the treated do better, 0–1; None where the difference is missing.
        loss_if_sent, loss_if_not: What the choice to send, or not to send, is expected to lose per person against the better of the
            two.
        prior: In words.
    """

    difference: Estimate
    better: float | None
    loss_if_sent: float | None
    loss_if_not: float | None
    prior: str


def weak_prior(lift: float = WEAK_LIFT) -> Prior:
    """A prior around no effect: two of three campaigns raise the control mean by no more than `lift`, nor lower it by the reverse."""
    fall = lift / (1.0 + lift)
    return Prior(
        mean=0.0,
        deviation=math.log1p(lift),
        words=f"no effect on average; two of three campaigns between \N{MINUS SIGN}{100 * fall:.0f} % and +{100 * lift:.0f} % of the control mean",
    )


def prior_of_campaigns(pooled: Pooled) -> Prior | str:
    """What a next campaign like the earlier ones would bring, as known before it.

    The normal law with the length of the prediction interval, in which it counts how little a few campaigns tell of how far campaigns differ. (With
    the variance between them taken for known, as estimated, three campaigns that happen to agree would make the prior sure of itself.)

    Args:
        pooled: Of the logarithms of ratios of the earlier campaigns.
    """
    deviation = pooled.next.normal_error
    if pooled.next.estimate is None or deviation is None:
        return pooled.next.reason or "the earlier campaigns do not tell what a next one may bring"
    return Prior(
        mean=pooled.next.estimate,
        deviation=deviation,
        words=f"{pooled.count} earlier campaigns",
    )


def believed_change(
    means: TwoMeans, prior: Prior, *, confidence: float = DEFAULT_CONFIDENCE
) -> Belief:
    """The posterior of a difference of means, by what was believed of their ratio.

    With the ratio r given, T − r C has the mean 0 and a variance that is known, and the control mean has a normal law above 0; so only r is
    integrated by numbers.
    """
    checked_share(confidence, name="confidence")
    method = f"posterior of both means; prior of their ratio: {prior.words}"
    reason = control_mean_problem(means.control, clear=True)
    if means.variance <= 0.0:
        reason = means.difference(confidence=confidence).reason
    if reason is not None:
        return _none(reason, method, prior.words, confidence)
    logs = _log_ratios(means, prior)
    ratios, steps = np.exp(logs), np.gradient(logs)
    off = means.treated - ratios * means.control
    spread = (
        means.treated_variance
        - 2.0 * ratios * means.covariance
        + ratios**2 * means.control_variance
    )
    centre = (
        ratios * (means.control_variance * means.treated - means.covariance * means.control)
        + means.treated_variance * means.control
        - means.covariance * means.treated
    ) / spread
    left = means.treated_variance * means.control_variance - means.covariance**2
    width = np.sqrt(np.maximum(left / spread, (1e-9 * means.control) ** 2))
    above = ndtr(centre / width)
    log_weight = (
        -0.5 * ((logs - prior.mean) / prior.deviation) ** 2
        - 0.5 * np.log(spread)
        - 0.5 * (means.degrees + 1.0) * np.log1p(off**2 / (means.degrees * spread))
        + np.log(np.maximum(above, 1e-300))
    )
    weight = steps * np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    # What has no weight would only widen the search for the bounds: a prior of campaigns that contradict each other reaches very far.
    told = weight > _NO_WEIGHT
    weight, ratios, centre, width, above = (
        one[told] for one in (weight, ratios, centre, width, above)
    )
    weight /= weight.sum()
    change = ratios - 1.0
    density = np.exp(-0.5 * (centre / width) ** 2) / math.sqrt(2.0 * math.pi)
    control = centre + width * density / np.maximum(above, 1e-300)
    gain = float(weight @ (np.maximum(change, 0.0) * control))
    loss = float(weight @ (np.maximum(-change, 0.0) * control))

    def at_most(value: float) -> float:
        """Probability that the difference is at most so much."""
        bound = value / np.where(change == 0.0, 1.0, change)
        under = (ndtr((bound - centre) / width) - ndtr(-centre / width)) / np.maximum(above, 1e-300)
        under = np.clip(under, 0.0, 1.0)
        same = float(value >= 0.0)
        return float(
            weight @ np.where(change > 0.0, under, np.where(change < 0.0, 1.0 - under, same))
        )

    most = float((centre + _REACH * width).max())
    tail = (1.0 - confidence) / 2.0

    def quantile(level: float) -> float:
        highest = most * max(float(change[-1]), 1.0)
        return root(lambda value: at_most(value) - level, -most, highest, within=1e-9 * most)

    return Belief(
        difference=Estimate(
            estimate=gain - loss,
            lower=quantile(tail),
            upper=quantile(1.0 - tail),
            confidence=confidence,
            method=method,
        ),
        better=float(weight @ np.heaviside(change, 0.5)),
        loss_if_sent=loss,
        loss_if_not=gain,
        prior=prior.words,
    )


def _log_ratios(means: TwoMeans, prior: Prior) -> FloatArray:
    """Nodes over all that the prior holds for possible, closer ones where it and the measured ratio meet, and no change."""
    spans = [(prior.mean, prior.deviation)]
    if means.treated > 0.0:
        variance = (
            means.treated_variance / means.treated**2
            + means.control_variance / means.control**2
            - 2.0 * means.covariance / (means.treated * means.control)
        )
        share = 1.0 / (1.0 + variance / prior.deviation**2)
        measured = math.log(means.treated / means.control)
        middle = share * measured + (1.0 - share) * prior.mean
        spans.append((middle, math.sqrt(share * variance)))
    nodes = [
        np.linspace(middle - _REACH * width, middle + _REACH * width, _NODES)
        for middle, width in spans
    ]
    return np.unique(np.clip(np.concatenate([[0.0], *nodes]), -_FURTHEST, _FURTHEST))


def believed_share_difference(
    treated: tuple[int, int],
    control: tuple[int, int],
    *,
    prior: tuple[float, float] = (_JEFFREYS, _JEFFREYS),
    confidence: float = DEFAULT_CONFIDENCE,
) -> Belief:
    """The posterior of a difference of two shares, each (people who did it, people), in probability points.

    Args:
        treated, control: Counts.
        prior: Parameters of the Beta prior of each share.
        confidence: Of the central credible interval.
    """
    checked_share(confidence, name="confidence")
    a, b = prior
    words = f"Beta({a:g}, {b:g}) of each share"
    if not (a > 0.0 and b > 0.0):
        raise StatsError(f"The prior Beta({a!r}, {b!r}) is none; both must be above 0.")
    for did, n in (treated, control):
        if not 0 <= did <= n:
            raise StatsError(f"{did} of {n} people cannot be. Count each person once.")
    if not (treated[1] and control[1]):
        return _none("an arm has nobody in it", _SHARES, words, confidence)
    high, low = ((a + did, b + n - did) for did, n in (treated, control))
    grid = betaincinv(*low, (_PLACES + 1.0) / 2.0)
    weights = _WEIGHTS / 2.0

    def at_most(difference: float) -> float:
        """Probability that the difference is at most so much, over the control's share."""
        return float(weights @ betainc(*high, np.clip(grid + difference, 0.0, 1.0)))

    tail = (1.0 - confidence) / 2.0

    def quantile(level: float) -> float:
        return root(lambda difference: at_most(difference) - level, -1.0, 1.0, within=1e-9)

    lower, upper = quantile(tail), quantile(1.0 - tail)
    mean = high[0] / sum(high) - low[0] / sum(low)
    # E max(c − T, 0) over T below c is c F(c) less the part of T's mean that lies below c.
    part = high[0] / sum(high) * betainc(high[0] + 1.0, high[1], grid)
    loss = max(float(weights @ (grid * betainc(*high, grid) - part)), 0.0)
    return Belief(
        difference=Estimate(
            estimate=mean, lower=lower, upper=upper, confidence=confidence, method=_SHARES
        ),
        better=1.0 - at_most(0.0),
        loss_if_sent=loss,
        loss_if_not=max(loss + mean, 0.0),
        prior=words,
    )


def _none(reason: str, method: str, words: str, confidence: float) -> Belief:
    return Belief(
        difference=Estimate.missing(reason, method=method, confidence=confidence),
        better=None,
        loss_if_sent=None,
        loss_if_not=None,
        prior=words,
    )
