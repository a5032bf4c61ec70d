"""Which fields of an event a rule can ask for: those of orders, of their products, of everything else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import AfterValidator, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from aimwell.definitions.conditions import Text
from aimwell.errors import nearest

__all__ = [
    "EVENT_FIELDS",
    "ORDER_EVENTS",
    "ORDER_FIELDS",
    "PRODUCT_FIELDS",
    "PROPERTY_PREFIX",
    "Summable",
    "is_summable",
    "property_keys",
    "refuse_unknown_fields",
]

ORDER_EVENTS = ("Order Completed", "Order Refunded")
"""Events that are orders; their names are Segment's."""

ORDER_FIELDS = ("revenue", "quantity", "discount", "order_id", "coupon", "shop_id")
"""What `where` can ask of an order, beside PRODUCT_FIELDS and properties."""

PRODUCT_FIELDS = ("sku", "category", "brand")
"""What `where` can ask of the lines of an order; the order then counts as if it held only these lines."""

EVENT_FIELDS = ("revenue", "quantity", "sku", "category", "campaign", "channel", "action")
"""What `where` can ask of any other event, beside properties."""

PROPERTY_PREFIX = "properties."


def property_keys(field: str) -> tuple[str, ...] | None:
    """The keys of 'properties.a.b' from the outermost in; None where `field` is no property."""
    if not field.startswith(PROPERTY_PREFIX):
        return None
    return tuple(field.removeprefix(PROPERTY_PREFIX).split("."))


def _is_property(field: str) -> bool:
    keys = property_keys(field)
    return keys is not None and all(keys)


_SUMMABLE: Final = ("revenue", "quantity", "discount")


def is_summable(field: str) -> bool:
    """Whether there is a sum of this field."""
    return field in _SUMMABLE or _is_property(field)


def _summable(field: str) -> str:
    if is_summable(field):
        return field
    raise ValueError("one can sum revenue, quantity, discount or properties.NAME")


Summable = Annotated[Text, AfterValidator(_summable)]
"""A field of which there is a sum."""


def refuse_unknown_fields(event: str | None, asked: Iterable[str]) -> None:
    """Raise ValidationError with a fault for each field that this event never has.

    Args:
        event: Its name; None where that is wrong itself, and then nothing is refused.
        asked: Fields of a `where`.
    """
    fields = (*ORDER_FIELDS, *PRODUCT_FIELDS) if event in ORDER_EVENTS else EVENT_FIELDS
    known = [*fields, f"{PROPERTY_PREFIX}NAME"]
    faults: list[InitErrorDetails] = [
        {
            "type": PydanticCustomError(
                "unknown_field",
                "'{event}' has no such field. {hint}",
                {"event": event, "hint": nearest(field, known)},
            ),
            "loc": (field,),
            "input": field,
        }
        for field in asked
        if event is not None and not _is_property(field) and field not in fields
    ]
    if faults:
        raise ValidationError.from_exception_data("where", faults)
