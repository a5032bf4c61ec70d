"""`rfm`: quintiles of recency, frequency and monetary value, and named groups of them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, StrictInt, model_validator

from aimwell.definitions.base import Part
from aimwell.definitions.leaves.base import Leaf

__all__ = ["RFM_GROUPS", "Rfm", "RfmGroup", "RfmRule"]

RfmGroup = Literal[
    "champions",
    "loyal",
    "potential_loyalists",
    "new",
    "promising",
    "needs_attention",
    "about_to_sleep",
    "at_risk",
    "cant_lose_them",
    "hibernating",
    "lost",
]
RFM_GROUPS: tuple[RfmGroup, ...] = get_args(RfmGroup)


_Quintile = Annotated[StrictInt, Field(ge=1, le=5)]
_Quintiles = Annotated[tuple[_Quintile, ...], Field(min_length=1, max_length=5)]


class Rfm(Part):
    """Quintiles among all buyers: 5 is best (bought lately, often, for much). Only buyers have them."""

    recency: _Quintiles | None = None
    frequency: _Quintiles | None = None
    monetary: _Quintiles | None = None
    groups: Annotated[tuple[RfmGroup, ...], Field(min_length=1)] | None = Field(
        default=None, description="Named groups of these quintiles."
    )

    @model_validator(mode="after")
    def _something(self) -> Rfm:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("say which: recency, frequency, monetary or groups")
        return self


class RfmRule(Leaf):
    """Recency, frequency and monetary value, net of returns, as of the moment."""

    key: ClassVar = "rfm"

    rfm: Rfm
