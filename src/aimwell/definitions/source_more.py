"""Entities of a source beside orders, customers, products, events and rates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Name, Share
from aimwell.definitions.source_entity import EntityPart, FieldName
from aimwell.definitions.source_maps import (
    AccountMembersMap,
    AccountsMap,
    AdSpendMap,
    AnswersMap,
    AssignmentsMap,
    ConsentsMap,
    LoyaltyMap,
    MarketMap,
    OutcomesMap,
    PaymentsMap,
    PlansMap,
    PricesMap,
    ReviewsMap,
    ShopsMap,
    SubscriptionsMap,
    SuppressionsMap,
    TouchesMap,
    UsageMap,
)
from aimwell.definitions.source_values import Medium, Value

__all__ = [
    "AccountMembersEntity",
    "AccountsEntity",
    "AdSpendEntity",
    "AnswersEntity",
    "AssignmentsEntity",
    "ConsentsEntity",
    "LoyaltyEntity",
    "MarketEntity",
    "OutcomesEntity",
    "PaymentsEntity",
    "PlansEntity",
    "PricesEntity",
    "ReviewsEntity",
    "ShopsEntity",
    "SubscriptionsEntity",
    "SuppressionsEntity",
    "TouchesEntity",
    "UsageEntity",
]

_SUM_TOLERANCE = 0.01
_PROPERTIES = "Further fields; not personal."
NotPersonal = Annotated[tuple[str, ...], Field(description="Properties that only look personal.")]


def _one_form(long: bool, wide: bool, what: str, group: str) -> None:
    """Raise ValueError unless either one thing a row or one thing a column is mapped."""
    if long == wide:
        raise ValueError(f"map {what} where each row is about one, or name columns in `{group}`")


class AccountsEntity(EntityPart):
    """Firms: a row is what is said of one firm."""

    entity: Literal["accounts"]
    map: AccountsMap
    properties: dict[FieldName, Value] = Field(default={}, description=_PROPERTIES)
    not_personal: NotPersonal = ()


class AccountMembersEntity(EntityPart):
    """People of firms: a row says that a person belongs to a firm, or no longer."""

    entity: Literal["account_members"]
    map: AccountMembersMap


class PricesEntity(EntityPart):
    """Prices: a row is what a product costs from a moment on, here or at a competitor's."""

    entity: Literal["prices"]
    map: PricesMap


class ShopsEntity(EntityPart):
    """Shops: a row is what is said of one shop."""

    entity: Literal["shops"]
    map: ShopsMap
    properties: dict[FieldName, Value] = Field(default={}, description=_PROPERTIES)


class PlansEntity(EntityPart):
    """Plans: a row is what may be subscribed to."""

    entity: Literal["plans"]
    map: PlansMap
    properties: dict[FieldName, Value] = Field(default={}, description=_PROPERTIES)


class SubscriptionsEntity(EntityPart):
    """Subscriptions: a row is the state of one subscription."""

    entity: Literal["subscriptions"]
    map: SubscriptionsMap
    properties: dict[FieldName, Value] = Field(default={}, description=_PROPERTIES)
    not_personal: NotPersonal = ()


class PaymentsEntity(EntityPart):
    """Payments, instalments and repayments: a row is the state of one."""

    entity: Literal["payments"]
    map: PaymentsMap
    properties: dict[FieldName, Value] = Field(default={}, description=_PROPERTIES)
    not_personal: NotPersonal = ()


class UsageEntity(EntityPart):
    """Usage: a row is how much somebody used in a period, of one thing or of several."""

    entity: Literal["usage"]
    map: UsageMap
    measured: dict[FieldName, Value] = Field(
        default={}, description="What was used → column, where a row is about several."
    )
    keep_repeats: bool = Field(
        default=False, description="Equal rows are no duplicates; they add up."
    )

    @model_validator(mode="after")
    def _form(self) -> UsageEntity:
        _one_form(
            bool(self.map.name and self.map.amount),
            bool(self.measured),
            "name and amount",
            "measured",
        )
        return self


class LoyaltyEntity(EntityPart):
    """Loyalty: a row is somebody's balance in a programme."""

    entity: Literal["loyalty"]
    map: LoyaltyMap
    properties: dict[FieldName, Value] = Field(default={}, description=_PROPERTIES)
    not_personal: NotPersonal = ()

    @model_validator(mode="after")
    def _says_something(self) -> LoyaltyEntity:
        if self.map.balance is None and self.map.tier is None:
            raise ValueError("map balance or tier")
        return self


class MarketEntity(EntityPart):
    """Outside figures and facts, dated, by region, category or product. What is known of people is a trait."""

    entity: Literal["market"]
    map: MarketMap
    dimension: FieldName | None = Field(
        default=None, description="What `key` is, as region, category or sku."
    )
    measured: dict[FieldName, Value] = Field(
        default={}, description="Series → column, where a row is about several."
    )

    @model_validator(mode="after")
    def _form(self) -> MarketEntity:
        _one_form(
            bool(self.map.name and self.map.value),
            bool(self.measured),
            "name and value",
            "measured",
        )
        if self.map.key is not None and self.dimension is None:
            raise ValueError("say what `key` is: dimension: region (or category, sku …)")
        return self


