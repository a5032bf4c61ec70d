"""A policy's choice for the people of a plan: the most expected profit within every limit, with what exploring uses up left aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.arms import Tossed
from aimwell.decide.budget.allocating import allocate
from aimwell.decide.budget.model import NOTHING, Allocation, Limit

__all__ = ["Chosen", "choose_within", "exploring_share", "for_people"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was chosen.

    Attributes:
        choice: Index of the action of each person, or NOTHING; of the held-out and of who explores what they would get.
        allocation: Of those for whom the choice counts.
    """

    choice: NDArray[np.int32]
    allocation: Allocation


def choose_within(
    values: Floats, allowed: Bools, limits: Sequence[Limit], tossed: Tossed
) -> Chosen:
    """Choose for everybody.

    Who is neither held out nor explores shares out what exploring leaves of each limit. The others' choice, which only
    says with which probability they got what they got, is the action of the highest value less the prices of the limits.

    Args:
        values: Expected incremental profit (people × actions); NaN where nothing is known.
        allowed: Who may get what.
        limits: Of these people.
        tossed: What chance decided.

    Raises:
        DecideError: A floor cannot be met.
    """
    worth = np.where(allowed, values, np.nan)
    by_chance = np.where(tossed.explorer & ~tossed.held, tossed.action, NOTHING)
    free = np.flatnonzero(~(tossed.explorer | tossed.held))
    allocation = allocate(
        worth[free], [for_people(_less(limit, by_chance), free) for limit in limits]
    )
    choice = _by_price(worth, limits, [use.price for use in allocation.limits])
    choice[free] = allocation.choice
    return Chosen(choice, allocation)


def exploring_share(
    explore: float, weights: Floats, limits: Sequence[Limit], *, held: float
) -> float:
    """The share of people who explore: `explore`, or less where they would use up more than that share of a ceiling."""
    share = explore
    for limit in limits:
        if limit.at_most is None:
            continue
        use = weights @ limit.use if limit.people is None else (weights @ limit.use) * limit.people
        all_of_them = float(use.sum()) * (1 - held)
        if all_of_them > limit.at_most:
            share = min(share, explore * limit.at_most / all_of_them)
    return share


def _less(limit: Limit, action: NDArray[np.int16]) -> Limit:
    """What is left of a limit after these actions."""
    use = np.append(limit.use, 0.0)[action]
    used = float(use.sum() if limit.people is None else use[limit.people].sum())
    return replace(
        limit,
        at_most=None if limit.at_most is None else max(0.0, limit.at_most - used),
        at_least=None if limit.at_least is None else max(0.0, limit.at_least - used),
    )


def for_people(limit: Limit, who: NDArray[np.intp]) -> Limit:
    """The limit as it concerns these people."""
    return limit if limit.people is None else replace(limit, people=limit.people[who])


def _by_price(worth: Floats, limits: Sequence[Limit], prices: Sequence[float]) -> NDArray[np.int32]:
    """The action of the highest value after the prices of what it uses, or nothing where none is above 0."""
    net = np.where(np.isfinite(worth), worth, -np.inf)
    for limit, price in zip(limits, prices, strict=True):
        if price:
            charged = price * limit.use[None, :]
            net = net - (charged if limit.people is None else charged * limit.people[:, None])
    best = net.argmax(axis=1)
    pays = net[np.arange(len(net)), best] > 0
    return np.where(pays, best, NOTHING).astype(np.int32)
