"""`occasion`: for whom an occasion is soon, or was lately, and who buys for it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from aimwell.definitions.base import Duration, Name
from aimwell.definitions.leaves.base import Leaf

__all__ = ["OccasionRule"]


class OccasionRule(Leaf):
    """For whom an occasion is on: within its lead time, or as long ahead or past as is said."""

    key: ClassVar = "occasion"

    occasion: Name = Field(description="Name of the definition.")
    within: Duration | None = Field(
        default=None, description="Its next day lies at most so far ahead."
    )
    past: Duration | None = Field(
        default=None, description="Its last day lies at most so far back."
    )
    buys: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="Only who buys for it with at least this probability, as learned from their own history.",
    )
