"""The steps by which money is spent best: who is moved from which action to which, the best step a pound first.

Of each person only the actions on the upper hull of value over cost can be best at some price (Sinha and Zoltners 1979,
*Operations Research* 27, 503-515). Going up all hulls together by value a pound gives the best choice for every budget at
once, up to the one person at whom the money ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.model import NOTHING
from aimwell.errors import DecideError

__all__ = ["Steps", "spending_steps"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Steps:
    """Moves of people to dearer actions, in the order in which money is spent; one row a move.

    `before`, `after`: index of the action, `NOTHING` for none. `value`, `cost`: what the move adds.
    """

    people: int
    person: NDArray[np.intp]
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    value: Floats
    cost: Floats

    @property
    def rate(self) -> Floats:
        """Value added a pound; infinite for moves that cost nothing."""
        with np.errstate(divide="ignore"):
            return np.where(
                self.cost > 0, self.value / np.where(self.cost > 0, self.cost, 1.0), np.inf
            )

    def within(self, budget: float) -> int:
        """How many of the moves the budget pays for, the dearer-than-worth ones never."""
        reached = np.cumsum(self.cost)
        return int(np.searchsorted(reached, budget * (1 + 1e-12), side="right"))

    def choice(self, moves: int) -> NDArray[np.int32]:
        """What each person has after so many moves."""
        found = np.full(self.people, NOTHING, dtype=np.int32)
        # A person's moves stand in their own order, so the last one written is the last one made.
        found[self.person[:moves]] = self.after[:moves]
        return found


def spending_steps(values: Floats, cost: Floats) -> Steps:
    """All moves that add value, by value a pound.

    Args:
        values: What each action is worth for each person (people × actions), NaN or −inf where not allowed.
        cost: What an action costs (actions), or an action for a person (people × actions).

    Raises:
        DecideError: Shapes do not fit, or a cost is negative or no number.
    """
    values = np.asarray(values, dtype=np.float64)
    cost = np.asarray(cost, dtype=np.float64)
    if values.ndim != 2 or cost.shape not in (values.shape, values.shape[1:]):
        raise DecideError(
            f"Values of shape {values.shape} and costs of shape {cost.shape} do not fit together; costs are one an "
            "action, or one a person and action."
        )
    if not np.isfinite(cost).all() or (cost < 0).any():
        raise DecideError(
            "A cost is negative or no number; what an action costs must be 0 or more."
        )
    values = np.where(np.isnan(values), -np.inf, values)
    costs = np.broadcast_to(cost, values.shape)
    people = len(values)
    now = np.full(people, NOTHING, dtype=np.int32)
    worth, paid = np.zeros(people), np.zeros(people)
    active = np.arange(people)
    parts: list[tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int32], Floats, Floats]] = []
    while active.size:
        more = values[active] - worth[active, None]
        dearer = costs[active] - paid[active, None]
        useful = (more > 0) & (dearer >= 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.where(useful, more / dearer, -np.inf)
        # Of equally steep moves the longest is taken: of free ones the most worth.
        steepest = rate.max(axis=1)
        level = np.where(rate == steepest[:, None], more, -np.inf)
        chosen = level.argmax(axis=1)
        moved = np.flatnonzero(steepest > 0)
        active, chosen = active[moved], chosen[moved].astype(np.int32)
        if not active.size:
            break
        parts.append((active, now[active], chosen, more[moved, chosen], dearer[moved, chosen]))
        now[active] = chosen
        worth[active], paid[active] = values[active, chosen], costs[active, chosen]
    if not parts:
        nobody = np.empty(0, dtype=np.intp)
        none = np.empty(0, dtype=np.int32)
        return Steps(people, nobody, none, none, np.empty(0), np.empty(0))
    person, before, after, value, price = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    with np.errstate(divide="ignore"):
        rate = np.where(price > 0, value / np.where(price > 0, price, 1.0), np.inf)
    # Stable, and parts come in the order of each person's moves: ties never turn a person's moves around.
    order = np.argsort(-rate, kind="stable")
    return Steps(people, person[order], before[order], after[order], value[order], price[order])
