"""Intervals that may be looked at every day.

A fixed interval holds the truth 95 times in 100 at one look that was settled before. Who looks every day and stops when
the interval excludes zero is wrong far more often. An always-valid interval (a confidence sequence) holds it at all looks
together: whenever somebody looks, and whyever they stop.

What it is about is the effect *to date*: of what people did until the look, per person assigned. That truth grows with
time, so the intervals of several days are of several truths and must not be intersected.

The bound. Times the people, the error of the estimate is close to a Brownian motion whose clock is its variance (if what
people do later does not go against what they did before, it strays less than that, and the interval holds all the more:
Slepian's inequality). With a normal mixture over drifts, Ville's inequality gives for all times at once

    |error| / standard error ≤ sqrt((1 + 1 / (m f)) (log(1 + m f) + 2 log(1 / α)))

where f is the share of the planned information that there is by now and m = 2 log(1 / α) + log(1 + 2 log(1 / α)) makes the
interval shortest at f = 1, the planned end: there it is 1.55 times as long as a fixed one at 95 %. Student's law takes the
place of the normal one in small arms, by equal tails.

Sources: Robbins (1970), Statistical methods related to the law of the iterated logarithm; Howard, Ramdas, McAuliffe and
Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences, equation 14; Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic confidence sequences, theorem 2.2 and appendix
B.2 (the choice of m); Johari, Koomen, Pekelis and Walsh (2022), Always valid inference, equation 9 (the p-value).
"""

from __future__ import annotations

import math
from dataclasses import replace

from scipy.special import ndtr, ndtri

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.two_means import TwoMeans

__all__ = [
    "FIRST_LOOK",
    "always_valid_difference",
    "always_valid_p_value",
    "always_valid_relative",
    "as_always_valid",
    "one_look_confidence",
    "reach",
    "too_early",
]

FIRST_LOOK = 0.1
"""Looks of a campaign before this share of its window say nothing: the interval would reach four standard errors and more, and of
outcomes so few no law is to be trusted that far out."""


def too_early(fraction: float) -> str | None:
    """Why there is no always-valid interval yet; None where there is."""
    if fraction >= FIRST_LOOK:
        return None
    return (
        f"only {100 * fraction:.0f} % of the planned time has passed; an interval that holds at every look needs "
        f"{100 * FIRST_LOOK:.0f} %"
    )


def reach(fraction: float, *, confidence: float = DEFAULT_CONFIDENCE) -> float:
    """How many standard errors the interval reaches to each side.

    Args:
        fraction: The share of the planned information that there is by now, above 0: people or, where all are assigned
            at once, the part of the window that has passed. More than 1 after the planned end.
        confidence: With which all looks together hold the truth.
    """
    clock, surprise = _clock(fraction, confidence)
    return math.sqrt((1.0 + 1.0 / clock) * (math.log1p(clock) + surprise))


def always_valid_p_value(
    deviations: float, *, fraction: float, confidence: float = DEFAULT_CONFIDENCE
) -> float:
    """The p-value of "no difference" that is at most α with a probability of at most α at all looks together.

    It is at most one less `confidence` exactly when the interval excludes zero. One over it is an e-value.

    Args:
        deviations: The difference in standard errors.
        fraction: As in `reach`.
        confidence: For which the interval is tuned.
    """
    clock, _ = _clock(fraction, confidence)
    exponent = 0.5 * math.log1p(clock) - 0.5 * deviations**2 * clock / (1.0 + clock)
    return math.exp(min(exponent, 0.0))


def always_valid_difference(
    means: TwoMeans, *, fraction: float, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """Treated less control to date, with an interval that holds at all looks together."""
    found = means.difference(
        confidence=confidence, deviations=reach(fraction, confidence=confidence)
    )
    return _told(found, means, fraction, confidence)


def always_valid_relative(
    means: TwoMeans, *, fraction: float, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """Treated over control to date, less one: every ratio that the always-valid test does not reject."""
    found = means.relative(confidence=confidence, deviations=reach(fraction, confidence=confidence))
    return _told(found, means, fraction, confidence)


def one_look_confidence(fraction: float, *, confidence: float = DEFAULT_CONFIDENCE) -> float:
    """The confidence of a fixed interval that reaches as far as the always-valid one: how other methods are made always valid.

    `confidence` itself where it is too early for a look, as the answer will be missing anyway.
    """
    if too_early(fraction) is not None:
        return confidence
    return 1.0 - 2.0 * float(ndtr(-reach(fraction, confidence=confidence)))


def as_always_valid(
    found: Estimate, *, fraction: float, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """An estimate whose interval was made with `one_look_confidence`, as what it is: valid at all looks together.

    Missing where it is too early for a look.
    """
    early = too_early(fraction)
    if found.defined and early is not None:
        return Estimate.missing(early, method=found.method, confidence=confidence)
    p_value = found.p_value
    if p_value is not None:
        deviations = -float(ndtri(p_value / 2.0))
        p_value = always_valid_p_value(deviations, fraction=fraction, confidence=confidence)
    return _named(replace(found, confidence=confidence, p_value=p_value))


def _told(found: Estimate, means: TwoMeans, fraction: float, confidence: float) -> Estimate:
    deviations = means.deviations
    if not found.defined or deviations is None:
        return _named(found)
    p_value = always_valid_p_value(deviations, fraction=fraction, confidence=confidence)
    return _named(replace(found, p_value=p_value))


def _named(found: Estimate) -> Estimate:
    return replace(found, method=f"{found.method}, always valid (normal mixture)")


def _clock(fraction: float, confidence: float) -> tuple[float, float]:
    """Information in units of the mixture's variance, and twice the log of one over α."""
    checked_share(confidence, name="confidence")
    if not 0.0 < fraction < math.inf:
        raise StatsError(
            f"The share of the planned information is {fraction!r}. It must be above 0 and finite."
        )
    surprise = -2.0 * math.log1p(-confidence)
    return fraction * (surprise + math.log1p(surprise)), surprise
