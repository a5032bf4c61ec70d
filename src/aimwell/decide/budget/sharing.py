"""One budget over the plans of several campaigns, as of a quarter: who gets how much, what it earns, what one more pound adds.

Each plan brings its curve of profit against budget. Money goes where the next pound adds most (`share_out`). What a model
hopes is too high, and not equally so in every campaign; so each curve is first scaled to what people who had no part in it
say of its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.curve import Curve, share_out
from aimwell.errors import DecideError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.together import together

__all__ = ["CampaignShare", "PlanCurve", "SharedBudget", "SharedPoint", "shared_budget"]

Floats = NDArray[np.float64]
_METHOD = "read off between the points of the plan's curve"


@dataclass(frozen=True, eq=False)
class PlanCurve:
    """The curve of one plan, from nothing on; one entry a corner.

    Attributes:
        spent: Money.
        hoped: Profit that the model hopes for.
        judged, lower, upper: Profit by people whom the model did not learn from, with its interval.
        actions: Action → people who get it.
    """

    spent: Floats
    hoped: Floats
    judged: Floats
    lower: Floats
    upper: Floats
    actions: Mapping[str, Floats]

    @classmethod
    def of(cls, points: Sequence[Mapping[str, Any]]) -> PlanCurve | str:
        """Of the points of a plan's summary; else in words why they do not make a curve."""
        if not points:
            return "nothing that it does costs anything, so it needs no budget"
        if any(point["judged"]["estimate"] is None for point in points):
            return "nobody could judge its curve"
        if any("actions" not in point for point in points):
            return "it was made before curves told of actions; plan it again"

        def column(of: Sequence[float]) -> Floats:
            return np.array([0.0, *of])[kept]

        spent = np.array([0.0, *(point["spent"] for point in points)])
        kept = np.unique(spent, return_index=True)[1]
        return cls(
            spent=spent[kept],
            hoped=column([point["value"] for point in points]),
            judged=column([point["judged"]["estimate"] for point in points]),
            lower=column([point["judged"]["lower"] for point in points]),
            upper=column([point["judged"]["upper"] for point in points]),
            actions={
                key: column([point["actions"][key] for point in points])
                for key in points[0]["actions"]
            },
        )

    @property
    def most(self) -> float:
        """The budget from which on more money adds nothing."""
        return float(self.spent[-1])

    @property
    def trust(self) -> float:
        """What people judge of the end of the curve over what the model hopes; 0 where they judge it a loss."""
        hoped = float(self.hoped[-1])
        return max(0.0, float(self.judged[-1]) / hoped) if hoped > 0 else 0.0

    def scaled(self) -> Curve:
        """What money is shared out by; nothing but its beginning where people judge it a loss."""
        if self.trust == 0:
            return Curve(np.zeros(1), np.zeros(1), ())
        return Curve(self.spent, self.hoped * self.trust, ())

    def profit(self, budget: float) -> Estimate:
        """What so much money earns."""
        middle, low, high = (
            float(np.interp(budget, self.spent, one))
            for one in (self.judged, self.lower, self.upper)
        )
        return Estimate(
            estimate=middle,
            lower=low,
            upper=high,
            confidence=DEFAULT_CONFIDENCE,
            method=_METHOD,
        )

    def people(self, budget: float) -> dict[str, int]:
        """Action → people who get it for so much money."""
        return {
            key: round(float(np.interp(budget, self.spent, counts)))
            for key, counts in self.actions.items()
        }


@dataclass(frozen=True, kw_only=True)
class CampaignShare:
    """What one campaign gets of the budget.

    Attributes:
        budget: Money.
        most: From which on more of it would add nothing.
        profit: What it earns, by people whom the model did not learn from.
        marginal: What one more pound here would add.
        people: Action → people.
        trust: By how much the model's hope was scaled before sharing out.
    """

    campaign: str
    plan_id: str
    budget: float
    most: float
    profit: Estimate
    marginal: float
    people: Mapping[str, int]
    trust: float


@dataclass(frozen=True)
class SharedPoint:
    """All campaigns together at one budget, shared out at best."""

    budget: float
    profit: Estimate
    marginal: float
    shares: Mapping[str, float]


@dataclass(frozen=True)
class SharedBudget:
    """A budget shared out over campaigns, with the curve of profit against it.

    Attributes:
        budget: To be shared out. spent: less where nothing more adds anything.
        marginal: What one more pound would add, wherever it adds most.
        channels: Channel → people who get a message through it.
        notes: What a reader must know.
    """

    currency: str
    budget: float
    spent: float
    profit: Estimate
    marginal: float
    campaigns: tuple[CampaignShare, ...]
    channels: Mapping[str, int]
    curve: tuple[SharedPoint, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def shared_budget(
    plans: Mapping[str, tuple[str, PlanCurve, Mapping[str, str]]],
    budget: float,
    *,
    currency: str,
    points: int = 10,
    notes: Sequence[str] = (),
) -> SharedBudget:
    """Share one budget out.

    Args:
        plans: Campaign → id of its plan, its curve, and its actions with the channel of each.
        budget: What all may spend together.
        points: How many even parts of what could be spent the curve tells.

    Raises:
        DecideError: There is no plan, or the budget is no number of 0 or more.
    """
    if not plans:
        raise DecideError("There is no plan to share a budget out to. Name at least one.")
    scaled = {name: curve.scaled() for name, (_id, curve, _channels) in plans.items()}
    given = share_out(scaled, budget)
    shares = tuple(
        CampaignShare(
            campaign=name,
            plan_id=plan_id,
            budget=given[name].budget,
            most=scaled[name].most,
            profit=curve.profit(given[name].budget),
            marginal=given[name].marginal,
            people=curve.people(given[name].budget),
            trust=curve.trust,
        )
        for name, (plan_id, curve, _channels) in plans.items()
    )
    channels: dict[str, int] = {}
    for share in shares:
        for action, people in share.people.items():
            channel = plans[share.campaign][2][action]
            channels[channel] = channels.get(channel, 0) + people
    most = sum(curve.most for curve in scaled.values())
    return SharedBudget(
        currency=currency,
        budget=budget,
        spent=math.fsum(share.budget for share in shares),
        profit=together([share.profit for share in shares]),
        marginal=max(share.marginal for share in shares),
        campaigns=tuple(sorted(shares, key=lambda share: (-share.budget, share.campaign))),
        channels=dict(sorted(channels.items())),
        curve=tuple(
            _point(plans, scaled, float(one)) for one in np.linspace(0, most, points + 1)[1:]
        ),
        notes=tuple(notes),
    )


def _point(
    plans: Mapping[str, tuple[str, PlanCurve, Mapping[str, str]]],
    scaled: Mapping[str, Curve],
    budget: float,
) -> SharedPoint:
    given = share_out(scaled, budget)
    return SharedPoint(
        budget=budget,
        profit=together(
            [curve.profit(given[name].budget) for name, (_i, curve, _c) in plans.items()]
        ),
        marginal=max(share.marginal for share in given.values()),
        shares={name: share.budget for name, share in given.items()},
    )
