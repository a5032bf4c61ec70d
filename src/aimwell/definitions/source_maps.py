"""What can be mapped of firms, shops, subscriptions, payments, campaigns, surveys and the world outside."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from aimwell.definitions.source_values import (
    PersonMap,
    TargetMap,
    Value,
    currency,
    holds_from,
    target,
)

__all__ = [
    "MORE_MAPS",
    "REVIEW_SAYS",
    "AccountMembersMap",
    "AccountsMap",
    "AdSpendMap",
    "AnswersMap",
    "AssignmentsMap",
    "ConsentsMap",
    "LoyaltyMap",
    "MarketMap",
    "OutcomesMap",
    "PaymentsMap",
    "PlansMap",
    "PricesMap",
    "ReviewsMap",
    "ShopsMap",
    "SubscriptionsMap",
    "SuppressionsMap",
    "TouchesMap",
    "UsageMap",
]


class _OfSomebody(PersonMap):
    """A row that is about a person."""

    @model_validator(mode="after")
    def _identified(self) -> _OfSomebody:
        self.refuse_nobody("who it is")
        return self


class AccountsMap(TargetMap):
    """Columns of a firm."""

    account_id: Value = Field(description="The firm's id.")
    name: Value | None = target("Name of the firm.")
    country: Value | None = target("Country.")
    industry: Value | None = target("Industry.")
    size: Value | None = target("Employees.")
    stage: Value | None = target("Lead stage, as 'opportunity'.")
    set_at: Value | None = holds_from()


class AccountMembersMap(_OfSomebody):
    """Columns that say who belongs to a firm."""

    account_id: Value = Field(description="The firm's id.")
    role: Value | None = target("What the person is there, as 'buyer'.")
    state: Value | None = target("member or left (also active, inactive). Default: member.")
    set_at: Value | None = holds_from()


class PricesMap(TargetMap):
    """Columns of a price, own or of a competitor."""

    sku: Value = Field(description="Code of the product.")
    price: Value = Field(description="The price.")
    seller: Value | None = target("Who asks it; default: this firm.")
    currency: Value | None = currency()
    set_at: Value | None = holds_from()


class ShopsMap(TargetMap):
    """Columns of a shop with a door."""

    shop_id: Value = Field(description="The shop's id, as orders call it.")
    name: Value | None = target("Name.")
    country: Value | None = target("Country.")
    region: Value | None = target("Region, as people's trait `region` calls it.")
    city: Value | None = target("City.")
    latitude: Value | None = target("Degrees north.")
    longitude: Value | None = target("Degrees east.")
    timezone: Value | None = target("IANA time zone of its hours.")
    hours: Value | None = target("When it is open, as 'Mo-Fr 09:00-18:00; Sa 10:00-14:00'.")
    set_at: Value | None = holds_from()


class PlansMap(TargetMap):
    """Columns of what may be subscribed to."""

    plan: Value = Field(description="The plan, as subscriptions call it.")
    name: Value | None = target("Name in words.")
    price: Value | None = target("Price of a period.")
    period_months: Value | None = target("Length of a period, in months.")
    trial_days: Value | None = target("Days of trial.")
    currency: Value | None = currency()
    set_at: Value | None = holds_from()


class SubscriptionsMap(_OfSomebody):
    """Columns of a subscription's state."""

    subscription_id: Value = Field(description="The subscription's id.")
    plan: Value | None = target("Plan.")
    state: Value | None = target(
        "trial, active, past_due, paused or ended (also cancelled …). Default: by `ended_at`."
    )
    price: Value | None = target("Price of a period.")
    period_months: Value | None = target("Length of a period, in months.")
    currency: Value | None = currency()
    account_id: Value | None = target("Firm that has it.")
    started_at: Value | None = target("When it began.")
    ended_at: Value | None = target("When it ended, or will.")
    reason: Value | None = target("Why it ended, as a code.")
    set_at: Value | None = target(
        "From when the state holds. Default: of what has ended `ended_at`; of others `started_at`; else when it "
        "was collected."
    )


class PaymentsMap(PersonMap):
    """Columns of a payment, instalment or repayment."""

    amount: Value = Field(description="How much.")
    payment_id: Value | None = target("Its id; default: told by what the row says.")
    kind: Value | None = target(
        "payment, repayment or refund. Default: payment; below zero: refund."
    )
    state: Value | None = target("due, paid, late, failed or refunded. Default: paid.")
    method: Value | None = target("How it was paid.")
    instalments: Value | None = target("In how many parts.")
    currency: Value | None = currency()
    order_id: Value | None = target("Order that it is for.")
    subscription_id: Value | None = target("Subscription that it is for.")
    due_at: Value | None = target("When it is due.")
    set_at: Value | None = target("From when the state holds. Default: when it was collected.")


class UsageMap(_OfSomebody):
    """Columns of what was used in a period."""

    occurred_at: Value = Field(description="End of the period.")
    name: Value | None = target("What was used, where each row is about one thing.")
    amount: Value | None = target("How much of it.")
    unit: Value | None = target("Unit.")
    subscription_id: Value | None = target("Subscription that it belongs to.")


class LoyaltyMap(_OfSomebody):
    """Columns of a balance in a loyalty programme."""

    programme: Value | None = target("The programme; default: the source's name.")
    balance: Value | None = target("Points.")
    tier: Value | None = target("Level, as 'gold'.")
    set_at: Value | None = target("From when it holds. Default: when it was collected.")


class MarketMap(TargetMap):
    """Columns of outside figures and facts."""

    key: Value | None = target("Region, category or product that they are for.")
    name: Value | None = target("Series, where each row is about one figure.")
    value: Value | None = target("The figure or word.")
    set_at: Value | None = holds_from()


