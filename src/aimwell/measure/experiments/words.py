"""What was found of an experiment, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from aimwell.decide.uplift.assigned import CONTROL
from aimwell.measure.experiments.model import (
    ArmFigures,
    Comparison,
    Contradiction,
    ExperimentResult,
)
from aimwell.stats.clusters import FEW_CLUSTERS
from aimwell.stats.srm import RatioCheck

__all__ = [
    "adjusted_words",
    "contradiction_words",
    "group_words",
    "reached_words",
    "sentence_of",
    "unadjusted_words",
]


_NAMED = 8


def sentence_of(comparisons: Sequence[Comparison], outcome: str, split: RatioCheck) -> str:
    """Which arms differ beyond chance."""
    warned = "" if not split.mismatch else "Do not believe this yet: the arms are not as planned. "
    told = [one for one in comparisons if one.difference.excludes_zero]
    if told:
        return f"{warned}{'; '.join(_difference_words(one, outcome) for one in told)}."
    defined = [one for one in comparisons if one.difference.defined]
    if not defined:
        reason = comparisons[0].difference.reason if comparisons else "there are no two arms"
        return f"Nothing can be said of {outcome}: {reason}."
    one = defined[0]
    others = "" if len(defined) == 1 else f", nor of the {len(defined) - 1} other comparisons"
    return (
        f"{warned}We cannot tell: '{one.arm}' against '{one.against}' may have changed {outcome} by anything from "
        f"{one.difference.lower:+.3g} to {one.difference.upper:+.3g} per person{others}."
    )


def _difference_words(one: Comparison, outcome: str) -> str:
    found = one.difference
    figures = f"{found.estimate:+.4g} per person ({found.lower:.3g} to {found.upper:.3g})"
    more = (found.estimate or 0.0) > 0.0
    if one.against == CONTROL:
        return f"'{one.arm}' {'added to' if more else 'took from'} {outcome}: {figures}"
    return f"'{one.arm}' had {'more' if more else 'less'} {outcome} than '{one.against}': {figures}"


def contradiction_words(
    contradictions: Sequence[Contradiction], crossed: int, people: int
) -> list[str]:
    """What is wrong with the assignments, counted, and what was done about it."""
    words = []
    for one in contradictions:
        words.append(
            f"{one.people:,} people of '{one.arm}' were shown what belongs to '{one.seen}' ({one.times:,} times)."
        )
    if people:
        also = f" or given several arms ({crossed:,})" if crossed else ""
        words.append(
            f"Everybody counts by the first arm that they were given. {people:,} people were shown the wrong thing{also}; without "
            "them is told beside it, but leaving people out for what happened after the draw can itself mislead."
        )
    return words


def group_words(
    name: str, *, found: bool, arms: Sequence[ArmFigures], comparisons: Sequence[Comparison]
) -> list[str]:
    """That groups were assigned, and how far the interval that ignores it is off."""
    groups = sum(one.groups or 0 for one in arms)
    people = sum(one.people for one in arms)
    how = (
        f"Everybody of one '{name}' is in one arm, which chance would hardly bring about: arms were given to these {groups:,} groups, "
        f"not to the {people:,} people. (`--cluster none` if that is wrong.)"
        if found
        else f"Arms were given to {groups:,} groups by '{name}', not to the {people:,} people."
    )
    words = [how]
    ratios = [
        (right.upper - right.lower) / (wrong.upper - wrong.lower)
        for right, wrong in (
            (one.unadjusted or one.difference, one.independent) for one in comparisons
        )
        if wrong is not None
        and right.upper is not None
        and right.lower is not None
        and wrong.upper is not None
        and wrong.lower is not None
        and wrong.upper > wrong.lower
    ]
    if ratios:
        widest = max(ratios)
        words.append(
            f"The right interval is up to {widest:.1f} times as wide as that which takes people for independent; that one is wrong and stands "
            "beside it only to be seen."
            if widest > 1
            else "Here people of a group are hardly more alike than others, so the interval that takes them for independent is as long."
        )
    few = [one for one in arms if one.groups is not None and one.groups < FEW_CLUSTERS]
    if few:
        listed = ", ".join(f"'{one.arm}' has {one.groups}" for one in few)
        words.append(
            f"With under {FEW_CLUSTERS} groups in an arm no method is sure of its level: {listed}."
        )
    return words


def reached_words(one: Comparison) -> str | None:
    """What the arm did for those whom it reached."""
    if one.reached is None:
        return None
    effect, more = one.reached.effect, one.reached.reached_more
    if effect.estimate is None or effect.lower is None or effect.upper is None:
        return f"'{one.arm}' on whom it reached: not known, as {effect.reason}."
    share = "" if more.estimate is None else f" It reached {more.estimate:.1%} more of its own arm."
    return (
        f"'{one.arm}' on those whom it reached: {effect.estimate:+.4g} ({effect.lower:.3g} to {effect.upper:.3g}) "
        f"per person, if it works only by reaching.{share}"
    )


def adjusted_words(found: ExperimentResult) -> str | None:
    """What was taken off, and how much noise that took away."""
    some = [
        one.adjustment
        for one in found.comparisons
        if one.adjustment is not None and one.adjustment.active
    ]
    if not some:
        return None
    used = [found.adjusted_for[place] for place in some[0].used]
    shares = [one.variance_reduction or 0.0 for one in some]
    ends = dict.fromkeys(f"{share:.1%}" for share in (min(shares), max(shares)))
    more = "" if len(used) <= _NAMED else f" and {len(used) - _NAMED} more"
    return f"Less what was known before: {', '.join(used[:_NAMED])}{more}. That takes away {' to '.join(ends)} of the outcome's variance within the arms."


def unadjusted_words(comparisons: Sequence[Comparison]) -> list[str]:
    """Why nothing was taken off where it was asked for."""
    reasons = dict.fromkeys(
        one.adjustment.reason
        for one in comparisons
        if one.adjustment is not None and not one.adjustment.active
    )
    return [f"Nothing of what was known before was taken off: {reason}." for reason in reasons]
