"""How many people an experiment needs, or how small a lift it can detect.

Proportions: Cohen's h (difference of the arcsine-transformed shares) with the z-test. Means: Cohen's d with the
noncentral t law. Two-sided throughout; arms may differ in size.

Source: Cohen (1988), Statistical power analysis for the behavioral sciences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from aimwell.errors import StatsError
from aimwell.stats.estimate import Figure, checked_share
from aimwell.stats.roots import root

__all__ = [
    "DEFAULT_ALPHA",
    "DEFAULT_POWER",
    "SampleSize",
    "cohens_h",
    "mean_power",
    "mean_sample_size",
    "proportion_power",
    "proportion_sample_size",
    "smallest_mean_lift",
    "smallest_proportion_lift",
]

DEFAULT_ALPHA = 0.05
DEFAULT_POWER = 0.8

_LARGEST = 1e15


@dataclass(frozen=True, kw_only=True)
class SampleSize:
    """People needed in each arm, not rounded; round up to use it."""

    treated: float
    control: float


def _checked_rate(value: float, *, name: str) -> float:
    if not 0.0 <= value <= 1.0:
        raise StatsError(f"The {name} is {value!r}. A share lies between 0 and 1.")
    return float(value)


def _checked_sizes(treated_n: float, control_n: float) -> None:
    for arm, n in (("treated", treated_n), ("control", control_n)):
        if not 0.0 <= n < math.inf:
            raise StatsError(
                f"The {arm} arm has {n!r} people. It must be a finite number, 0 or more."
            )


def _checked_plan(alpha: float, power: float, treated_per_control: float) -> None:
    checked_share(alpha, name="alpha")
    checked_share(power, name="power")
    if power <= alpha:
        raise StatsError(
            f"A power of {power} is not above alpha, {alpha}: no people at all would do."
        )
    if not 0.0 < treated_per_control < math.inf:
        raise StatsError(
            f"{treated_per_control!r} treated people for each control must be above 0."
        )


def cohens_h(share: float, base: float) -> float:
    """The distance of two shares on the arcsine scale, where their uncertainty is everywhere the same."""
    _checked_rate(share, name="share")
    _checked_rate(base, name="base rate")
    return 2.0 * (math.asin(math.sqrt(share)) - math.asin(math.sqrt(base)))


def proportion_power(
    h: float, *, treated_n: float, control_n: float, alpha: float = DEFAULT_ALPHA
) -> float:
    """The probability that the two-sided z-test detects a difference of Cohen's `h`."""
    checked_share(alpha, name="alpha")
    _checked_sizes(treated_n, control_n)
    if not (treated_n and control_n):
        return alpha
    return _z_power(abs(h) / math.sqrt(1.0 / treated_n + 1.0 / control_n), alpha)


def _z_power(distance: float, alpha: float) -> float:
    limit = float(ndtri(1.0 - alpha / 2.0))
    return float(ndtr(distance - limit) + ndtr(-distance - limit))


def mean_power(
    d: float, *, treated_n: float, control_n: float, alpha: float = DEFAULT_ALPHA
) -> float:
    """The probability that the two-sided t-test detects a difference of `d` standard deviations."""
    checked_share(alpha, name="alpha")
    _checked_sizes(treated_n, control_n)
    if min(treated_n, control_n) <= 0.0 or treated_n + control_n <= 2.0:
        return alpha
    distance = abs(d) / math.sqrt(1.0 / treated_n + 1.0 / control_n)
    return _t_power(distance, treated_n + control_n - 2.0, alpha)


def _t_power(distance: float, degrees: float, alpha: float) -> float:
    limit = float(stdtrit(degrees, 1.0 - alpha / 2.0))
    near, far = float(nctdtr(degrees, distance, limit)), float(nctdtr(degrees, distance, -limit))
    # SciPy gives NaN for a far tail that is smaller than it can compute: nothing to add, then.
    return 1.0 - near + (0.0 if math.isnan(far) else far)


