"""`subscription`: what a person has subscribed to, in what state, since when, until when."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from aimwell.definitions.base import Part
from aimwell.definitions.conditions import Condition, NumberCondition
from aimwell.definitions.leaves.base import Ahead, Leaf, When

__all__ = ["Subscription", "SubscriptionRule"]


class Subscription(Part):
    """What one subscription must be; all that is given must hold of the same one."""

    plan: Condition | None = None
    state: Condition | None = Field(
        default=None, description="trial, active, past_due (a payment is late), paused or ended."
    )
    price: NumberCondition | None = Field(default=None, description="Of a period.")
    period_months: NumberCondition | None = None
    reason: Condition | None = Field(default=None, description="Why it ended.")
    started: When | None = Field(default=None, description="When it began.")
    ended: When | None = Field(default=None, description="When it ended.")
    ends: Ahead | None = Field(
        default=None, description="It lasts still, and has a day on which it ends."
    )
    renews: Ahead | None = Field(
        default=None, description="It lasts still, and its next period begins so soon."
    )

    @model_validator(mode="after")
    def _something(self) -> Subscription:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError(f"say what it must be: {', '.join(type(self).model_fields)}")
        return self


class SubscriptionRule(Leaf):
    """Who has, or had, a subscription that is so as of the moment."""

    key: ClassVar = "subscription"

    subscription: Subscription
