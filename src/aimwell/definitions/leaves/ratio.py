"""`ratio`: one measure as a share of another, as the returned share of what was bought."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from aimwell.definitions.base import Duration, Part
from aimwell.definitions.conditions import NumberCondition
from aimwell.definitions.leaves.acts import Measure
from aimwell.definitions.leaves.base import Leaf

__all__ = ["Ratio", "RatioRule"]


class Ratio(Part):
    """What is divided by what."""

    part: Measure
    whole: Measure | None = Field(
        default=None,
        description="Default: the same without its `where`; of a discount, the money before discount.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Ratio:
        if self.whole is None and self.part.where is None and self.part.of != "discount":
            raise ValueError("say the `whole`, or which part it is by a `where`")
        return self

    @property
    def divisor(self) -> Measure:
        """The whole, as written or by default."""
        if self.whole is not None:
            return self.whole
        of = "gross" if self.part.of == "discount" else self.part.of
        return self.part.model_copy(update={"where": None, "of": of})


class _Ratio(Leaf):
    ratio: Ratio
    within: Duration | None = Field(default=None, description="Only what happened so lately.")


class RatioRule(NumberCondition, _Ratio):  # what is divided stands first in the document
    """The quotient of two sums or counts, each without its sign, compared.

    Who has nothing to divide by has no ratio, and does not fulfil it.
    """

    key: ClassVar = "ratio"