def proportion_sample_size(
    *,
    treated_rate: float,
    control_rate: float,
    power: float = DEFAULT_POWER,
    alpha: float = DEFAULT_ALPHA,
    treated_per_control: float = 1.0,
) -> SampleSize:
    """People needed to detect these two shares as different.

    Raises:
        StatsError: The shares are equal or not shares, or the plan makes no sense.
    """
    _checked_plan(alpha, power, treated_per_control)
    h = cohens_h(treated_rate, control_rate)
    if h == 0.0:
        raise StatsError("The two shares are equal; no number of people would tell them apart.")
    distance = _distance(lambda nc: _z_power(nc, alpha), power)
    control = (distance / h) ** 2 * (1.0 + 1.0 / treated_per_control)
    return SampleSize(treated=control * treated_per_control, control=control)


def mean_sample_size(
    d: float,
    *,
    power: float = DEFAULT_POWER,
    alpha: float = DEFAULT_ALPHA,
    treated_per_control: float = 1.0,
) -> SampleSize:
    """People needed to detect a difference of `d` standard deviations; two an arm at the least.

    Raises:
        StatsError: `d` is 0 or not finite, or the plan makes no sense.
    """
    _checked_plan(alpha, power, treated_per_control)
    if d == 0.0 or not math.isfinite(d):
        raise StatsError(f"A difference of {d!r} standard deviations cannot be planned for.")

    def lacking(control: float) -> float:
        treated = control * treated_per_control
        return mean_power(d, treated_n=treated, control_n=control, alpha=alpha) - power

    least = 2.0 / min(treated_per_control, 1.0)
    most = least
    while lacking(most) < 0.0:
        most *= 2.0
        if most > _LARGEST:
            raise StatsError(f"A difference of {d!r} standard deviations is too small to plan for.")
    control = least if most == least else root(lacking, least, most, within=1e-9)
    return SampleSize(treated=control * treated_per_control, control=control)


def _distance(power_at: Callable[[float], float], power: float) -> float:
    """The distance in standard errors that is detected with this power."""
    most = 1.0
    while power_at(most) < power:
        most *= 2.0
    return root(lambda nc: power_at(nc) - power, 0.0, most, within=1e-12)


def smallest_proportion_lift(
    base_rate: float,
    *,
    treated_n: int,
    control_n: int,
    power: float = DEFAULT_POWER,
    alpha: float = DEFAULT_ALPHA,
) -> Figure:
    """The smallest rise of a share over `base_rate` that is detected with this power, in probability points.

    Missing with a reason where an arm is empty or not even everybody's buying would be detected.
    """
    _checked_plan(alpha, power, 1.0)
    _checked_rate(base_rate, name="base rate")
    _checked_sizes(treated_n, control_n)
    if not (treated_n and control_n):
        return Figure(value=None, reason="an arm has nobody in it, so no lift can be detected")
    distance = _distance(lambda nc: _z_power(nc, alpha), power)
    h = distance * math.sqrt(1.0 / treated_n + 1.0 / control_n)
    angle = math.asin(math.sqrt(base_rate)) + h / 2.0
    if angle > math.pi / 2.0:
        return Figure(
            value=None, reason="the arms are so small that no rise of this rate could be detected"
        )
    return Figure(value=math.sin(angle) ** 2 - base_rate)


def smallest_mean_lift(
    standard_deviation: float,
    *,
    treated_n: int,
    control_n: int,
    power: float = DEFAULT_POWER,
    alpha: float = DEFAULT_ALPHA,
) -> Figure:
    """The smallest difference of means that is detected with this power, in the unit of the standard deviation.

    Missing with a reason where an arm has under two people or nothing varies. For strongly skewed spend it is a
    guide, not a promise: the law of the mean is then not yet normal.
    """
    _checked_plan(alpha, power, 1.0)
    _checked_sizes(treated_n, control_n)
    if not 0.0 <= standard_deviation < math.inf:
        raise StatsError(
            f"The standard deviation is {standard_deviation!r}. It must be finite, 0 or more."
        )
    if min(treated_n, control_n) < 2:
        return Figure(value=None, reason="an arm has under two people, so no lift can be detected")
    if standard_deviation == 0.0:
        return Figure(value=None, reason="the outcome does not vary, so its spread says nothing")
    degrees = treated_n + control_n - 2.0
    distance = _distance(lambda nc: _t_power(nc, degrees, alpha), power)
    return Figure(
        value=distance * standard_deviation * math.sqrt(1.0 / treated_n + 1.0 / control_n)
    )
