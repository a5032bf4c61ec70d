"""Intervals for one proportion, for the difference of two, and for the difference of two means."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.roots import root
from aimwell.stats.samples import Sample, as_sample
from aimwell.stats.two_means import TwoMeans

__all__ = [
    "newcombe",
    "satterthwaite",
    "student",
    "too_few_people",
    "welch",
    "welch_means",
    "wilson",
]

_WILSON = "Wilson's score interval"
_NEWCOMBE = "Newcombe's hybrid score interval"
_WELCH = "Welch's t interval"


def _checked_counts(successes: int, n: int, *, name: str) -> None:
    for count, what in ((successes, "successes"), (n, "people")):
        if isinstance(count, bool) or int(count) != count or count < 0:
            raise StatsError(
                f"The {name} has {count!r} {what}. A count is a whole number, 0 or more."
            )
    if successes > n:
        raise StatsError(
            f"The {name} has {successes} successes among {n} people. Count each person once."
        )


def _wilson_bounds(successes: int, n: int, z: float) -> tuple[float, float]:
    share = successes / n
    spread = z * math.sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n))
    middle, whole = share + z * z / (2.0 * n), 1.0 + z * z / n
    lower = 0.0 if successes == 0 else (middle - spread) / whole
    upper = 1.0 if successes == n else (middle + spread) / whole
    return lower, upper


def wilson(successes: int, n: int, *, confidence: float = DEFAULT_CONFIDENCE) -> Estimate:
    """The share of people who did it, 0–1, with Wilson's interval (no continuity correction).

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    checked_share(confidence, name="confidence")
    _checked_counts(successes, n, name="group")
    if n == 0:
        return Estimate.missing(
            "there is nobody in the group", method=_WILSON, confidence=confidence
        )
    lower, upper = _wilson_bounds(successes, n, float(ndtri(0.5 + confidence / 2.0)))
    return Estimate(
        estimate=successes / n, lower=lower, upper=upper, confidence=confidence, method=_WILSON
    )


def newcombe(
    *,
    treated_successes: int,
    treated_n: int,
    control_successes: int,
    control_n: int,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The difference of two shares, treated less control, in probability points (−1 to 1).

    The p-value is one less the confidence at which the interval would just touch zero, so it is under one less
    `confidence` exactly when the interval excludes zero.

    Source: Newcombe (1998), Interval estimation for the difference between independent proportions, method 10.
    """
    checked_share(confidence, name="confidence")
    _checked_counts(treated_successes, treated_n, name="treated arm")
    _checked_counts(control_successes, control_n, name="control arm")
    if not (treated_n and control_n):
        arm = "control" if treated_n else "treated"
        return Estimate.missing(
            f"there is nobody in the {arm} arm", method=_NEWCOMBE, confidence=confidence
        )
    high, low = (treated_successes, treated_n), (control_successes, control_n)
    lower, upper = _newcombe_bounds(high, low, float(ndtri(0.5 + confidence / 2.0)))
    return Estimate(
        estimate=treated_successes / treated_n - control_successes / control_n,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method=_NEWCOMBE,
        p_value=_newcombe_p_value(high, low),
    )


def _newcombe_bounds(
    treated: tuple[int, int], control: tuple[int, int], z: float
) -> tuple[float, float]:
    share_t, share_c = treated[0] / treated[1], control[0] / control[1]
    lower_t, upper_t = _wilson_bounds(*treated, z)
    lower_c, upper_c = _wilson_bounds(*control, z)
    gap = share_t - share_c
    return (
        gap - math.hypot(share_t - lower_t, upper_c - share_c),
        gap + math.hypot(upper_t - share_t, share_c - lower_c),
    )


def _newcombe_p_value(treated: tuple[int, int], control: tuple[int, int]) -> float:
    gap = treated[0] / treated[1] - control[0] / control[1]
    if gap == 0.0:
        return 1.0
    if gap < 0.0:
        treated, control = control, treated
    touching = root(lambda z: _newcombe_bounds(treated, control, z)[0], 1e-12, 1e6, within=1e-12)
    return 2.0 * float(ndtr(-touching))


def too_few_people(treated_n: int, control_n: int) -> str | None:
    """Why two arms of these sizes give no interval for means; None when they may."""
    for arm, n in (("treated", treated_n), ("control", control_n)):
        if n < 2:
            found = "nobody" if n == 0 else "one person"
            return f"the {arm} arm has {found}; an interval needs at least two people in each arm"
    return None


def student(
    value: float,
    error: float,
    degrees: float,
    *,
    method: str,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """Student's interval around an estimate, with the p-value of its being 0.

    Args:
        value: The estimate.
        error: Its standard error, above 0.
        degrees: Degrees of freedom of the error.
        method: How both were found.
    """
    half = error * float(stdtrit(degrees, 0.5 + confidence / 2.0))
    return Estimate(
        estimate=value,
        lower=value - half,
        upper=value + half,
        confidence=confidence,
        method=method,
        p_value=2.0 * float(stdtr(degrees, -abs(value) / error)),
    )


def satterthwaite(treated: tuple[float, float], control: tuple[float, float]) -> float:
    """Degrees of freedom of a difference of means, from each arm's (variance of the mean, n).

    Of any two estimates that are independent, with "n" one more than the degrees of freedom of each variance.
    """
    (var_t, n_t), (var_c, n_c) = treated, control
    whole = var_t + var_c
    if whole <= 0.0:
        return float(n_t + n_c - 2)
    # As shares, so that neither huge nor tiny amounts overflow when squared.
    share_t, share_c = var_t / whole, var_c / whole
    return 1.0 / (share_t**2 / (n_t - 1) + share_c**2 / (n_c - 1))


def welch_means(treated: Sample, control: Sample) -> TwoMeans:
    """Both means with their own variances.

    Raises:
        StatsError: An arm has under two people; ask `too_few_people` first.
    """
    if treated.mean is None or treated.variance is None:
        raise StatsError("The treated arm needs at least two people.")
    if control.mean is None or control.variance is None:
        raise StatsError("The control arm needs at least two people.")
    var_t, var_c = treated.variance / treated.n, control.variance / control.n
    return TwoMeans(
        treated=treated.mean,
        control=control.mean,
        treated_variance=var_t,
        control_variance=var_c,
        covariance=0.0,
        degrees=satterthwaite((var_t, treated.n), (var_c, control.n)),
        method=_WELCH,
    )


def welch(
    treated: Sample | ArrayLike,
    control: Sample | ArrayLike,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The difference of two means, treated less control, from values or from `Sample`s.

    Missing with a reason where an arm has under two people or nothing varies in either.

    Source: Welch (1947), with Satterthwaite's degrees of freedom.
    """
    checked_share(confidence, name="confidence")
    sample_t, sample_c = as_sample(treated, name="treated"), as_sample(control, name="control")
    problem = too_few_people(sample_t.n, sample_c.n)
    if problem is not None:
        return Estimate.missing(problem, method=_WELCH, confidence=confidence)
    return welch_means(sample_t, sample_c).difference(confidence=confidence)
