"""What each person of a past experiment earned, by what its campaign maximises, and what offers cost beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.uplift.data import ExperimentData
from aimwell.definitions.kinds.offer import Offer
from aimwell.errors import DecideError, nearest

__all__ = ["MONEY", "Earned", "discounts_of", "earned"]

Floats = NDArray[np.float64]

MONEY = ("margin", "profit", "revenue")
"""Outcomes that are money, in the workspace's currency."""


@dataclass(frozen=True, eq=False)
class Earned:
    """One number a person, higher is better, what it is counted from, and what must be known of it."""

    values: Floats
    outcome: str
    cautions: tuple[str, ...] = ()


def earned(data: ExperimentData, parts: CampaignParts) -> Earned:
    """What each person earned.

    profit = margin − what orders do not show of the offer − contact cost of the arm

    where an offer costs `cost_fixed` an order and, if the orders show revenue before the discount, its percent of the revenue
    or its amount an order: of everybody in the arm who bought, as if all of them used it. Where revenue or
    conversions are maximised costs do not count.

    Raises:
        DecideError: There is no such outcome.
    """
    maximise = parts.campaign.policy.maximise
    outcome, cautions = _outcome(data, parts)
    values = data.outcome(outcome).copy()
    if maximise != "incremental_profit":
        return Earned(values, outcome, cautions)
    for name, offer, cost in _arms(data.arms, parts):
        rows = np.flatnonzero(data.arm == data.arms.index(name))
        values[rows] -= cost
        if offer is not None:
            shown, more = _hidden_cost(data, offer, rows)
            values[rows] -= shown
            cautions = (*cautions, *more)
    return Earned(values, outcome, cautions)


def discounts_of(data: ExperimentData, parts: CampaignParts) -> Floats:
    """What each action's offer cost per person of its arm in the experiment: discount and fixed cost; 0 where the arm is missing."""
    found = np.zeros(len(parts.campaign.actions))
    for place, action in enumerate(parts.campaign.actions):
        if action.offer is None or action.key not in data.arms:
            continue
        offer = parts.offers[action.offer]
        rows = np.flatnonzero(data.arm == data.arms.index(action.key))
        orders = _orders(data)[rows]
        cost = offer.cost_fixed * orders
        if offer.benefit.amount is not None:
            cost = cost + offer.benefit.amount * orders
        if offer.benefit.percent is not None and "revenue" in data.outcomes:
            share = min(offer.benefit.percent / 100, 0.99)
            # Of what was paid after p percent off, p / (1 − p) was given away.
            of_revenue = share / (1 - share) if offer.discount_in_orders else share
            cost = cost + of_revenue * data.outcomes["revenue"][rows]
        found[place] = max(0.0, float(cost.mean()))
    return found


def _outcome(data: ExperimentData, parts: CampaignParts) -> tuple[str, tuple[str, ...]]:
    campaign = parts.campaign
    known = list(data.outcomes)
    asked = campaign.policy.outcome
    if asked is not None:
        if asked not in known:
            raise DecideError(
                f"The experiment has no outcome '{asked}' (policy.outcome). {nearest(asked, known)}"
            )
        return asked, ()
    first = {
        "incremental_profit": MONEY,
        "incremental_revenue": ("revenue",),
        "conversions": ("bought", "conversion", "orders"),
    }[campaign.policy.maximise]
    for name in first:
        if name in known:
            stands_in = campaign.policy.maximise == "incremental_profit" and name == "revenue"
            words = (
                "The margin of some sales is unknown, so revenue less costs was maximised instead of profit."
                if stands_in
                else ""
            )
            return name, (words,) if words else ()
    if len(known) == 1:
        return known[0], ()
    raise DecideError(
        f"The experiment has the outcomes {', '.join(known)}, and none of them is {' or '.join(first)}. Say which one "
        "counts: policy.outcome."
    )


def _arms(arms: Sequence[str], parts: CampaignParts) -> list[tuple[str, Offer | None, float]]:
    offers: Mapping[str, Offer] = parts.offers
    return [
        (a.key, None if a.offer is None else offers[a.offer], parts.channels[a.channel].cost)
        for a in parts.campaign.actions
        if a.key in arms
    ]


def _hidden_cost(
    data: ExperimentData, offer: Offer, rows: NDArray[np.intp]
) -> tuple[Floats, tuple[str, ...]]:
    """What the orders do not show of an offer, of each of these people."""
    orders = _orders(data)[rows]
    cost = offer.cost_fixed * orders
    if offer.discount_in_orders:
        return cost, ()
    if offer.benefit.amount is not None:
        cost = cost + offer.benefit.amount * orders
    if offer.benefit.percent is not None:
        if "revenue" not in data.outcomes:
            return cost, (
                f"What '{offer.name}' gave away is not in the orders, and the experiment has no revenue to tell it from; "
                "it was not counted.",
            )
        cost = cost + offer.benefit.percent / 100 * np.maximum(data.outcomes["revenue"][rows], 0.0)
    return cost, ()


def _orders(data: ExperimentData) -> Floats:
    """Orders of each person; where none are told of, whether an outcome is above 0."""
    for name in ("orders", "bought"):
        if name in data.outcomes:
            return data.outcomes[name]
    return (next(iter(data.outcomes.values())) > 0).astype(np.float64)