class AdSpendEntity(EntityPart):
    """Advertising cost: a row is what was spent in a period; rows of one period and campaign add up."""

    entity: Literal["ad_spend"]
    map: AdSpendMap
    keep_repeats: bool = Field(
        default=False, description="Equal rows are no duplicates; they add up."
    )


class TouchesEntity(EntityPart):
    """Touches: a row is what happened to a message or advertisement, or one message and when each thing did."""

    entity: Literal["touches"]
    map: TouchesMap
    times: dict[Annotated[str, Field(min_length=1, max_length=63)], Value] = Field(
        default={},
        description="Event → column with its time, where a row is one message: {Email Opened: Open Time}.",
    )
    properties: dict[FieldName, Value] = Field(default={}, description=_PROPERTIES)
    not_personal: NotPersonal = ()

    @model_validator(mode="after")
    def _form(self) -> TouchesEntity:
        _one_form(
            bool(self.map.event and self.map.occurred_at),
            bool(self.times),
            "event and occurred_at",
            "times",
        )
        return self


class AssignmentsEntity(EntityPart):
    """Assignments: a row is the arm of one person in a past campaign or experiment."""

    entity: Literal["assignments"]
    map: AssignmentsMap
    experiment: Name | None = Field(default=None, description="Name, where all rows are of one.")
    control: tuple[str, ...] = Field(
        default=(), description="Values of `arm` that mean nothing was sent."
    )
    probabilities: dict[str, Share] = Field(
        default={}, description="Arm → probability with which it was drawn."
    )

    @model_validator(mode="after")
    def _complete(self) -> AssignmentsEntity:
        if (self.experiment is None) == (self.map.experiment is None):
            raise ValueError("say `experiment: NAME`, or map experiment to a column")
        if bool(self.probabilities) == (self.map.probability is not None):
            raise ValueError("map probability, or say `probabilities: {arm: 0.5}`")
        never = [arm for arm, share in self.probabilities.items() if share == 0.0]
        if never:
            raise ValueError(
                f"probabilities: '{never[0]}' has 0, so nobody can have got it; leave it out"
            )
        total = sum(self.probabilities.values())
        if self.probabilities and abs(total - 1.0) > _SUM_TOLERANCE:
            raise ValueError(
                f"probabilities add up to {total:.4g}, not to 1; name every arm that could be drawn"
            )
        return self


class OutcomesEntity(EntityPart):
    """Outcomes: a row is what somebody did after an assignment."""

    entity: Literal["outcomes"]
    map: OutcomesMap
    experiment: Name | None = Field(default=None, description="Name, where all rows are of one.")
    measured: dict[FieldName, Value] = Field(
        default={}, description="Outcome → column, where a row has several: {spend: spend}."
    )

    @model_validator(mode="after")
    def _complete(self) -> OutcomesEntity:
        if (self.experiment is None) == (self.map.experiment is None):
            raise ValueError("say `experiment: NAME`, or map experiment to a column")
        _one_form(
            bool(self.map.name and self.map.value),
            bool(self.measured),
            "name and value",
            "measured",
        )
        return self


class AnswersEntity(EntityPart):
    """Answers to a survey: a row is a filled-in form with a column a question, or one answer."""

    entity: Literal["answers"]
    map: AnswersMap
    survey: Name = Field(description="Survey definition that says what each question is.")
    answers: dict[FieldName, Value] = Field(
        default={}, description="Question → column, where a row is a form."
    )

    @model_validator(mode="after")
    def _form(self) -> AnswersEntity:
        _one_form(
            bool(self.map.question and self.map.answer),
            bool(self.answers),
            "question and answer",
            "answers",
        )
        return self


class ReviewsEntity(EntityPart):
    """Reviews: a row is one review; its words go to the vault."""

    entity: Literal["reviews"]
    map: ReviewsMap
    rating_max: Annotated[float, Field(gt=1, le=1000)] = Field(
        default=5, description="The best mark; the worst is 1."
    )
    properties: dict[FieldName, Value] = Field(default={}, description=_PROPERTIES)
    not_personal: NotPersonal = ()


class ConsentsEntity(EntityPart):
    """Answers about being contacted: a row is what somebody said about one channel and purpose."""

    entity: Literal["consents"]
    map: ConsentsMap
    channel: Medium | None = Field(
        default=None, description="Medium, where all rows are about one."
    )

    @model_validator(mode="after")
    def _about_something(self) -> ConsentsEntity:
        if (self.channel is None) == (self.map.channel is None):
            raise ValueError("say `channel: email`, or map channel to a column")
        return self


class SuppressionsEntity(EntityPart):
    """Suppressions: a row is an address that must not be contacted."""

    entity: Literal["suppressions"]
    map: SuppressionsMap
    reason: Literal["unsubscribed", "bounced", "complaint", "opted_out", "manual"] | None = Field(
        default=None, description="Why, where all rows have one reason."
    )

    @model_validator(mode="after")
    def _reasoned(self) -> SuppressionsEntity:
        if (self.reason is None) == (self.map.reason is None):
            raise ValueError("say `reason: unsubscribed`, or map reason to a column")
        return self