class AdSpendMap(TargetMap):
    """Columns of advertising cost."""

    channel: Value = Field(description="Channel, as 'paid_search'.")
    cost: Value = Field(description="Cost.")
    starts_at: Value = Field(description="Day or start of the period.")
    ends_at: Value | None = target("End of the period; default: a day after its start.")
    campaign: Value | None = target("Campaign.")
    impressions: Value | None = target("How often it was shown.")
    clicks: Value | None = target("How often it was clicked.")
    currency: Value | None = currency()


class TouchesMap(_OfSomebody):
    """Columns of what happened to a message or advertisement."""

    event: Value | None = target("Name, as 'Email Opened' or 'Ad Viewed'.")
    occurred_at: Value | None = target("When.")
    touch_id: Value | None = target("Unique id, where there is one.")
    message_id: Value | None = target("Message that it happened to.")
    campaign: Value | None = target("Campaign.")
    channel: Value | None = target("Channel, as 'email'.")
    action: Value | None = target("What was offered.")
    variant: Value | None = target("Content variant.")
    link_id: Value | None = target("Link that was clicked.")
    machine: Value | None = target("Whether a machine did it: yes or no.")
    cost: Value | None = target("Cost of the contact.")
    currency: Value | None = currency()


class AssignmentsMap(_OfSomebody):
    """Columns of who got which arm of a past experiment."""

    arm: Value = Field(description="The arm; see also `control`.")
    assigned_at: Value = Field(description="When it was drawn.")
    experiment: Value | None = target("Campaign or experiment; else `experiment` of the entity.")
    probability: Value | None = target(
        "Probability with which the arm was drawn; else `probabilities`."
    )
    action: Value | None = target("What was offered; default: the arm, but for control.")
    variant: Value | None = target("Content variant.")


class OutcomesMap(_OfSomebody):
    """Columns of what people did after an assignment."""

    observed_at: Value = Field(description="When it was known: the end of the window.")
    experiment: Value | None = target("Campaign or experiment; else `experiment` of the entity.")
    name: Value | None = target("Outcome, where each row is about one.")
    value: Value | None = target("How much; yes and no count as 1 and 0.")
    window_days: Value | None = target("Days in which it was counted.")


class AnswersMap(_OfSomebody):
    """Columns of answers to a survey."""

    response_id: Value | None = target("The filled-in form.")
    answered_at: Value | None = target("When; default: when it was collected.")
    question: Value | None = target("Question, where each row is one answer.")
    answer: Value | None = target("The answer to it.")


REVIEW_SAYS = ("rating", "text", "title", "recommended")
"""What a review may say; one without any of them is none."""


class ReviewsMap(PersonMap):
    """Columns of a review."""

    review_id: Value | None = target("Its id; default: told by what the row says.")
    rating: Value | None = target("Mark, from 1 to `rating_max`.")
    text: Value | None = target("Its words; to the vault.")
    title: Value | None = target("Its headline; to the vault.")
    sku: Value | None = target("Product that it is about.")
    order_id: Value | None = target("Order that it is about.")
    shop_id: Value | None = target("Shop that it is about.")
    category: Value | None = target("Category that it is about.")
    recommended: Value | None = target("Whether it is recommended: yes or no.")
    helpful: Value | None = target("How many found the review helpful.")
    reviewed_at: Value | None = target("When; default: when it was collected.")

    @model_validator(mode="after")
    def _says_something(self) -> ReviewsMap:
        if all(getattr(self, target) is None for target in REVIEW_SAYS):
            raise ValueError(f"map one of {', '.join(REVIEW_SAYS)}")
        return self


class ConsentsMap(_OfSomebody):
    """Columns of answers about being contacted."""

    state: Value = Field(description="granted, denied or revoked (also yes, no, subscribed …).")
    channel: Value | None = target("Medium, as email; else `channel` of the entity.")
    purpose: Value | None = target("Purpose; default: marketing.")
    occurred_at: Value | None = target("When; default: when it was collected.")
    wording: Value | None = target("What the person agreed to.")


class SuppressionsMap(TargetMap):
    """Columns of a list of addresses that must not be contacted. Only keyed hashes are kept."""

    email: Value | None = target("E-mail address.")
    phone: Value | None = target("Telephone number.")
    channel: Value | None = target(
        "Medium or 'all'; default: email for addresses, sms for numbers."
    )
    reason: Value | None = target(
        "unsubscribed, bounced, complaint, opted_out or manual; else `reason` of the entity."
    )
    occurred_at: Value | None = target("Since when; default: when it was collected.")

    @model_validator(mode="after")
    def _addressed(self) -> SuppressionsMap:
        if self.email is None and self.phone is None:
            raise ValueError("map email or phone, else nobody knows which address it is")
        return self


MORE_MAPS: Mapping[str, type[TargetMap]] = {
    "accounts": AccountsMap,
    "account_members": AccountMembersMap,
    "prices": PricesMap,
    "shops": ShopsMap,
    "plans": PlansMap,
    "subscriptions": SubscriptionsMap,
    "payments": PaymentsMap,
    "usage": UsageMap,
    "loyalty": LoyaltyMap,
    "market": MarketMap,
    "ad_spend": AdSpendMap,
    "touches": TouchesMap,
    "assignments": AssignmentsMap,
    "outcomes": OutcomesMap,
    "answers": AnswersMap,
    "reviews": ReviewsMap,
    "consents": ConsentsMap,
    "suppressions": SuppressionsMap,
}
"""Entity → what can be mapped of it."""
