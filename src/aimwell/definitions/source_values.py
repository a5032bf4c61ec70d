"""What a source maps to what: values (a column, a path, a constant, an expression) and the target columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from aimwell.definitions.base import Name, Part
from aimwell.definitions.source_expressions import Expression

__all__ = [
    "CustomersMap",
    "EventsMap",
    "Medium",
    "OrdersMap",
    "PersonMap",
    "ProductsMap",
    "RatesMap",
    "TargetMap",
    "Value",
    "currency",
    "holds_from",
    "target",
]

_FORMS = (
    "a column ('Country', 'value.amount' inside JSON), a list of keys ([value, offer id]), "
    '{constant: GBP} or {expression: "upper(Country)"}'
)


class Value(Part):
    """Where a value comes from. Written as a column's name, a list of keys, or one of the fields below."""

    column: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="Column; `file.column` of a joined file; `key.key` inside JSON."
    )
    path: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None, description="Keys inside JSON, where one holds a dot or a space."
    )
    constant: str | None = Field(default=None, description="The same text for each row.")
    expression: Expression | None = Field(default=None, description="Safe SQL over the row.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"column": data}
        if isinstance(data, list | tuple):
            return {"path": data}
        if isinstance(data, dict) and isinstance(data.get("constant"), int | float):
            return {**data, "constant": str(data["constant"])}
        if data is None:
            raise ValueError(f"say where it comes from: {_FORMS}")
        return data

    @model_validator(mode="after")
    def _one(self) -> Value:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError(f"give one of: {_FORMS}")
        return self

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> Any:
        if self.column is not None:
            return self.column
        if self.path is not None:
            return list(self.path)
        return {k: v for k, v in handler(self).items() if v is not None}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        written_out = handler(schema)
        keys = {"type": "array", "items": {"type": "string"}, "minItems": 1}
        return {"anyOf": [{"type": "string", "minLength": 1}, keys, written_out]}

    def __str__(self) -> str:
        if self.column is not None:
            return self.column
        if self.path is not None:
            return " → ".join(self.path)
        return f"'{self.constant}'" if self.constant is not None else str(self.expression)


def target(help_: str) -> Any:
    """A target that need not be mapped."""
    return Field(default=None, description=help_)


def currency() -> Any:
    """The currency of a row's money."""
    return target("ISO 4217 code; default: the source's.")


def holds_from() -> Any:
    """The moment of a statement that stands until the next one."""
    return target("From when the row holds. Default: as for customers.")


class TargetMap(Part):
    """Target column → where its value comes from."""

    def given(self) -> Iterator[tuple[str, Value]]:
        """The mapped targets, in the order of the schema."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, dict):
                yield from ((f"{name}.{key}", one) for key, one in value.items())
            elif value is not None:
                yield name, value


Medium = Literal["email", "sms", "whatsapp", "push", "webhook", "in_app", "ad_audience"]
"""How somebody may be reached, of which a source can tell what they said."""


class PersonMap(TargetMap):
    """How a person is named. The first of these that a row has is the identity under which it comes."""

    customer_id: Value | None = target("The shop's id of the customer.")
    email: Value | None = target("E-mail address; to the vault.")
    phone: Value | None = target("Telephone number; to the vault.")
    loyalty_card: Value | None = target("Number of a loyalty card.")
    external_ids: dict[Name, Value] = Field(
        default={}, description="Ids of other systems: {hubspot: Record ID}."
    )
    handles: dict[Name, Value] = Field(
        default={}, description="Names in social networks: {instagram: username}."
    )
    device_id: Value | None = target("A device.")
    anonymous_id: Value | None = target("A browser or visitor that nobody knows by name.")

    @property
    def names_people(self) -> bool:
        """Whether any identifier is mapped."""
        return any(getattr(self, name) for name in PersonMap.model_fields)

    def refuse_nobody(self, who: str) -> None:
        """Raise ValueError where no identifier is mapped."""
        if not self.names_people:
            raise ValueError(
                f"map customer_id, email or phone (or loyalty_card, external_ids, handles, device_id, anonymous_id), "
                f"else nobody knows {who}"
            )


class OrdersMap(PersonMap):
    """Columns of an order line."""

    order_id: Value = Field(description="The shop's number of the order.")
    ordered_at: Value = Field(description="When it was ordered or returned.")
    line: Value | None = target("Number of the line in its order, where there is one.")
    sku: Value | None = target("Code of the product.")
    description: Value | None = target("Name of the product; it becomes a product's name.")
    category: Value | None = target("Category of the product; it becomes the product's.")
    quantity: Value | None = target("Units; negative: returned. Default: 1.")
    unit_price: Value | None = target("Price of a unit before discount, without tax.")
    line_total: Value | None = target("What the line came to after discount, without tax.")
    goods_total: Value | None = target(
        "What the goods of the whole order came to after all discounts, without tax and shipping, on each of its "
        "lines; it is shared among them by their value, and what they fall short of their prices is discount."
    )
    discount: Value | None = target("Discount on the line.")
    tax: Value | None = target("Tax on the line.")
    shipping: Value | None = target("Shipping charged with the line.")
    coupon: Value | None = target("Coupon code used.")
    unit_cost: Value | None = target("What a unit cost the firm.")
    currency: Value | None = currency()
    payment_method: Value | None = target("How it was paid.")
    shop_id: Value | None = target("Shop or channel of the sale.")
    kind: Value | None = target("sale, or return (also refund, cancellation). Default: the sign.")
    original_order_id: Value | None = target("Order that a return belongs to.")

    @model_validator(mode="after")
    def _has_money(self) -> OrdersMap:
        if self.unit_price is None and self.line_total is None:
            raise ValueError("map unit_price or line_total, else a line has no value")
        return self


class CustomersMap(PersonMap):
    """Columns of a customer or prospect. What identifies goes to the vault; lead fields become traits."""

    first_name: Value | None = target("First name.")
    last_name: Value | None = target("Last name.")
    full_name: Value | None = target("Whole name.")
    street: Value | None = target("Street and number.")
    postcode: Value | None = target("Postcode.")
    birth_date: Value | None = target("Date of birth.")
    ip: Value | None = target("Internet address.")
    account_id: Value | None = target("Firm that the person belongs to.")
    account_role: Value | None = target("What the person is there, as 'buyer'.")
    lead_stage: Value | None = target("How far a prospect has come, as 'qualified'; a trait.")
    lead_source: Value | None = target("Where a prospect came from; a trait.")
    lead_score: Value | None = target("How promising a prospect is; a trait.")
    set_at: Value | None = target(
        "From when the row holds. Default: always, and later changes from when they were collected."
    )

    @model_validator(mode="after")
    def _identified(self) -> CustomersMap:
        self.refuse_nobody("who it is")
        return self


class ProductsMap(TargetMap):
    """Columns of a product."""

    sku: Value = Field(description="Code of the product.")
    name: Value | None = target("Name in words.")
    category: Value | None = target("Category.")
    brand: Value | None = target("Brand.")
    price: Value | None = target("List price.")
    unit_cost: Value | None = target("What a unit costs the firm.")
    currency: Value | None = currency()
    set_at: Value | None = holds_from()


class RatesMap(TargetMap):
    """Columns of an exchange rate: what one unit of a currency was worth in another, from a day on."""

    date: Value = Field(description="Day or moment from which the rate holds, until the next one.")
    from_currency: Value = Field(description="ISO 4217 code of the currency that is worth so much.")
    to_currency: Value | None = target("Currency it is worth it in; default: the workspace's.")
    rate: Value = Field(description="How many `to_currency` one `from_currency` is.")


class EventsMap(PersonMap):
    """Columns of an event."""

    event: Value = Field(description="Name, as 'Product Viewed'.")
    occurred_at: Value = Field(description="When it happened.")
    event_id: Value | None = target("Unique id of the event, where there is one.")
    session_id: Value | None = target("Visit to which it belongs.")
    sku: Value | None = target("Product that it is about.")
    category: Value | None = target("Category that it is about.")
    revenue: Value | None = target("Money value that it reports.")
    quantity: Value | None = target("Quantity that it reports.")
    currency: Value | None = currency()

    @model_validator(mode="after")
    def _identified(self) -> EventsMap:
        self.refuse_nobody("who did it")
        return self
