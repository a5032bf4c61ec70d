"""People who are drawn together get one action together: what it is worth for them and what it uses are added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.model import NOTHING, Limit

__all__ = ["Wholes"]

Floats = NDArray[np.float64]
Choice = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Wholes:
    """People in groups that are kept or cut whole.

    Args:
        code: The group of each person, 0 … count − 1.
        count: How many groups.
    """

    code: NDArray[np.int64]
    count: int

    @classmethod
    def of(cls, labels: NDArray[np.int64]) -> Wholes:
        """Groups of people with the same label."""
        known, code = np.unique(labels, return_inverse=True)
        return cls(code.astype(np.int64), len(known))

    def take(self, who: NDArray[np.intp]) -> Wholes:
        """Only these people, with groups numbered anew."""
        return Wholes.of(self.code[who])

    def values(self, worth: Floats) -> Floats:
        """Groups × actions: the sum over those who may get the action; NaN where nobody may."""
        known = np.isfinite(worth)
        sums = self._added(np.where(known, worth, 0.0))
        return np.where(self._added(known.astype(np.float64)) > 0, sums, np.nan)

    def limits(self, limits: Sequence[Limit], worth: Floats) -> list[Limit]:
        """The same limits of the groups: a group uses what all of it uses who may get the action."""
        known = np.isfinite(worth)
        found = []
        for limit in limits:
            use = np.where(known, limit.use, 0.0)
            if limit.people is not None:
                use = use * limit.people[:, None]
            found.append(Limit(limit.name, self._added(use), None, limit.at_most, limit.at_least))
        return found

    def told(self, choice: Choice, worth: Floats) -> Choice:
        """The group's action for each person who may get it, else nothing."""
        mine = choice[self.code]
        may = np.isfinite(worth[np.arange(len(mine)), np.maximum(mine, 0)])
        return np.where((mine != NOTHING) & may, mine, NOTHING).astype(np.int32)

    def _added(self, columns: Floats) -> Floats:
        return np.column_stack(
            [np.bincount(self.code, one, minlength=self.count) for one in columns.T]
        )
