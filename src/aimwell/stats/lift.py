"""What treatment added: the one function that chooses the method and gives the whole answer.

The rule: Welch's interval, with CUPED where covariates are given. Where the smaller arm has few buyers or outcomes are
strongly skewed, means are far from normal and Welch's interval covers too rarely (89 instead of 95 % was measured on a
shop with a few wholesalers); then the inverted studentised randomisation test takes over, on the same adjusted outcomes,
with a winsorised figure beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aimwell.stats.always_valid import as_always_valid, one_look_confidence
from aimwell.stats.arms import Arm, ArmSummary, pooled_skew
from aimwell.stats.cuped import Adjustment, adjusted_means, plan_adjustment
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.hypotheses import pooled_residuals
from aimwell.stats.intervals import too_few_people
from aimwell.stats.randomisation import (
    DEFAULT_PERMUTATIONS,
    DEFAULT_WINSOR_QUANTILE,
    fewest_permutations,
    randomise,
)
from aimwell.stats.winsor import WinsorLimits

__all__ = [
    "FEW_BUYERS",
    "STRONG_SKEW",
    "Lift",
    "LiftMethod",
    "MethodChoice",
    "WinsorisedLift",
    "choose_method",
    "measure_lift",
]

LiftMethod = Literal["welch", "cuped_welch", "randomisation", "cuped_randomisation", "clustered"]

FEW_BUYERS = 200
STRONG_SKEW = 4.0
_BUYERS = "people whose outcome is not zero, also by a return alone"


@dataclass(frozen=True, kw_only=True)
class MethodChoice:
    """Which method, and why.

    Attributes:
        method: Its short name.
        because: The reason, as one sentence for a reader.
        smaller_arm_buyers: Buyers in the arm with fewer people.
        skew: Of the outcomes, or of what the covariates leave of them if that is farther from 0; None when
            nothing varies.
    """

    method: LiftMethod
    because: str
    smaller_arm_buyers: int
    skew: float | None


@dataclass(frozen=True, kw_only=True)
class WinsorisedLift:
    """The difference per person when the largest outcomes are pulled in: an answer to a tamer question."""

    limits: WinsorLimits
    difference: Estimate


@dataclass(frozen=True, kw_only=True)
class Lift:
    """What treatment added, in all the units that a report shows.

    Attributes:
        treated, control: The arms as they were observed, without adjustment.
        choice: The method and why it was chosen.
        adjustment: What the covariates were used for, and why not where they were not.
        difference: Treated less control, per person.
        relative: Treated over control less one (0.1 is ten per cent more).
        total: The difference times the number of treated people: the amount that treatment added.
        winsorised: Beside the randomisation test; None with Welch's interval.
    """

    treated: ArmSummary
    control: ArmSummary
    choice: MethodChoice
    adjustment: Adjustment
    difference: Estimate
    relative: Estimate
    total: Estimate
    winsorised: WinsorisedLift | None


def choose_method(treated: Arm, control: Arm, adjustment: Adjustment) -> MethodChoice:
    """The method by the rule at the top of this page.

    The skew is that of both arms together, which is the same whoever was in which arm: so the choice cannot favour a
    result, and under "no effect" the chosen test keeps its level.
    """
    smaller = treated if treated.n < control.n else control
    buyers = smaller.summary().buyers
    skew = _decisive_skew(treated, control, adjustment)
    why = []
    if buyers < FEW_BUYERS:
        why.append(f"the smaller arm has {buyers} buyers ({_BUYERS}), under {FEW_BUYERS}")
    if skew is not None and abs(skew) > STRONG_SKEW:
        why.append(f"outcomes are strongly skewed ({skew:.1f}; the limit is {STRONG_SKEW:g})")
    method: LiftMethod
    if why:
        method = "cuped_randomisation" if adjustment.active else "randomisation"
        because = f"A randomisation test was used because {' and '.join(why)}."
    else:
        method = "cuped_welch" if adjustment.active else "welch"
        shape = "" if skew is None else f" and outcomes are not strongly skewed ({skew:.1f})"
        because = f"Welch's interval was used because the smaller arm has {buyers} buyers ({_BUYERS}){shape}."
    return MethodChoice(method=method, because=because, smaller_arm_buyers=buyers, skew=skew)


def _decisive_skew(treated: Arm, control: Arm, adjustment: Adjustment) -> float | None:
    outcomes = np.concatenate([treated.outcomes, control.outcomes])
    skews = [pooled_skew(outcomes)]
    if adjustment.active and treated.covariates is not None and control.covariates is not None:
        known = np.concatenate([treated.covariates, control.covariates])[:, adjustment.used]
        skews.append(pooled_skew(pooled_residuals(outcomes[:, None], known)[:, 0]))
    return max((skew for skew in skews if skew is not None), key=abs, default=None)


def measure_lift(
    treated: Arm,
    control: Arm,
    *,
    seed: int,
    confidence: float = DEFAULT_CONFIDENCE,
    permutations: int = DEFAULT_PERMUTATIONS,
    winsor_quantile: float = DEFAULT_WINSOR_QUANTILE,
    fraction: float | None = None,
) -> Lift:
    """What treatment added, with the method chosen by the rule at the top of this page.

    The arms are people by assignment, not by what reached them. The answer does not depend on the order of rows.

    Args:
        treated, control: Person by person; covariates (what was known before) where both arms carry them.
        seed: Of the randomisation test.
        confidence: 0–1.
        permutations: Of the randomisation test.
        winsor_quantile: Where the winsorised figure pulls outcomes in, of both arms together.
        fraction: The share of the plan that has passed at this look, above 0: the intervals then hold the effect to date at
            all looks together (see `always_valid`). None: this one look was settled before.

    Raises:
        StatsError: Covariates in one arm only, or settings that allow no interval.
    """
    checked_share(confidence, name="confidence")
    if fraction is not None:
        return _watched(treated, control, seed, confidence, permutations, winsor_quantile, fraction)
    treated, control = treated.ordered(), control.ordered()
    adjustment = plan_adjustment(treated.joint(), control.joint())
    choice = choose_method(treated, control, adjustment)
    winsorised = None
    problem = _problem(treated, control)
    if problem is not None:
        difference = relative = Estimate.missing(
            problem, method=choice.method.replace("_", " "), confidence=confidence
        )
    elif choice.method in ("welch", "cuped_welch"):
        means = adjusted_means(treated.joint(), control.joint(), adjustment)
        difference = means.difference(confidence=confidence)
        relative = means.relative(confidence=confidence)
    else:
        found = randomise(
            treated,
            control,
            seed=seed,
            confidence=confidence,
            permutations=permutations,
            winsor_quantile=winsor_quantile,
        )
        difference, relative = found.difference, found.relative
        if found.limits is not None:
            winsorised = WinsorisedLift(limits=found.limits, difference=found.winsorised)
    return Lift(
        treated=treated.summary(),
        control=control.summary(),
        choice=choice,
        adjustment=adjustment,
        difference=difference,
        relative=relative,
        total=difference.times(treated.n),
        winsorised=winsorised,
    )


def _watched(
    treated: Arm,
    control: Arm,
    seed: int,
    confidence: float,
    permutations: int,
    winsor_quantile: float,
    fraction: float,
) -> Lift:
    """The same by the same rule, each interval as long as one must be that holds at all looks together."""
    level = one_look_confidence(fraction, confidence=confidence)
    # Twice the fewest, so that an end of the interval does not hang on one single division.
    needed = 2 * fewest_permutations(level) + 1
    found = measure_lift(
        treated,
        control,
        seed=seed,
        confidence=level,
        permutations=max(permutations, needed),
        winsor_quantile=winsor_quantile,
    )

    def valid(one: Estimate) -> Estimate:
        return as_always_valid(one, fraction=fraction, confidence=confidence)

    tame = found.winsorised
    return replace(
        found,
        difference=valid(found.difference),
        relative=valid(found.relative),
        total=valid(found.total),
        winsorised=None if tame is None else replace(tame, difference=valid(tame.difference)),
    )


def _problem(treated: Arm, control: Arm) -> str | None:
    """Why no lift can be given for these arms, in the reader's words; None when it can."""
    few = too_few_people(treated.n, control.n)
    if few is not None:
        return few
    if not (treated.outcomes.any() or control.outcomes.any()):
        return "nobody in either arm has an outcome other than zero, so there is nothing to compare"
    return None
