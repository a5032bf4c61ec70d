"""Whether the arms could reach each other: people of one household or account in both.

A voucher lies on the kitchen table; a colleague forwards the mail. Then the control arm is treated a little too and the difference
is too small (or too large, where one buys in place of the other). Assignment by household or account would prevent it.

Source: Kohavi, Tang and Xu (2020), Trustworthy online controlled experiments, chapter 22 (leakage and interference).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import StatsError
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson

__all__ = ["SHARE_TO_WARN", "Spillover", "shared_groups"]

SHARE_TO_WARN = 0.02
"""Where more of the control people than this share a household with a treated person, a reader is warned."""


@dataclass(frozen=True, kw_only=True)
class Spillover:
    """How closely the arms live together.

    Attributes:
        groups: Households (or accounts) with two or more assigned people.
        in_both: Of these, with people in both arms.
        control_near: Share of control people with a treated person in their household, with Wilson's interval.
        warning: What to tell a reader; None where there is nothing to tell.
    """

    groups: int
    in_both: int
    control_near: Estimate
    warning: str | None


def shared_groups(
    groups: Sequence[Hashable | None], treated: NDArray[np.bool_], *, what: str = "household"
) -> Spillover:
    """Households in both arms.

    Args:
        groups: Of each person; None where none is known.
        treated: The arm of each person.
        what: What the groups are, for the warning.
    """
    if len(groups) != len(treated):
        raise StatsError(f"There are {len(groups)} groups for {len(treated)} people.")
    known = np.array([group is not None for group in groups], dtype=np.bool_)
    names: dict[Hashable, int] = {}
    index = np.array(
        [names.setdefault(g, len(names)) if g is not None else -1 for g in groups], dtype=np.int64
    )
    in_treated = np.bincount(index[known & treated], minlength=len(names))
    in_control = np.bincount(index[known & ~treated], minlength=len(names))
    both = (in_treated > 0) & (in_control > 0)
    near = int(in_control[both].sum())
    control = int((~treated).sum())
    share = wilson(near, control)
    warning = None
    if share.estimate is not None and share.estimate > SHARE_TO_WARN:
        warning = (
            f"{near:,} of {control:,} people held out share a {what} with somebody who was contacted "
            f"({100 * share.estimate:.1f} %). The contact may have reached them too, so the difference may be too small. "
            f"Assign by {what} next time."
        )
    return Spillover(
        groups=int((in_treated + in_control >= 2).sum()),
        in_both=int(both.sum()),
        control_near=share,
        warning=warning,
    )
