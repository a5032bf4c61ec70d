"""What a budget that was shared out over campaigns comes to: by campaign, by segment, by channel, and along its curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aimwell.stats.estimate import Estimate

__all__ = ["CampaignShare", "SegmentShare", "SharedBudget", "SharedPoint"]


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


@dataclass(frozen=True, kw_only=True)
class SegmentShare:
    """What the people of one segment get of the budget, over all campaigns; who is in two segments counts in both.

    Attributes:
        segment: None: of people in no segment of those told of.
        budget, profit, people: As of a campaign; people by action of a campaign, `CAMPAIGN ACTION`.
        at_least, at_most: What was asked for.
        price: What one more pound of its ceiling, or one less of its floor, would add.
    """

    segment: str | None
    budget: float
    profit: Estimate
    people: Mapping[str, int]
    at_least: float | None = None
    at_most: float | None = None
    price: float = 0.0


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
        segments: By segment; empty where no plan tells of any.
        notes: What a reader must know.
    """

    currency: str
    budget: float
    spent: float
    profit: Estimate
    marginal: float
    campaigns: tuple[CampaignShare, ...]
    channels: Mapping[str, int]
    segments: tuple[SegmentShare, ...]
    curve: tuple[SharedPoint, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
