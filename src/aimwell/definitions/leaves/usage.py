"""`usage`: how much of something a person used, and whether that is much or little among those who use it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Duration
from aimwell.definitions.conditions import OptionalLimits, Text
from aimwell.definitions.leaves.base import Leaf

__all__ = ["UsageRule"]


class _Usage(Leaf):
    usage: Text = Field(description="What is used, as the data calls it.")
    within: Duration | None = Field(default=None, description="Only periods that ended so lately.")
    level: Literal["heavy", "light"] | None = Field(
        default=None, description="heavy: most of those who used any; light: least of them."
    )
    share: Annotated[float, Field(gt=0, le=0.5)] | None = Field(
        default=None, description="How many of them are heavy, or light; default: 0.2."
    )


class UsageRule(OptionalLimits, _Usage):  # what is used stands first in the document
    """The sum of what a person used within a window, compared; or heavy and light users by it.

    Who used nothing has used 0, and is neither a heavy nor a light user.
    """

    key: ClassVar = "usage"

    @model_validator(mode="after")
    def _one_question(self) -> UsageRule:
        if self.limited == (self.level is not None):
            raise ValueError("say either a limit (above, at_least …) or a level: heavy or light")
        if self.share is not None and self.level is None:
            raise ValueError("`share` says how many are heavy or light; give a `level`")
        return self
