"""`offer`: what is promised to a person, under which conditions, with which code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from aimwell.definitions.base import Definition, Duration, Money, Name, Part, Reference

__all__ = [
    "Bundle",
    "BuyGet",
    "Codes",
    "Conditions",
    "Offer",
    "OfferBenefit",
    "Referral",
    "Tier",
    "Validity",
]

Percent = Annotated[float, Field(gt=0, le=100)]
Amount = Annotated[float, Field(gt=0, le=1e13)]


class Tier(Part):
    """One step of an offer that grows with spend: percent or amount from so much on."""

    from_spend: Money = Field(
        description="Goods value from which the step holds, in the workspace currency."
    )
    percent: Percent | None = None
    amount: Amount | None = None

    @model_validator(mode="after")
    def _one(self) -> Tier:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("a step gives percent or amount")
        return self


class Bundle(Part):
    """Products that cost less together."""

    products: Annotated[tuple[str, ...], Field(min_length=2, max_length=20)] = Field(
        description="One of each (sku)."
    )
    percent: Percent | None = None
    amount: Amount | None = None

    @model_validator(mode="after")
    def _one(self) -> Bundle:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("a bundle gives percent or amount off its products")
        if len(set(self.products)) < len(self.products):
            raise ValueError("a product stands twice in the bundle")
        return self


class BuyGet(Part):
    """Buy so many, get so many more for less: of each `buy + get` units the cheapest `get`."""

    buy: Annotated[int, Field(ge=1)]
    get: Annotated[int, Field(ge=1)] = 1
    percent: Percent = Field(default=100.0, description="Percent off the units that one gets.")


class Referral(Part):
    """A reward for bringing somebody who buys."""

    reward: Amount = Field(description="What who brings a friend gets, in the workspace currency.")
    friend: Money = Field(
        default=0.0, description="What the friend gets off, in the workspace currency."
    )
    programme: Name | None = Field(
        default=None, description="Loyalty programme in which the reward is paid, as points."
    )
    points: Annotated[int, Field(ge=1, le=10**9)] | None = Field(
        default=None, description="Points for each friend who buys."
    )
    reward_offer: Name | None = Field(
        default=None,
        description="Offer of whose pool a code is the reward instead, one for each friend who buys; its `codes` are `to: earned`.",
    )
    return_window: Duration = Field(
        default=timedelta(days=30),
        description="How long after the friend's order the reward waits, for returns.",
        json_schema_extra={"default": "30d"},
    )
    most: Annotated[int, Field(ge=1)] = Field(
        default=20, description="For how many friends one person is rewarded at most."
    )

    @model_validator(mode="after")
    def _paid_one_way(self) -> Referral:
        if (self.programme is None) != (self.points is None):
            raise ValueError("a reward in points needs both `programme` and `points`")
        if self.points is not None and self.reward_offer is not None:
            raise ValueError("a reward is `points` or a code of the `reward_offer`, not both")
        return self


class OfferBenefit(Part):
    """What the person gets: exactly one of these. Without any, the offer only informs."""

    percent: Percent | None = Field(default=None, description="Percent off the goods.")
    amount: Amount | None = Field(
        default=None, description="Money off an order, in the workspace currency."
    )
    free_shipping: Literal[True] | None = Field(default=None, description="No shipping charged.")
    gift: str | None = Field(default=None, description="Product given free.")
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1, max_length=10)] | None = Field(
        default=None, description="More off from more spend; the highest step reached holds."
    )
    bundle: Bundle | None = Field(default=None, description="Products that cost less together.")
    buy_get: BuyGet | None = Field(default=None, description="Buy so many, get so many for less.")
    early_access: Duration | None = Field(
        default=None, description="How long before everybody else; costs nothing off the price."
    )
    points: Annotated[int, Field(ge=1, le=10**9)] | None = Field(
        default=None, description="Loyalty points for an order; each costs `point_value`."
    )
    referral: Referral | None = Field(default=None, description="A reward for bringing somebody.")

    @model_validator(mode="after")
    def _at_most_one(self) -> OfferBenefit:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"an offer gives one benefit, found {' and '.join(given)}")
        spends = [tier.from_spend for tier in self.tiers or ()]
        if sorted(set(spends)) != spends:
            raise ValueError("the steps must stand in the order of from_spend, each once")
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


class Conditions(Part):
    """What an order or a person must fulfil beyond the least spend."""

    products: tuple[str, ...] = Field(default=(), description="Only these products (sku).")
    categories: tuple[str, ...] = Field(default=(), description="Only these categories.")
    without_products: tuple[str, ...] = Field(default=(), description="Never these products.")
    without_categories: tuple[str, ...] = Field(default=(), description="Never these categories.")
    first_order_only: bool = Field(
        default=False, description="Only for people who have never bought."
    )
    combinable: bool = Field(default=False, description="Holds beside another offer in one order.")
    minimum_age: Annotated[int, Field(ge=1, le=120)] | None = Field(
        default=None,
        description="Youngest age in years; whose age is unknown does not get it.",
    )


class Codes(Part):
    """A code of one's own for each person, from a pool: imported or made with `aimwell decide codes`."""

    pool: Literal["unique"] = "unique"
    to: Literal["everybody", "earned"] = Field(
        default="everybody",
        description="earned: only for who earned one by a referral; a campaign with the offer reaches them alone, and hands it over.",
    )


