"""What limits a choice of actions, and what an allocation is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import DecideError

__all__ = ["NOTHING", "Allocation", "Limit", "LimitUse"]

NOTHING = -1
"""The choice of a person who gets no action."""


@dataclass(frozen=True, eq=False)
class Limit:
    """One thing that the actions of all people together use up, or must reach.

    Attributes:
        name: What it is called where it is told about, as 'budget' or 'letters'.
        use: What an action uses of it: one number an action, or one a person and action (people × actions). A budget
            has costs here; a channel's capacity 1 for the actions of that channel; a stock 1 for those of its offer.
        people: Whom it concerns, one truth value a person; None: everybody. A segment's limit names its people here.
        at_most, at_least: The ceiling and the floor of the sum over all people; one of them at least.
    """

    name: str
    use: NDArray[np.float64]
    people: NDArray[np.bool_] | None = None
    at_most: float | None = None
    at_least: float | None = None

    def checked(self, people: int, actions: int) -> Limit:
        """The limit with its use as an array of the right shape. Raises DecideError where it cannot be one."""
        use = np.asarray(self.use, dtype=np.float64)
        if use.shape not in ((actions,), (people, actions)):
            raise DecideError(
                f"The limit '{self.name}' has uses of shape {use.shape}; allowed are one number for each of the "
                f"{actions} actions, or one for each of the {people:,} people and {actions} actions."
            )
        if not np.isfinite(use).all() or (use < 0).any():
            raise DecideError(
                f"The limit '{self.name}' has a use that is negative or no number. What an action uses must be 0 or more."
            )
        if self.people is not None and np.shape(self.people) != (people,):
            raise DecideError(
                f"The limit '{self.name}' says of {np.size(self.people):,} people whether it concerns them; "
                f"there are {people:,}."
            )
        self._check_bounds()
        return Limit(self.name, use, self.people, self.at_most, self.at_least)

    def _check_bounds(self) -> None:
        if self.at_most is None and self.at_least is None:
            raise DecideError(
                f"The limit '{self.name}' limits nothing: give it at_most or at_least."
            )
        for word, bound in (("at_most", self.at_most), ("at_least", self.at_least)):
            if bound is not None and not (np.isfinite(bound) and bound >= 0):
                raise DecideError(
                    f"The limit '{self.name}' has {word} {bound!r}; it must be a number of 0 or more."
                )
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise DecideError(
                f"The limit '{self.name}' wants at least {self.at_least:g} and at most {self.at_most:g}, "
                "which nothing can be."
            )


@dataclass(frozen=True)
class LimitUse:
    """What an allocation uses of one limit.

    `price` is what one more unit of it would add to the value (the dual price): of a budget the value of one more
    pound. Below 0: a floor costs so much a unit. 0: the limit does not bind.
    """

    name: str
    used: float
    at_most: float | None
    at_least: float | None
    price: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "used": self.used,
            "at_most": self.at_most,
            "at_least": self.at_least,
            "price": self.price,
        }


@dataclass(frozen=True, eq=False)
class Allocation:
    """One action, or nothing, for each person.

    Attributes:
        choice: Index of the action a person gets; `NOTHING` for none. One entry a person, in the order given.
        value: Sum of the values of what was chosen.
        bound: No choice within the limits is worth more than this.
        gap: (bound − value) ÷ |bound|; 0 where both are 0.
        limits: What is used of each limit, in the order given.
        method: How it was found.
    """

    choice: NDArray[np.int32]
    value: float
    bound: float
    limits: tuple[LimitUse, ...]
    method: str

    @property
    def gap(self) -> float:
        """How far below the bound the value may be at most, as a share of the bound."""
        scale = max(abs(self.bound), abs(self.value))
        return 0.0 if scale == 0 else max(0.0, self.bound - self.value) / scale

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the people's choices are not in it."""
        return {
            "people": int(self.choice.size),
            "chosen": int((self.choice != NOTHING).sum()),
            "value": self.value,
            "bound": self.bound,
            "gap": self.gap,
            "limits": [limit.to_dict() for limit in self.limits],
            "method": self.method,
        }
