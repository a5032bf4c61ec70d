"""A few planned looks at an experiment: when to stop, how much that costs, and what to report then.

Each look may spend a part of α, so that all looks together cry wolf with the probability α. O'Brien and Fleming's way spends
hardly anything early, so the last look is almost a fixed test; Pocock's spends evenly. The looks need not come when they
were planned: bounds are found again from the information that there really was (Lan and DeMets).

Futility is not binding: whoever goes on past it does not raise α.

Sources: Lan and DeMets (1983), Discrete sequential boundaries for clinical trials; O'Brien and Fleming (1979); Pocock (1977);
Wang and Tsiatis (1987); Jennison and Turnbull (2000), chapters 2, 7 to 9; Pampallona and Tsiatis (1994) for futility;
Tsiatis, Rosner and Mehta (1984), Exact confidence intervals following a group sequential test (stagewise ordering).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtr, ndtri

from aimwell.errors import StatsError
from aimwell.stats.estimate import Estimate, checked_share
from aimwell.stats.power import DEFAULT_ALPHA, DEFAULT_POWER
from aimwell.stats.roots import root
from aimwell.stats.stopping import Going, checked_fractions, exits
from aimwell.stats.two_means import TwoMeans

__all__ = [
    "LookPlan",
    "Spending",
    "as_far",
    "bounds_at",
    "even_looks",
    "final_interval",
    "plan_looks",
    "repeated_interval",
    "spent",
    "wang_tsiatis_bounds",
]

Spending = Literal["obrien_fleming", "pocock"]

_FAR = 12.0
_DRIFT_FAR = 40.0
_WITHIN = 1e-10


@dataclass(frozen=True, kw_only=True)
class LookPlan:
    """A design with planned looks.

    Attributes:
        fractions: Share of the planned information (people) at each look; the last is 1.
        bounds: Stop when the difference is farther from zero than so many standard errors, either way.
        futility: Stop, if wished, when the difference in the hoped-for direction is under so many standard errors; None
            where the plan has no futility.
        alpha: Probability, over all looks, to find a difference that is not there.
        power: Probability to find a difference of `drift`.
        drift: The difference that is found with this power, in standard errors of the whole plan.
        inflation: People of the whole plan for each person of a fixed design of the same power.
        expected_if_nothing, expected_if_so: Share of the planned people that is needed on average, where there is no
            difference and where there is this one.
    """

    fractions: tuple[float, ...]
    bounds: tuple[float, ...]
    futility: tuple[float, ...] | None
    alpha: float
    power: float
    spending: Spending
    drift: float
    inflation: float
    expected_if_nothing: float
    expected_if_so: float


def even_looks(count: int) -> tuple[float, ...]:
    """So many looks at equal steps of information."""
    if count < 1:
        raise StatsError(f"A plan has one look at the least, not {count}.")
    return tuple((look + 1) / count for look in range(count))


def spent(fraction: float, *, alpha: float, spending: Spending) -> float:
    """The part of α (both sides together) that looks up to this share of information may spend."""
    if fraction >= 1.0:
        return alpha
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1.0) * fraction)
    # Each side has α / 2, and spends it as the two-sided function of Lan and DeMets spends that.
    return 4.0 * float(ndtr(ndtri(alpha / 4.0) / math.sqrt(fraction)))


def bounds_at(
    fractions: Sequence[float], *, alpha: float = DEFAULT_ALPHA, spending: Spending
) -> tuple[float, ...]:
    """The bounds, in standard errors, of looks at these shares of the planned information."""
    checked_share(alpha, name="alpha")
    looks = checked_fractions(fractions)
    going, found, before = Going.start(0.0), list[float](), 0.0
    for at in looks:
        allowed = spent(at, alpha=alpha, spending=spending)
        step, before = max(allowed - before, 0.0) / 2.0, allowed
        found.append(_bound_of(going, at, step))
        going = going.on(-found[-1], found[-1], at)
    return tuple(found)


def _bound_of(going: Going, at: float, probability: float) -> float:
    """The upper bound that the process crosses at the look `at` with this probability."""
    if probability <= going.above(_FAR, at):
        return _FAR
    return root(lambda bound: going.above(bound, at) - probability, -_FAR, _FAR, within=_WITHIN)


def wang_tsiatis_bounds(
    looks: int, *, alpha: float = DEFAULT_ALPHA, shape: float
) -> tuple[float, ...]:
    """Bounds C (k / K) ^ (shape − 1/2) at equal steps: `shape` 0 is O'Brien and Fleming's original, 0.5 Pocock's."""
    checked_share(alpha, name="alpha")
    fractions = even_looks(looks)
    factors = [fraction ** (shape - 0.5) for fraction in fractions]

    def too_often(constant: float) -> float:
        upper = [constant * factor for factor in factors]
        below, above = exits(fractions, [-bound for bound in upper], upper)
        return float(below.sum() + above.sum()) - alpha

    constant = root(too_often, 0.5, _FAR, within=_WITHIN)
    return tuple(constant * factor for factor in factors)


