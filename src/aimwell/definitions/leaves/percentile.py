"""`percentile`: the top or the bottom share of people by a figure."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from aimwell.definitions.base import Duration, Name, Part
from aimwell.definitions.conditions import Text
from aimwell.definitions.leaves.acts import Measure
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.leaves.feature import FeatureName

__all__ = ["Figure", "PercentileRule"]

_Top = Annotated[float, Field(gt=0, lt=1)]


class Figure(Part):
    """What people are ranked by."""

    feature: FeatureName | None = None
    measure: Measure | None = Field(default=None, description="A count or a sum of events.")
    within: Duration | None = Field(
        default=None, description="Of a measure: only what happened so lately."
    )

    @model_validator(mode="after")
    def _one(self) -> Figure:
        if (self.feature is None) == (self.measure is None):
            raise ValueError("say one figure: `feature: NAME` or `measure: {event: …}`")
        if self.feature is not None and self.within is not None:
            raise ValueError("a feature has its own window; `within` belongs to a measure")
        return self


class PercentileRule(Leaf):
    """Who is in the top, or bottom, share of those who have the figure. Equal people are in or out together.

    Ranked are people with the feature, or who did what is measured; `by` ranks within each group of people who have the
    same value of a trait, `among` only those of a segment, to whom the others do not belong.
    """

    key: ClassVar = "percentile"

    percentile: Figure
    top: _Top | None = Field(default=None, description="0.1: fewer than a tenth have more.")
    bottom: _Top | None = Field(default=None, description="0.1: fewer than a tenth have less.")
    by: Text | None = Field(default=None, description="Trait; who has none is not ranked.")
    among: Name | None = Field(default=None, description="Segment; who is not in it is not ranked.")

    @model_validator(mode="after")
    def _one_end(self) -> PercentileRule:
        if (self.top is None) == (self.bottom is None):
            raise ValueError("say one end: top or bottom, each a share as 0.1")
        return self
