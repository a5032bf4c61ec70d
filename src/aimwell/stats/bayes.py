"""The Bayesian view of a difference: what to believe, given a stated prior.

It answers in the words that people use anyway: how probable is it that sending is better, and how much would be lost by the
wrong choice? It says so of a prior, which must be shown with it. It is no licence to look daily and stop when it pleases:
the share of wrong stops is as stated only on average over effects drawn from that very prior. For daily looks take the always-valid
interval.

The normal posterior rests on the estimate and its standard error. Where earlier campaigns are there, the prior is what a next
campaign of their kind would be expected to bring; otherwise a weak one around no effect, of a size that is said in
words. Shares have Beta posteriors with Jeffreys' prior.

Sources: Gelman and others (2013), Bayesian data analysis, sections 2.5 and 2.9; Stucchio (2015), Bayesian A/B testing at VWO
(expected loss); Deng, Lu and Chen (2016), Continuous monitoring of A/B tests without pain (where looking is safe).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv, ndtr, ndtri

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.meta_analysis import Pooled
from aimwell.stats.roots import root
from aimwell.stats.two_means import TwoMeans

__all__ = [
    "WEAK_LIFT",
    "Belief",
    "Prior",
    "believed_difference",
    "believed_share_difference",
    "prior_of_campaigns",
    "weak_prior",
]

WEAK_LIFT = 0.2
"""Standard deviation of the weak prior, as a share of the control mean."""

_JEFFREYS = 0.5
_SHARES = "Beta posteriors with Jeffreys' prior"
# Nodes for the integral over one of the two shares; its integrand is smooth.
_PLACES, _WEIGHTS = np.polynomial.legendre.leggauss(400)


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What was believed of the difference before: a normal law, in the unit of the outcome.

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


def weak_prior(control_mean: float, *, lift: float = WEAK_LIFT) -> Prior | str:
    """A prior around no effect under which two of three campaigns move the control mean by no more than `lift` of it.

    Returns:
        The prior, or why there is none (a control mean that is not above zero).
    """
    if not control_mean > 0.0:
        return f"the control mean is {control_mean:.4g}, so a usual size of effects cannot be told from it"
    return Prior(
        mean=0.0,
        deviation=lift * control_mean,
        words=f"no effect on average; two of three campaigns within {100 * lift:.0f} % of the control mean either way",
    )


def prior_of_campaigns(pooled: Pooled, *, scale: float = 1.0) -> Prior | str:
    """What a next campaign like the earlier ones would bring, as known before it.

    Args:
        pooled: Of the earlier campaigns.
        scale: Turns their unit into that of the outcome: the control mean, where they are relative lifts.
    """
    if pooled.mean.estimate is None or pooled.error is None or pooled.between is None:
        return pooled.mean.reason or "the earlier campaigns have no common mean"
    deviation = math.sqrt(pooled.between + pooled.error**2)
    return Prior(
        mean=scale * pooled.mean.estimate,
        deviation=scale * deviation,
        words=f"{pooled.count} earlier campaigns",
    )


def believed_difference(
    means: TwoMeans, prior: Prior, *, confidence: float = DEFAULT_CONFIDENCE
) -> Belief:
    """The normal posterior of a difference of means."""
    checked_share(confidence, name="confidence")
    method = f"normal posterior; prior: {prior.words}"
    if means.variance <= 0.0:
        reason = means.difference(confidence=confidence).reason or "nothing varies"
        return _none(reason, method, prior.words, confidence)
    gap, precision = means.treated - means.control, 1.0 / means.variance
    before = 1.0 / prior.deviation**2
    mean = (gap * precision + prior.mean * before) / (precision + before)
    deviation = 1.0 / math.sqrt(precision + before)
    half = deviation * float(ndtri(0.5 + confidence / 2.0))
    z = mean / deviation
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return Belief(
        difference=Estimate(
            estimate=mean,
            lower=mean - half,
            upper=mean + half,
            confidence=confidence,
            method=method,
        ),
        better=float(ndtr(z)),
        loss_if_sent=max(deviation * density - mean * float(ndtr(-z)), 0.0),
        loss_if_not=max(deviation * density + mean * float(ndtr(z)), 0.0),
        prior=prior.words,
    )


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
