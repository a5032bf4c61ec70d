"""What the further entities are made of: their targets and kinds, who they are about, when, and what of it is money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aimwell.collect.field_kinds import FieldKind

__all__ = ["PEOPLE", "SPECS", "EntitySpec"]

PEOPLE: tuple[tuple[str, FieldKind], ...] = (
    ("customer_id", "id"),
    ("email", "email"),
    ("phone", "phone"),
    ("loyalty_card", "id"),
    ("device_id", "id"),
    ("anonymous_id", "id"),
)


@dataclass(frozen=True)
class EntitySpec:
    """One entity.

    `own` are its targets but for identifiers of people. `person`: each row names one ('one'), may name one ('maybe')
    or is about nobody ('none'). `time` is the target that says when (None: nothing does). `measured` is the kind of
    the columns of `measured`, `times` or `answers`.
    """

    table: str
    own: tuple[tuple[str, FieldKind], ...]
    required: tuple[str, ...] = ()
    person: Literal["one", "maybe", "none"] = "none"
    time: str | None = "set_at"
    money: tuple[str, ...] = ()
    measured: FieldKind = "text"

    @property
    def targets(self) -> tuple[tuple[str, FieldKind], ...]:
        """All targets with their kinds."""
        return self.own if self.person == "none" else (*PEOPLE, *self.own)

    def kind_of(self, name: str) -> FieldKind:
        """The kind of a field by its name; further fields are text."""
        if name.startswith(("measured.", "times.", "answers.")):
            return self.measured
        return dict(self.targets).get(name, "text")


def _texts(names: str) -> tuple[tuple[str, FieldKind], ...]:
    return tuple((name, "text") for name in names.split())


_SET: tuple[tuple[str, FieldKind], ...] = (("set_at", "time"),)
_PRICE: tuple[tuple[str, FieldKind], ...] = (("price", "number"), ("currency", "currency"))

SPECS: Mapping[str, EntitySpec] = {
    "accounts": EntitySpec(
        "accounts",
        (
            ("account_id", "id"),
            *_texts("name country industry stage"),
            ("size", "number"),
            *_SET,
        ),
        required=("account_id",),
    ),
    "account_members": EntitySpec(
        "account_members",
        (("account_id", "id"), *_texts("role state"), *_SET),
        required=("account_id",),
        person="one",
    ),
    "prices": EntitySpec(
        "prices",
        (("sku", "id"), ("seller", "text"), *_PRICE, *_SET),
        required=("sku", "price"),
        money=("price",),
    ),
    "shops": EntitySpec(
        "shops",
        (
            ("shop_id", "id"),
            *_texts("name country region city timezone hours"),
            ("latitude", "number"),
            ("longitude", "number"),
            *_SET,
        ),
        required=("shop_id",),
    ),
    "plans": EntitySpec(
        "subscription_plans",
        (
            *_texts("plan name"),
            *_PRICE,
            ("period_months", "number"),
            ("trial_days", "number"),
            *_SET,
        ),
        required=("plan",),
        money=("price",),
    ),
    "subscriptions": EntitySpec(
        "subscriptions",
        (
            ("subscription_id", "id"),
            *_texts("plan state reason"),
            *_PRICE,
            ("period_months", "number"),
            ("account_id", "id"),
            ("started_at", "time"),
            ("ended_at", "time"),
            *_SET,
        ),
        required=("subscription_id",),
        person="one",
        money=("price",),
    ),
    "payments": EntitySpec(
        "payments",
        (
            ("payment_id", "id"),
            *_texts("kind state method"),
            ("amount", "number"),
            ("currency", "currency"),
            ("instalments", "number"),
            ("order_id", "id"),
            ("subscription_id", "id"),
            ("due_at", "time"),
            *_SET,
        ),
        required=("amount",),
        person="maybe",
        money=("amount",),
    ),
    "usage": EntitySpec(
        "usage",
        (
            *_texts("name unit"),
            ("amount", "rate"),
            ("subscription_id", "id"),
            ("occurred_at", "time"),
        ),
        required=("occurred_at",),
        person="one",
        time="occurred_at",
        measured="rate",
    ),
    "loyalty": EntitySpec(
        "loyalty",
        (*_texts("programme tier"), ("balance", "number"), *_SET),
        person="one",
    ),
    "market": EntitySpec("market", (*_texts("name key value"), *_SET)),
    "ad_spend": EntitySpec(
        "ad_spend",
        (
            *_texts("channel campaign"),
            ("cost", "number"),
            ("currency", "currency"),
            ("impressions", "number"),
            ("clicks", "number"),
            ("starts_at", "time"),
            ("ends_at", "time"),
        ),
        required=("channel", "cost", "starts_at"),
        time="starts_at",
        money=("cost",),
    ),
    "touches": EntitySpec(
        "touches",
        (
            ("touch_id", "id"),
            ("message_id", "id"),
            *_texts("event campaign channel action variant"),
            ("link_id", "id"),
            ("machine", "flag"),
            ("cost", "number"),
            ("currency", "currency"),
            ("occurred_at", "time"),
        ),
        person="one",
        time="occurred_at",
        money=("cost",),
        measured="time",
    ),
    "assignments": EntitySpec(
        "assignments",
        (
            *_texts("experiment arm action variant"),
            ("probability", "rate"),
            ("assigned_at", "time"),
        ),
        required=("arm", "assigned_at"),
        person="one",
        time="assigned_at",
    ),
    "outcomes": EntitySpec(
        "outcomes",
        (
            *_texts("experiment name value"),
            ("window_days", "number"),
            ("observed_at", "time"),
        ),
        required=("observed_at",),
        person="one",
        time="observed_at",
    ),
    "answers": EntitySpec(
        "answers",
        (("response_id", "id"), *_texts("question answer"), ("answered_at", "time")),
        person="one",
        time="answered_at",
    ),
    "reviews": EntitySpec(
        "reviews",
        (
            ("review_id", "id"),
            ("sku", "id"),
            ("order_id", "id"),
            ("shop_id", "id"),
            *_texts("category text title"),
            ("rating", "number"),
            ("recommended", "flag"),
            ("helpful", "number"),
            ("reviewed_at", "time"),
        ),
        person="maybe",
        time="reviewed_at",
    ),
    "consents": EntitySpec(
        "consents",
        (*_texts("state channel purpose wording"), ("occurred_at", "time")),
        required=("state",),
        person="one",
        time="occurred_at",
    ),
    "suppressions": EntitySpec(
        "suppressions",
        (
            ("email", "email"),
            ("phone", "phone"),
            *_texts("channel reason"),
            ("occurred_at", "time"),
        ),
        time="occurred_at",
    ),
}
