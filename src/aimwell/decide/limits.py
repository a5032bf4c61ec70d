"""What ties the people of a plan together: budget, channels' capacities, offers' stock, floors and ceilings of segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.model import Limit, LimitUse
from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.draft import hash_order
from aimwell.decide.model import Candidate
from aimwell.decide.people import ALLOWED, EXCLUDED, PlanPeople, reason_code

__all__ = ["BUDGET", "limit_uses", "limits_of", "within_ceilings"]

BUDGET = "budget"
_OF_OFFERS = {"no_stock": "offer", "no_code": "codes"}

Bools = NDArray[np.bool_]
_ROUNDING = 1 + 1e-10
"""Tolerates the rounding of a sum of many small costs, and nothing more."""


def limits_of(
    parts: CampaignParts,
    offered: Sequence[Candidate],
    members: Mapping[str, Bools],
    reach: Mapping[str, Mapping[str, int]],
    discounts: NDArray[np.float64] | None = None,
) -> tuple[Limit, ...]:
    """The limits of a campaign.

    Args:
        offered: The campaign's actions, in its order.
        members: Segment → who of the audience is in it, for the policy's limits by segment.
        reach: Offer → reason → how many more people it can be promised to.
        discounts: What each action's offer is expected to cost per person, where the budget pays for that too.
    """
    policy = parts.campaign.policy
    found = []
    if policy.budget is not None:
        use = np.array([one.cost for one in offered])
        found.append(
            Limit(BUDGET, use if discounts is None else use + discounts, at_most=policy.budget)
        )
    for name, channel in parts.channels.items():
        if channel.capacity is not None:
            through = np.array([float(one.channel == name) for one in offered])
            found.append(Limit(f"channel {name}", through, at_most=float(channel.capacity)))
    for name, left in reach.items():
        gives = np.array([float(action.offer == name) for action in parts.campaign.actions])
        for reason, most in left.items():
            found.append(Limit(f"{_OF_OFFERS[reason]} {name}", gives, at_most=float(most)))
    for limit in policy.limits:
        found.append(
            Limit(
                f"segment {limit.segment}",
                np.ones(len(offered)),
                members[limit.segment],
                None if limit.at_most is None else float(limit.at_most),
                None if limit.at_least is None else float(limit.at_least),
            )
        )
    return tuple(found)


def within_ceilings(
    make: Callable[[NDArray[np.int8]], PlanPeople],
    refusals: NDArray[np.int8],
    limits: Sequence[Limit],
    *,
    salt: str,
    keys: Sequence[str] | None = None,
) -> PlanPeople:
    """The people that `make` gives for the refusals, with so much refused that no ceiling is passed.

    People are taken in the order of a hash, before the arms: from where a ceiling would be passed, nobody whom it
    concerns may get an action that uses it up, whatever the arm. So chances stay exact, and treated and held-out of one
    population. People whom one hash decides for are kept or cut together.

    Args:
        keys: Whose hash decides in place of the origin's, one a person.
    """
    people = make(refusals)
    ceilings = [limit for limit in limits if limit.at_most is not None]
    if not ceilings:
        return people
    order = hash_order(f"{salt}:budget", people.origin_id if keys is None else keys)
    starts = None if keys is None else _starts([keys[place] for place in order.tolist()])
    while True:
        reached = [(_reached(limit, people, order, starts), limit) for limit in ceilings]
        place, limit = min(reached, key=lambda found: found[0])
        if place == len(people):
            return people
        # Nothing changes for who comes before the first ceiling, so the others are looked at again after it.
        refusals = refusals.copy()
        _close(refusals, limit, order[place:])
        people = make(refusals)


def _reached(
    limit: Limit,
    people: PlanPeople,
    order: NDArray[np.int64],
    starts: NDArray[np.int64] | None,
) -> int:
    """The place in the order of the first person, or of the first of the group, who would pass the ceiling; else how many there are."""
    used = np.cumsum(_used(limit, people)[order])
    place = int(np.searchsorted(used, (limit.at_most or 0.0) * _ROUNDING, side="right"))
    return place if starts is None or place == len(people) else int(starts[place])


def _starts(keys: Sequence[str]) -> NDArray[np.int64]:
    """For each place of an order in which equal keys stand together, the first place with its key."""
    names = np.array(keys, dtype=object)
    new = np.append(True, names[1:] != names[:-1])
    return np.maximum.accumulate(np.where(new, np.arange(len(names)), 0))


def _used(limit: Limit, people: PlanPeople) -> NDArray[np.float64]:
    """What each person uses of a limit."""
    got = people.action >= 0
    use = np.append(limit.use, 0.0)[people.action] * got
    return use if limit.people is None else use * limit.people


def _close(refusals: NDArray[np.int8], limit: Limit, late: NDArray[np.int64]) -> None:
    concerned = late if limit.people is None else late[limit.people[late]]
    using = np.flatnonzero(limit.use > 0)
    code = reason_code(_reason(limit.name))
    block = refusals[np.ix_(concerned, using)]
    refusals[np.ix_(concerned, using)] = np.where(block == ALLOWED, code, block)


def _reason(name: str) -> str:
    """Why somebody is left out whom the limit of this name does not reach."""
    if name == BUDGET:
        return BUDGET
    kinds = {kind: reason for reason, kind in _OF_OFFERS.items()}
    return kinds.get(name.partition(" ")[0], "limit")


def limit_uses(
    people: PlanPeople, limits: Sequence[Limit], prices: Mapping[str, float]
) -> tuple[LimitUse, ...]:
    """What a plan uses of each limit, with the price that the choice put on it (0: none)."""
    inside = people.arm != EXCLUDED
    return tuple(
        LimitUse(
            limit.name,
            float(_used(limit, people)[inside].sum()),
            limit.at_most,
            limit.at_least,
            prices.get(limit.name, 0.0),
        )
        for limit in limits
    )
