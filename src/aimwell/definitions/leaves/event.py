"""`event`: what somebody did before the moment, how often, how much, when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from aimwell.definitions.base import Duration, Part
from aimwell.definitions.conditions import (
    Condition,
    CountCondition,
    NumberCondition,
    Text,
    parse_moment,
)
from aimwell.definitions.leaves.base import Day, Leaf, When
from aimwell.definitions.leaves.event_fields import (
    ORDER_EVENTS,
    Summable,
    refuse_unknown_fields,
)

__all__ = ["EventRule", "SumCondition", "Where"]

Where = Annotated[dict[Text, Condition], Field(min_length=1)]
"""Field of an event → what it must be."""


class _Of(Part):
    of: Summable = Field(description="revenue, quantity, discount or properties.NAME")


class SumCondition(NumberCondition, _Of):  # what it is of stands first in the document
    """The sum over the events that fit. An event without the value adds nothing."""


class EventRule(Leaf):
    """What somebody did before the moment; without count, sum, first or last: at least once."""

    key: ClassVar = "event"

    event: Text = Field(description="As 'Order Completed'.")
    count: CountCondition | None = Field(default=None, description="How often.")
    sum: SumCondition | None = Field(default=None, description="How much in all.")
    first: When | None = Field(default=None, description="When it happened first.")
    last: When | None = Field(default=None, description="When it happened last.")
    within: Duration | None = Field(
        default=None, description="Only what happened at most so long ago."
    )
    between: tuple[Day, Day] | None = Field(
        default=None,
        description="Only what happened from the first to the second day, both included, in the firm's "
        "time zone; or between two times with offset.",
    )
    where: Where | None = Field(default=None, description="Only events whose fields are so.")
    machines: bool = Field(
        default=False,
        description="Count what machines did (scanners' opens and clicks, robots' pages), too.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> EventRule:
        if self.within is not None and self.between is not None:
            raise ValueError("say `within` or `between`, not both")
        if self.between is not None:
            first, last = map(parse_moment, self.between)
            if isinstance(first, datetime) != isinstance(last, datetime):
                raise ValueError("between: both ends must be dates, or both times")
            if first > last:
                raise ValueError("between: the first day must not be after the second")
        return self

    @field_validator("where", mode="after")
    @classmethod
    def _known_fields(
        cls, where: dict[str, Condition] | None, info: ValidationInfo
    ) -> dict[str, Condition] | None:
        refuse_unknown_fields(info.data.get("event"), where or ())
        return where

    @property
    def is_order(self) -> bool:
        """Whether it is about orders."""
        return self.event in ORDER_EVENTS