def plan_looks(
    fractions: Sequence[float],
    *,
    alpha: float = DEFAULT_ALPHA,
    power: float = DEFAULT_POWER,
    spending: Spending = "obrien_fleming",
    futility: Spending | None = None,
) -> LookPlan:
    """Bounds, the difference that is found with this power, and how many people it takes.

    Args:
        fractions: Share of the planned information at each look; the last must be 1.
        alpha: Two-sided.
        power: Above `alpha`.
        spending: How α is spent.
        futility: How one less the power is spent on stopping early because it is hopeless; None for no such stop.

    Raises:
        StatsError: The last look is not at 1, or power is not above α.
    """
    checked_share(power, name="power")
    looks = checked_fractions(fractions)
    if looks[-1] != 1.0:
        raise StatsError(f"The last look is at {looks[-1]!r}; a plan ends at 1.")
    if power <= alpha:
        raise StatsError(f"A power of {power} is not above alpha, {alpha}.")
    bounds = bounds_at(looks, alpha=alpha, spending=spending)
    if futility is None:
        lower = tuple(-bound for bound in bounds)
        drift = root(
            lambda d: float(exits(looks, lower, bounds, drift=d)[1].sum()) - power,
            0.0,
            _DRIFT_FAR,
            within=1e-9,
        )
        hopeless = None
    else:
        drift, hopeless = _futile(looks, bounds, 1.0 - power, futility)
    lower = tuple(-bound for bound in bounds) if hopeless is None else hopeless
    fixed = float(ndtri(1.0 - alpha / 2.0) + ndtri(power))
    return LookPlan(
        fractions=looks,
        bounds=bounds,
        futility=hopeless,
        alpha=alpha,
        power=power,
        spending=spending,
        drift=drift,
        inflation=(drift / fixed) ** 2,
        expected_if_nothing=_expected(looks, lower, bounds, 0.0),
        expected_if_so=_expected(looks, lower, bounds, drift),
    )


def _futile(
    looks: tuple[float, ...], bounds: tuple[float, ...], beta: float, spending: Spending
) -> tuple[float, tuple[float, ...]]:
    """The drift at which spending exactly β on futility makes both bounds meet at the last look, and these bounds."""

    def lower_of(drift: float) -> tuple[tuple[float, ...], float]:
        going, found, before = Going.start(drift), list[float](), 0.0
        for at, bound in zip(looks[:-1], bounds[:-1], strict=True):
            allowed = spent(at, alpha=beta, spending=spending)
            step, before = allowed - before, allowed
            limit = min(_lower_bound_of(going, at, step), bound)
            found.append(limit)
            going = going.on(limit, bound, at)
        return (*found, bounds[-1]), going.below(bounds[-1], 1.0) - (beta - before)

    drift = root(lambda d: lower_of(d)[1], 0.5, _DRIFT_FAR, within=1e-9)
    return drift, lower_of(drift)[0]


def _lower_bound_of(going: Going, at: float, probability: float) -> float:
    if probability <= going.below(-_FAR, at):
        return -_FAR
    if probability >= going.below(_FAR, at):
        return _FAR
    return root(lambda bound: going.below(bound, at) - probability, -_FAR, _FAR, within=_WITHIN)


