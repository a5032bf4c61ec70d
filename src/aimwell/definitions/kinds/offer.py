"""`offer`: what is promised to a person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from aimwell.definitions.base import Definition, Part

__all__ = ["Offer", "OfferBenefit", "Validity"]


class OfferBenefit(Part):
    """What the person gets: exactly one of these. Without any, the offer only informs."""

    percent: Annotated[float, Field(gt=0, le=100)] | None = Field(
        default=None, description="Percent off the goods."
    )
    amount: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Money off an order, in the workspace currency."
    )
    free_shipping: Literal[True] | None = Field(default=None, description="No shipping charged.")
    gift: str | None = Field(default=None, description="Product given free.")

    @model_validator(mode="after")
    def _at_most_one(self) -> OfferBenefit:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"an offer gives one benefit, found {' and '.join(given)}")
        return self


class Validity(Part):
    """When the offer can be used. Open ends are allowed."""

    start: AwareDatetime | None = Field(default=None, description="First moment, with a time zone.")
    end: AwareDatetime | None = Field(default=None, description="Last moment, with a time zone.")

    @model_validator(mode="after")
    def _in_order(self) -> Validity:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("the end must be later than the start")
        return self

    def ended(self, moment: datetime) -> bool:
        """Whether the offer cannot be used any more at `moment`."""
        return self.end is not None and moment > self.end

    def begun(self, moment: datetime) -> bool:
        """Whether the offer can be used already at `moment`."""
        return self.start is None or moment >= self.start


class Offer(Definition):
    """What is promised, under which conditions, and what it costs the firm."""

    kind: Literal["offer"] = "offer"
    benefit: OfferBenefit = Field(default_factory=OfferBenefit)
    code: str | None = Field(
        default=None, max_length=64, description="Code to type at the checkout."
    )
    minimum_spend: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="Goods value from which it holds, in the workspace currency."
    )
    valid: Validity = Field(default_factory=Validity)
    stock: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="To how many people it can be offered in one plan; default: no limit.",
    )
    cost_fixed: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Cost of one redemption beyond the discount (the gift, the shipping), "
        "in the workspace currency.",
    )
    discount_in_orders: bool = Field(
        default=True,
        description="The orders' data already show revenue after this discount. If not, it is subtracted "
        "when profit is measured.",
    )
