"""Whether arms were given to groups and not to persons: a shop, a household, a region.

Nobody may have said so. But where everybody of a shop is in one arm, and chance alone would hardly ever put them all there, the shop
was assigned, and people of one shop are no independent witnesses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import MeasureError

__all__ = ["SURE_BY_CHANCE", "group_codes", "groups_assigned"]

SURE_BY_CHANCE = 1e-6
"""Groups count as assigned where chance would keep all of them together less often than this."""

IntArray = NDArray[np.int64]


def groups_assigned(
    traits: Mapping[str, Sequence[str | None]], arm: IntArray, shares: Sequence[float]
) -> str | None:
    """The trait by whose values arms were given: the one of the fewest groups, with two in each arm at least; None if none is.

    Args:
        traits: Name → value of each person.
        arm: Each person's arm.
        shares: With which each arm is drawn.
    """
    found: list[tuple[int, str]] = []
    for name, values in traits.items():
        if any(value is None for value in values):
            continue
        owner = _codes(values)
        sizes = np.bincount(owner)
        if len(sizes) >= len(arm) or not _whole(owner, arm):
            continue
        # Log of the probability that each group lands in one arm, were its people drawn one by one.
        together = (np.asarray(shares)[:, None] ** sizes[None, :]).sum(axis=0)
        chance = np.log(together).sum()
        first = np.unique(owner, return_index=True)[1]
        if np.bincount(arm[first]).min() >= 2 and chance < np.log(SURE_BY_CHANCE):
            found.append((len(sizes), name))
    return min(found)[1] if found else None


def group_codes(name: str, values: Sequence[str | None], arm: IntArray) -> IntArray:
    """The group of each person as a number.

    Raises:
        MeasureError: Somebody has none, or a group lies in several arms.
    """
    absent = sum(value is None for value in values)
    if absent:
        raise MeasureError(
            f"The trait '{name}' is not known of {absent:,} of {len(values):,} people, so their group is not known either. Collect "
            "it, dated before the assignment, or take another."
        )
    owner = _codes(values)
    if not _whole(owner, arm):
        split = len(np.unique(np.column_stack([owner, arm]), axis=0)) - (owner.max() + 1)
        raise MeasureError(
            f"Arms were not given by '{name}': people of one value are in several arms ({split:,} times). Leave --cluster out, or name "
            "what was assigned whole."
        )
    return owner


def _codes(values: Sequence[str | None]) -> IntArray:
    _, owner = np.unique(np.asarray(values, dtype=str), return_inverse=True)
    return np.asarray(owner, dtype=np.int64)


def _whole(owner: IntArray, arm: IntArray) -> bool:
    """Whether each group is in one arm."""
    of_group = np.zeros(owner.max() + 1, dtype=np.int64)
    of_group[owner] = arm
    return bool((of_group[owner] == arm).all())
