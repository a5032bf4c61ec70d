"""One budget over the plans of several campaigns, as of a quarter: who gets how much, what it earns, what one more pound adds.

Each plan brings its curve of profit against budget. Money goes where the next pound adds most (`share_out`). What a model
hopes is too high, and not equally so in every campaign; so each curve is first scaled to what people who had no part in it
say of its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from aimwell.decide.budget.bounded import Bound
from aimwell.decide.budget.pieces import OfPlan, Pieces
from aimwell.decide.budget.shared import CampaignShare, SharedBudget
from aimwell.errors import DecideError

__all__ = ["shared_budget"]


def shared_budget(
    plans: Mapping[str, OfPlan],
    budget: float,
    *,
    currency: str,
    points: int = 10,
    bounds: Sequence[Bound] = (),
    notes: Sequence[str] = (),
) -> SharedBudget:
    """Share one budget out.

    Args:
        plans: Campaign → what its plan brings.
        budget: What all may spend together.
        points: How many even parts of what could be spent the curve tells.
        bounds: What a segment may get at most, or must get at least, over all campaigns.

    Raises:
        DecideError: There is no plan, the budget is no number of 0 or more, no plan tells of a segment, or a floor cannot be met.
    """
    if not plans:
        raise DecideError("There is no plan to share a budget out to. Name at least one.")
    pieces = Pieces(plans, bounds)
    within = pieces.share(budget)
    shares = tuple(
        CampaignShare(
            campaign=name,
            plan_id=plan.plan_id,
            budget=pieces.spent(within, mine),
            most=math.fsum(pieces.curves[one].most for one in mine),
            profit=pieces.profit(within, mine),
            marginal=max(pieces.next_slope(within, one) for one in mine),
            people=pieces.people(within, mine),
            trust=plan.curve.trust,
        )
        for name, plan in plans.items()
        for mine in [pieces.of_campaign(name)]
    )
    channels: dict[str, int] = {}
    for share in shares:
        for action, people in share.people.items():
            channel = plans[share.campaign].channels[action]
            channels[channel] = channels.get(channel, 0) + people
    most = math.fsum(curve.most for curve in pieces.curves.values())
    return SharedBudget(
        currency=currency,
        budget=budget,
        spent=math.fsum(share.budget for share in shares),
        profit=pieces.profit(within, pieces.curves),
        marginal=within.marginal,
        campaigns=tuple(sorted(shares, key=lambda share: (-share.budget, share.campaign))),
        channels=dict(sorted(channels.items())),
        segments=pieces.by_segment(within),
        curve=tuple(pieces.points(np.linspace(0, most, points + 1)[1:].tolist())),
        notes=tuple(notes),
    )
