"""How small a difference a campaign could find, and how many more people a clear answer would take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aimwell.measure.formatting import count, money, percent
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.power import DEFAULT_POWER
from aimwell.stats.two_means import TwoMeans

__all__ = ["WORTH_FINDING", "Strength", "strength_of"]

WORTH_FINDING = 0.05
"""A difference of this share of what the held-out did is worth finding: an interval that leaves it and nothing open is no answer."""

_NORMAL_95, _NORMAL_POWER = 1.959964, 0.841621


@dataclass(frozen=True, kw_only=True)
class Strength:
    """What the campaign could tell.

    Attributes:
        smallest: The smallest difference per person that is found with a probability of `power`; None where nothing varies.
        smallest_relative: The same as a share of what the held-out did; None where that is nothing.
        underpowered: The interval holds both nothing and a difference of `WORTH_FINDING`; None where there is no interval.
        needed_for_worth: People in all, in the same shares, to find a difference of `WORTH_FINDING`.
        needed_for_estimate: The same for a difference as large as the estimate.
        power, confidence: By which this is told.
        sentence: In words.
    """

    smallest: float | None
    smallest_relative: float | None
    underpowered: bool | None
    needed_for_worth: int | None
    needed_for_estimate: int | None
    power: float
    confidence: float
    sentence: str


def strength_of(
    means: TwoMeans | str, difference: Estimate, *, people: int, currency: str
) -> Strength:
    """What a comparison of so many people could tell, by the normal law of the difference.

    Args:
        means: Both means with their variances, or why there are none.
        difference: As it is reported.
        people: In both arms.
        currency: Of the amounts.
    """
    if isinstance(means, str) or means.variance <= 0.0:
        why = means if isinstance(means, str) else "nothing varies within the arms"
        return _told(
            None, None, None, None, None, f"What could have been found is not known: {why}."
        )
    smallest = (_NORMAL_95 + _NORMAL_POWER) * math.sqrt(means.variance)
    relative = smallest / means.control if means.control > 0.0 else None
    worth = WORTH_FINDING * means.control if means.control > 0.0 else None
    for_worth = None if worth is None else _needed(smallest, worth, people)
    gap = means.treated - means.control
    for_estimate = _needed(smallest, gap, people) if gap else None
    under = None
    if difference.lower is not None and difference.upper is not None and worth is not None:
        under = difference.lower <= 0.0 <= difference.upper and difference.upper >= worth
    share = "" if relative is None else f" ({percent(100 * relative)} of what the held-out spent)"
    words = [
        f"A difference of {money(smallest, currency, 2)} a person{share} or more would be found {percent(100 * DEFAULT_POWER, 0)} of the time."
    ]
    if under:
        words.insert(0, "Underpowered: the answer is open.")
        if for_worth is not None and for_worth > people:
            words.append(
                f"To find one of {percent(100 * WORTH_FINDING, 0)}, {count(for_worth - people)} more people are needed in the same shares."
            )
        if for_estimate is not None and for_estimate > people:
            words.append(
                f"If the truth is the {money(abs(gap), currency, 2)} that was seen, {count(for_estimate - people)} more."
            )
    elif under is False and difference.excludes_zero is False:
        words.append(
            f"A gain of {percent(100 * WORTH_FINDING, 0)} or more is ruled out at {percent(100 * difference.confidence, 0)}."
        )
    return _told(smallest, relative, under, for_worth, for_estimate, " ".join(words))


def _needed(smallest: float, wanted: float, people: int) -> int:
    """Variance falls with the number of people."""
    return min(math.ceil(people * (smallest / wanted) ** 2), 10**15)


def _told(
    smallest: float | None,
    relative: float | None,
    under: bool | None,
    for_worth: int | None,
    for_estimate: int | None,
    sentence: str,
) -> Strength:
    return Strength(
        smallest=smallest,
        smallest_relative=relative,
        underpowered=under,
        needed_for_worth=for_worth,
        needed_for_estimate=for_estimate,
        power=DEFAULT_POWER,
        confidence=DEFAULT_CONFIDENCE,
        sentence=sentence,
    )
