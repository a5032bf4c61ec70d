"""`loyalty`: how points are earned and how long they last, and the tiers that they lead to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Definition, Duration, Name, Part

__all__ = ["Loyalty", "LoyaltyTier"]


class LoyaltyTier(Part):
    """A rank that a person has from so many points earned."""

    name: Name
    from_points: Annotated[int, Field(ge=0)]


class Loyalty(Definition):
    """The rule of a points programme."""

    kind: Literal["loyalty"] = "loyalty"
    points_per_unit: Annotated[float, Field(gt=0, le=1e6)] = Field(
        default=1.0,
        description="Points for each unit of the workspace currency spent, net of returns; whole points, rounded down.",
    )
    expires: Duration | None = Field(
        default=None, description="How long points last; default: for ever."
    )
    tiers: tuple[LoyaltyTier, ...] = Field(
        default=(), description="By points earned within `tier_window`, the least first."
    )
    tier_window: Duration | None = Field(
        default=None, description="Points earned within so long count for the tier; default: all."
    )

    @model_validator(mode="after")
    def _tiers_rise(self) -> Loyalty:
        starts = [tier.from_points for tier in self.tiers]
        if sorted(set(starts)) != starts:
            raise ValueError("the tiers must stand in the order of from_points, each once")
        return self