class Offer(Definition):
    """What is promised, under which conditions, and what it costs the firm."""

    kind: Literal["offer"] = "offer"
    benefit: OfferBenefit = Field(default_factory=OfferBenefit)
    code: str | None = Field(
        default=None,
        max_length=64,
        description="Code to type at the checkout, the same for everybody.",
    )
    codes: Codes | None = Field(
        default=None, description="A code of one's own for each person instead."
    )
    minimum_spend: Money = Field(
        default=0.0, description="Goods value from which it holds, in the workspace currency."
    )
    conditions: Conditions = Field(default_factory=Conditions)
    valid: Validity = Field(default_factory=Validity)
    valid_for: Duration | None = Field(
        default=None,
        description="How long after the message is due it holds for that person, as 48h; `valid` limits it too.",
    )
    stock: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="To how many people it is promised at most, over all plans."
    )
    per_person: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="How often one person may redeem it."
    )
    cost_fixed: Money = Field(
        default=0.0,
        description="Cost of one redemption beyond the discount (the gift, the shipping), "
        "in the workspace currency.",
    )
    point_value: Money | None = Field(
        default=None, description="What one loyalty point costs, in the workspace currency."
    )
    discount_in_orders: bool = Field(
        default=True,
        description="The orders' data already show revenue after this discount. If not, it is subtracted "
        "when profit is measured.",
    )

    @model_validator(mode="after")
    def _one_way_of_codes(self) -> Offer:
        if self.code is not None and self.codes is not None:
            raise ValueError("write `code` (the same for everybody) or `codes` (one a person)")
        if self.benefit.points is not None and self.point_value is None:
            raise ValueError("an offer of points needs point_value: what one point costs")
        by_line = self.benefit.bundle is not None or self.benefit.buy_get is not None
        if by_line and not self.discount_in_orders:
            raise ValueError(
                "what a bundle or buy_get took off is seen in the lines of an order alone, so the orders must show "
                "it (discount_in_orders: true)"
            )
        return self

    def references(self) -> Iterator[Reference]:
        """The programme or the offer in which a referral is rewarded."""
        if (rule := self.benefit.referral) is not None:
            if rule.programme is not None:
                yield "benefit.referral.programme", "loyalty", rule.programme
            if rule.reward_offer is not None:
                yield "benefit.referral.reward_offer", "offer", rule.reward_offer

    @property
    def cost_beyond(self) -> float:
        """Cost of one redemption that no order shows: the gift, the shipping, the points."""
        return self.cost_fixed + (self.benefit.points or 0) * (self.point_value or 0.0)

    @property
    def discounts(self) -> bool:
        """Whether it gives money or goods away, as no-discount lists understand it."""
        given = self.benefit.model_dump(exclude_none=True)
        return bool(given) and "early_access" not in given

    def ends_at(self, sent_at: datetime) -> datetime | None:
        """Until when it holds for who was sent it then; None: no end."""
        own = None if self.valid_for is None else sent_at + self.valid_for
        ends = [end for end in (own, self.valid.end) if end is not None]
        return min(ends, default=None)
