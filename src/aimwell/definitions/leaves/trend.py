"""`trend`: more or less than in the window before."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from aimwell.definitions.base import Duration
from aimwell.definitions.leaves.acts import Measure
from aimwell.definitions.leaves.base import Leaf

__all__ = ["TrendRule"]


class TrendRule(Leaf):
    """Who did less, or more, in the last window than in the one before it, by at least a share.

    Who did nothing in the window before has no trend.
    """

    key: ClassVar = "trend"

    trend: Measure
    window: Duration = Field(description="Length of each of the two windows.")
    falling: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="By at least this share: 0.3 is 30 % less; 1 is nothing at all."
    )
    rising: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        default=None, description="By at least this share: 0.5 is half as much again."
    )

    @model_validator(mode="after")
    def _one_way(self) -> TrendRule:
        if (self.falling is None) == (self.rising is None):
            raise ValueError("say one way: falling or rising, each by a share as 0.3")
        return self
