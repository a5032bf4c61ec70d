"""A policy's choice for the people of a plan: the most expected profit within every limit, with what exploring uses up left aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.arms import Tossed
from aimwell.decide.budget.allocating import allocate
from aimwell.decide.budget.model import NOTHING, Allocation, Limit
from aimwell.decide.fairness import Fair, FairLimits, fairest
from aimwell.decide.together import Wholes

__all__ = ["Chosen", "choose_within", "exploring_share", "for_people"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_TIE = 1e-4
"""The part of its worth by which a person's place in the order moves it at most: enough that the limits' prices tell people of equal
worth apart, and as small as the gap that an allocation may have."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was chosen.

    Attributes:
        choice: Index of the action of each person, or NOTHING; of the held-out and of who explores what they would get.
        by_price: The action of the highest value less the prices of the limits, or NOTHING, by one rule for everybody, whatever
            chance decided. Of a few whose choice is free `choice` is another, so that whole people fill the limits.
        allocation: Of those for whom the choice counts; a row a group where groups are kept whole.
        free: How many people these are.
        unfair: What the choice would be worth without the limit on fairness; None where it changes nothing.
    """

    choice: NDArray[np.int32]
    by_price: NDArray[np.int32]
    allocation: Allocation
    free: int
    unfair: float | None = None


def choose_within(
    values: Floats,
    allowed: Bools,
    limits: Sequence[Limit],
    tossed: Tossed,
    *,
    order: Floats | None = None,
    wholes: Wholes | None = None,
    fair: Fair | None = None,
) -> Chosen:
    """Choose for everybody.

    Who is neither held out nor explores shares out what exploring leaves of each limit. The others' choice, which only
    says with which probability they got what they got, is the action of the highest value less the prices of the limits.

    Args:
        values: Expected incremental profit (people × actions); NaN where nothing is known.
        allowed: Who may get what.
        limits: Of these people.
        tossed: What chance decided.
        order: A number of each person from 0 to 1, the same for who is drawn together, that decides between those who are worth
            the same where a limit cannot take them all.
        wholes: People who are drawn together; all of a group who may get it get the same action, or nothing.
        fair: How far groups' shares of discounts may lie apart.

    Raises:
        DecideError: A floor cannot be met.
    """
    worth = np.where(allowed, values, np.nan)
    if limits and order is not None:
        worth = worth * (1.0 + _TIE * order[:, None])
    by_chance = np.where(tossed.explorer & ~tossed.held, tossed.action, NOTHING)
    free = np.flatnonzero(~(tossed.explorer | tossed.held))
    some = worth[free]
    of_some = None if wholes is None else wholes.take(free)
    left = [for_people(_less(limit, by_chance), free) for limit in limits]

    def solve(more: Sequence[Limit]) -> Allocation:
        all_of_them = [*left, *(for_people(limit, free) for limit in more)]
        if of_some is None:
            return allocate(some, all_of_them)
        return allocate(of_some.values(some), of_some.limits(all_of_them, some))

    def told(found: Allocation) -> NDArray[np.int32]:
        return found.choice if of_some is None else of_some.told(found.choice, some)

    bands: list[Limit] = []
    unfair = None
    if fair is None:
        allocation = solve([])
    else:
        may = allowed[:, fair.discounts].any(axis=1) & ~tossed.held
        fair_limits = FairLimits.of(fair, may, by_chance, free)
        allocation, bands, unfair = fairest(solve, told, fair_limits)
    prices = [use.price for use in allocation.limits]
    every = [*limits, *bands]
    if wholes is None:
        by_price = _by_price(worth, every, prices)
    else:
        summed = wholes.values(worth)
        by_price = wholes.told(_by_price(summed, wholes.limits(every, worth), prices), worth)
    choice = by_price.copy()
    choice[free] = told(allocation)
    return Chosen(choice, by_price, allocation, free.size, unfair)


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
            charged = price * (limit.use if limit.use.ndim == 2 else limit.use[None, :])
            net = net - (charged if limit.people is None else charged * limit.people[:, None])
    best = net.argmax(axis=1)
    pays = net[np.arange(len(net)), best] > 0
    return np.where(pays, best, NOTHING).astype(np.int32)
