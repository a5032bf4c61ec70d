"""The rule language: a tree whose leaves each say one thing about a person as of a moment.

    all: [RULE, …]          who fulfils every one
    any: [RULE, …]          who fulfils at least one
    not: RULE               every known person who does not fulfil it
    trait: NAME             the newest value of a trait, compared (is, in, above, below, between, exists …)
    event: NAME             what somebody did: how often, how much, first, last, within, between, where
    rfm: {…}                quintiles of recency, frequency and monetary value, or named groups
    segment: NAME           who is in another segment
    bucket: {…}             a stable random part of the people

A node is known by which of these keys it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictInt,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from aimwell.definitions.base import Duration, Name, Part
from aimwell.definitions.conditions import (
    Condition,
    CountCondition,
    NumberCondition,
    Text,
    parse_moment,
)
from aimwell.definitions.rule_reading import read_rule
from aimwell.errors import nearest

__all__ = [
    "EVENT_FIELDS",
    "ORDER_EVENTS",
    "ORDER_FIELDS",
    "PRODUCT_FIELDS",
    "PROPERTY_PREFIX",
    "RFM_GROUPS",
    "All",
    "AnyOf",
    "Bucket",
    "BucketRule",
    "EventRule",
    "Leaf",
    "Not",
    "Rfm",
    "RfmGroup",
    "RfmRule",
    "Rule",
    "SegmentRule",
    "SumCondition",
    "TraitRule",
    "When",
    "property_keys",
    "walk",
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


def property_keys(field: str) -> tuple[str, ...] | None:
    """The keys of 'properties.a.b' from the outermost in; None where `field` is no property."""
    if not field.startswith(PROPERTY_PREFIX):
        return None
    return tuple(field.removeprefix(PROPERTY_PREFIX).split("."))


def _summable(field: str) -> str:
    if field in {"revenue", "quantity", "discount"} or _is_property(field):
        return field
    raise ValueError("one can sum revenue, quantity, discount or properties.NAME")


def _is_property(field: str) -> bool:
    keys = property_keys(field)
    return keys is not None and all(keys)


class _Of(Part):
    of: Annotated[Text, AfterValidator(_summable)] = Field(
        description="revenue, quantity, discount or properties.NAME"
    )


class SumCondition(NumberCondition, _Of):  # what it is of stands first in the document
    """The sum over the events that fit. An event without the value adds nothing."""


class When(Part):
    """How long before the moment it was."""

    within: Duration | None = Field(default=None, description="At most so long ago.")
    before: Duration | None = Field(default=None, description="Longer ago than this.")

    @model_validator(mode="after")
    def _possible(self) -> When:
        if self.within is None and self.before is None:
            raise ValueError("say when: within, before, or both")
        if self.within is not None and self.before is not None and self.before >= self.within:
            raise ValueError("`before` must be shorter than `within`, else nothing lies between")
        return self


def _moment(value: str) -> str:
    parse_moment(value)
    return value


_Moment = Annotated[str, AfterValidator(_moment)]


class _Trait(Part):
    trait: Text


class TraitRule(Condition, _Trait):  # the name stands first in the document
    """The newest value of a trait before the moment. Who has no such trait fulfils only `exists: false`."""


class EventRule(Part):
    """What somebody did before the moment; without count, sum, first or last: at least once."""

    event: Text = Field(description="As 'Order Completed'.")
    count: CountCondition | None = Field(default=None, description="How often.")
    sum: SumCondition | None = Field(default=None, description="How much in all.")
    first: When | None = Field(default=None, description="When it happened first.")
    last: When | None = Field(default=None, description="When it happened last.")
    within: Duration | None = Field(
        default=None, description="Only what happened at most so long ago."
    )
    between: tuple[_Moment, _Moment] | None = Field(
        default=None,
        description="Only what happened from the first to the second day, both included, in the firm's "
        "time zone; or between two times with offset.",
    )
    where: Annotated[dict[Text, Condition], Field(min_length=1)] | None = Field(
        default=None, description="Only events whose fields are so."
    )
    machines: bool = Field(
        default=False, description="Count what machines did (opens and clicks of scanners), too."
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
        event = info.data.get("event")
        fields = _fields_of(event)
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
            for field in where or ()
            if event is not None and not _is_property(field) and field not in fields
        ]
        if faults:
            raise ValidationError.from_exception_data("EventRule", faults)
        return where

    @property
    def is_order(self) -> bool:
        """Whether it is about orders."""
        return self.event in ORDER_EVENTS


def _fields_of(event: str | None) -> tuple[str, ...]:
    """Typed fields that `where` can ask for."""
    return (*ORDER_FIELDS, *PRODUCT_FIELDS) if event in ORDER_EVENTS else EVENT_FIELDS


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


class RfmRule(Part):
    """Recency, frequency and monetary value, net of returns, as of the moment."""

    rfm: Rfm


class SegmentRule(Part):
    """Everybody who is in another segment."""

    segment: Name


class Bucket(Part):
    """A stable random part: of 10,000 buckets those from `from` on and before `to`."""

    salt: Text = Field(description="Another salt is another, independent part.")
    from_: Annotated[StrictInt, Field(ge=0, le=9_999)] = Field(default=0, alias="from")
    to: Annotated[StrictInt, Field(ge=1, le=10_000)] = Field(description="Not included.")

    @model_validator(mode="after")
    def _not_empty(self) -> Bucket:
        if self.to <= self.from_:
            raise ValueError("`to` must be above `from`")
        return self


class BucketRule(Part):
    """People whose bucket, by md5 of the salt and the profile, lies in a range."""

    bucket: Bucket


class All(Part):
    """Who fulfils every one of the rules."""

    all: Annotated[tuple[Rule, ...], Field(min_length=1)]


class AnyOf(Part):
    """Who fulfils at least one of the rules."""

    any: Annotated[tuple[Rule, ...], Field(min_length=1)]


class Not(Part):
    """Every known person who does not fulfil the rule."""

    not_: Rule = Field(alias="not")


Leaf = TraitRule | EventRule | RfmRule | SegmentRule | BucketRule

_KINDS: dict[str, type[Part]] = {
    "all": All,
    "any": AnyOf,
    "not": Not,
    "trait": TraitRule,
    "event": EventRule,
    "rfm": RfmRule,
    "segment": SegmentRule,
    "bucket": BucketRule,
}

Rule = Annotated[
    All | AnyOf | Not | TraitRule | EventRule | RfmRule | SegmentRule | BucketRule,
    BeforeValidator(lambda value: read_rule(value, _KINDS)),
]
"""A node of the tree."""

for _class in (All, AnyOf, Not):
    _class.model_rebuild()


def walk(rule: Rule, path: str = "rule") -> Iterator[tuple[str, Rule]]:
    """Every node with its path in the document, a parent before its children."""
    yield path, rule
    if isinstance(rule, All):
        for number, child in enumerate(rule.all):
            yield from walk(child, f"{path}.all[{number}]")
    elif isinstance(rule, AnyOf):
        for number, child in enumerate(rule.any):
            yield from walk(child, f"{path}.any[{number}]")
    elif isinstance(rule, Not):
        yield from walk(rule.not_, f"{path}.not")
