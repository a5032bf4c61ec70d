"""Who gets an offer, by groups that must not be passed over: shares with intervals, and a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from aimwell.decide.uplift.data import IntArray
from aimwell.errors import DecideError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import newcombe, wilson
from aimwell.stats.multiplicity import holm

__all__ = ["GroupShare", "shares_by_group"]

_PEOPLE_MIN = 30
_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class GroupShare:
    """One group of one attribute.

    Args:
        attribute, value: As "gender", "f".
        people: How many.
        share: Of them that get an offer, with Wilson's interval.
        difference: That share less the share of all others, with Newcombe's interval.
        p_value: Of no difference, for all groups together (Holm).
        beyond_limit: Whether the share differs from the others' by more than the limit, and by more than chance.
    """

    attribute: str
    value: str
    people: int
    share: Estimate
    difference: Estimate
    p_value: float | None
    beyond_limit: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def shares_by_group(
    actions: IntArray,
    groups: Mapping[str, Sequence[str | None]],
    *,
    offers: Sequence[int],
    limit: float = 0.1,
    confidence: float = DEFAULT_CONFIDENCE,
) -> tuple[GroupShare, ...]:
    """The share of each group that gets one of the `offers` (places of arms).

    Args:
        actions: The arm's place for each person.
        groups: Attribute → the group of each person; None: unknown, left out.
        offers: Which arms count: all but nothing, or those with a discount.
        limit: How far shares may lie apart, 0 to 1.
        confidence: Of the intervals.

    Raises:
        DecideError: A group is given for other people, or the limit is no share.
    """
    if not 0 <= limit <= 1:
        raise DecideError(f"The limit is {limit!r}. It is a difference of shares, 0 to 1, as 0.1.")
    got = np.isin(actions, np.asarray(offers, dtype=np.int64))
    found = []
    for attribute, labels in groups.items():
        if len(labels) != len(actions):
            raise DecideError(f"'{attribute}' is of {len(labels)} people, not of {len(actions)}.")
        values = np.array(["" if one is None else str(one) for one in labels], dtype=object)
        known = values != ""
        for value in sorted(set(values[known].tolist())):
            inside, outside = known & (values == value), known & (values != value)
            if inside.sum() >= _PEOPLE_MIN and outside.sum() >= _PEOPLE_MIN:
                found.append(_of_group(attribute, value, got[inside], got[outside], confidence))
    adjusted = holm([one.p_value for one in found])
    return tuple(
        replace(
            one,
            p_value=p,
            beyond_limit=p is not None
            and p <= _ALPHA
            and abs(one.difference.estimate or 0) > limit,
        )
        for one, p in zip(found, adjusted, strict=True)
    )


def _of_group(
    attribute: str, value: str, inside: np.ndarray, outside: np.ndarray, confidence: float
) -> GroupShare:
    difference = newcombe(
        treated_successes=int(inside.sum()),
        treated_n=len(inside),
        control_successes=int(outside.sum()),
        control_n=len(outside),
        confidence=confidence,
    )
    return GroupShare(
        attribute,
        value,
        len(inside),
        wilson(int(inside.sum()), len(inside), confidence=confidence),
        difference,
        difference.p_value,
        beyond_limit=False,
    )
