"""Whom the policy passed over: how many, and in what they differ from those whom it contacted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aimwell.measure.formatting import count, percent, points_interval
from aimwell.measure.people import BoolArray, People
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import newcombe
from aimwell.stats.multiplicity import benjamini_hochberg

__all__ = ["PassedOver", "Unlike", "contacted", "passed_over"]

_FEWEST = 30
_SURE = 0.05
_TOLD = 3


@dataclass(frozen=True, kw_only=True)
class Unlike:
    """A place in which the passed-over are oftener, or more seldom, than the contacted.

    Attributes:
        place: As 'segment loyal'.
        passed, contacted: Their shares in it, 0-1.
        difference: Of the two (Newcombe), with the p-value after Benjamini and Hochberg over all places.
    """

    place: str
    passed: float
    contacted: float
    difference: Estimate
    p_adjusted: float


@dataclass(frozen=True, kw_only=True)
class PassedOver:
    """Those for whom a policy chose nothing.

    Attributes:
        people: How many. of: With the contacted.
        unlike: Where they surely differ, the largest differences first.
        sentence: What a reader should take from it.
    """

    people: int
    of: int
    unlike: tuple[Unlike, ...]
    sentence: str


def contacted(people: People) -> BoolArray:
    """Who was given an action."""
    return people.given([place for place, cell in enumerate(people.cells) if cell.action])


def passed_over(people: People, groups: Mapping[str, BoolArray]) -> PassedOver | None:
    """What is told of them; None where nobody was passed over.

    Args:
        people: All assigned people.
        groups: Places that were known before anything was chosen, with who is in each.
    """
    mine = contacted(people)
    passed = people.treated & ~mine
    number, others = int(passed.sum()), int(mine.sum())
    if not number:
        return None
    told = min(number, others) >= _FEWEST
    unlike = _unlike(passed, mine, groups) if told else ()
    return PassedOver(
        people=number,
        of=number + others,
        unlike=unlike,
        sentence=_sentence(number, number + others, unlike, told=told),
    )


def _unlike(
    passed: BoolArray, mine: BoolArray, groups: Mapping[str, BoolArray]
) -> tuple[Unlike, ...]:
    rows = {
        place: newcombe(
            treated_successes=int((members & passed).sum()),
            treated_n=int(passed.sum()),
            control_successes=int((members & mine).sum()),
            control_n=int(mine.sum()),
        )
        for place, members in groups.items()
        if np.any(members & (passed | mine))
    }
    sure = benjamini_hochberg([one.p_value for one in rows.values()])
    found = [
        Unlike(
            place=place,
            passed=float(groups[place][passed].mean()),
            contacted=float(groups[place][mine].mean()),
            difference=one,
            p_adjusted=p_value,
        )
        for (place, one), p_value in zip(rows.items(), sure, strict=True)
        if p_value is not None and p_value <= _SURE
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.passed - one.contacted), one.place)))


def _sentence(number: int, of: int, unlike: tuple[Unlike, ...], *, told: bool) -> str:
    first = (
        f"The policy passed over {count(number)} of {count(of)} people whom it might have contacted ({percent(100 * number / of)}). They were sent "
        "nothing, so they are in no step; the effect counts them beside the contacted, as the like of them are among the held-out."
    )
    if not told:
        return f"{first} They are too few to be compared with the contacted."
    if not unlike:
        return f"{first} By segment and by what they had bought they cannot be told from the contacted."
    parts = [
        f"{one.place} {percent(100 * one.passed)} against {percent(100 * one.contacted)} "
        f"({points_interval(100 * (one.difference.lower or 0.0), 100 * (one.difference.upper or 0.0))})"
        for one in unlike[:_TOLD]
    ]
    more = f"; and in {count(len(unlike) - _TOLD)} more" if len(unlike) > _TOLD else ""
    return f"{first} They differ from the contacted: {'; '.join(parts)}{more}."