def _expected(
    looks: tuple[float, ...], lower: Sequence[float], upper: Sequence[float], drift: float
) -> float:
    below, above = exits(looks, lower, upper, drift=drift)
    stopped = (below + above)[:-1]
    return float(stopped @ looks[:-1] + (1.0 - stopped.sum()) * looks[-1])


def repeated_interval(means: TwoMeans, bound: float, *, alpha: float = DEFAULT_ALPHA) -> Estimate:
    """The difference at any look, with an interval that holds at all planned looks together.

    Args:
        means: At the look.
        bound: Of this look, from `bounds_at`.
        alpha: Of the design.

    Source: Jennison and Turnbull (1989), Interim analyses: the repeated confidence interval approach.
    """
    found = means.difference(confidence=1.0 - alpha, deviations=bound)
    return Estimate(
        estimate=found.estimate,
        lower=found.lower,
        upper=found.upper,
        confidence=1.0 - alpha,
        method=f"{found.method}, repeated over planned looks",
        reason=found.reason,
    )


def final_interval(
    means: TwoMeans,
    *,
    fractions: Sequence[float],
    bounds: Sequence[float],
    alpha: float = DEFAULT_ALPHA,
) -> Estimate:
    """What to report once the experiment has stopped: the median-unbiased difference with its interval and p-value.

    The plain difference of an experiment that stopped because it looked good is too large. Here outcomes are ordered by the
    look at which they stopped, then by the difference (stagewise ordering).

    Args:
        means: At the look at which it stopped, the last of `fractions`.
        fractions: Share of the planned information at each look so far.
        bounds: Of these looks.
        alpha: Of the design.
    """
    looks = checked_fractions(fractions)
    method = f"{means.method}, stagewise ordering of planned looks"
    deviations = means.deviations
    if deviations is None:
        reason = means.difference(confidence=1.0 - alpha).reason
        return Estimate.missing(reason or "no variance", method=method, confidence=1.0 - alpha)
    size = min(abs(deviations), 2.0 * _FAR)

    last = math.sqrt(looks[-1])
    middle, span = size / last, (_FAR + size) / last

    def drift_at(level: float) -> float:
        low, high = middle - 2.0 * span, middle + span
        return root(
            lambda drift: as_far(size, fractions=looks, bounds=bounds, drift=drift) - level,
            low,
            high,
            within=1e-9,
        )

    drifts = [drift_at(level) for level in (alpha / 2.0, 0.5, 1.0 - alpha / 2.0)]
    one_sided = as_far(size, fractions=looks, bounds=bounds, drift=0.0)
    # In the unit of the outcome; in small arms, where Student's law holds, a deviation is longer than a standard error.
    gap = means.treated - means.control
    scale = last * (gap / deviations if deviations else math.sqrt(means.variance))
    scale = math.copysign(scale, deviations)
    low, estimate, high = sorted(drift * scale for drift in drifts)
    return Estimate(
        estimate=estimate,
        lower=low,
        upper=high,
        confidence=1.0 - alpha,
        method=method,
        p_value=min(2.0 * min(one_sided, 1.0 - one_sided), 1.0),
    )


def as_far(
    deviations: float, *, fractions: Sequence[float], bounds: Sequence[float], drift: float
) -> float:
    """The probability to stop with this outcome or one farther up, in the order of stages.

    An interval of confidence 1 − α holds a drift where this lies between α / 2 and 1 − α / 2.

    Args:
        deviations: The outcome at the last of the looks, in standard errors.
        fractions: Share of the planned information at each look so far.
        bounds: Of these looks; the last does not matter.
        drift: The true difference in standard errors of the whole plan.
    """
    going, sooner = Going.start(drift), 0.0
    for at, bound in zip(fractions[:-1], bounds[:-1], strict=False):
        sooner += going.above(bound, at)
        going = going.on(-bound, bound, at)
    return sooner + going.above(deviations, fractions[-1])
