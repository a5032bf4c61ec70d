"""Parts that say which acts of a person are meant, and what is measured of them; several leaves have them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from aimwell.definitions.base import Part
from aimwell.definitions.conditions import Condition, Text
from aimwell.definitions.leaves.event import Where
from aimwell.definitions.leaves.event_fields import (
    ORDER_EVENTS,
    is_summable,
    refuse_unknown_fields,
)

__all__ = ["MEASURES", "Acts", "Measure", "Of", "measured"]

MEASURES = ("count", "revenue", "quantity", "discount", "gross")
"""What is measured of events, beside properties: how many there are, or a sum. `gross` is before discount."""


def measured(field: str) -> str:
    """The field, if it can be measured. Raises ValueError that says what can."""
    if field in MEASURES or is_summable(field):
        return field
    raise ValueError(f"one can measure {', '.join(MEASURES)} or properties.NAME")


Of = Annotated[Text, AfterValidator(measured)]
"""One of MEASURES, or a property."""


class Acts(Part):
    """Events of one name, perhaps only those whose fields are so."""

    event: Text = Field(description="As 'Order Completed'.")
    where: Where | None = Field(default=None, description="Only events whose fields are so.")
    machines: Literal[True] | None = Field(
        default=None,
        description="Count what machines did (scanners' opens and clicks, robots' pages), too.",
    )

    @field_validator("where", mode="after")
    @classmethod
    def _known_fields(
        cls, where: dict[str, Condition] | None, info: ValidationInfo
    ) -> dict[str, Condition] | None:
        refuse_unknown_fields(info.data.get("event"), where or ())
        return where


class Measure(Acts):
    """How many events there are, or the sum of a field of them."""

    of: Of = Field(
        default="count",
        description="count, revenue, quantity, discount, gross (before discount) or properties.NAME",
    )

    @model_validator(mode="after")
    def _of_orders(self) -> Measure:
        if self.of in ("discount", "gross") and self.event not in ORDER_EVENTS:
            raise ValueError(f"only orders have a {self.of}: {', '.join(ORDER_EVENTS)}")
        return self
