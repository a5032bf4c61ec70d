"""What can be mapped of firms, shops, subscriptions, payments, campaigns, surveys and the world outside."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from aimwell.definitions.source_values import PersonMap, TargetMap, Value

__all__ = [
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


def _target(help_: str) -> Any:
    return Field(default=None, description=help_)


class _OfSomebody(PersonMap):
    """A row that is about a person."""

    @model_validator(mode="after")
    def _identified(self) -> _OfSomebody:
        self.refuse_nobody("who it is")
        return self


class AccountsMap(TargetMap):
    """Columns of a firm."""

    account_id: Value = Field(description="The firm's id.")
    name: Value | None = _target("Name of the firm.")
    country: Value | None = _target("Country.")
    industry: Value | None = _target("Industry.")
    size: Value | None = _target("Employees.")
    stage: Value | None = _target("Lead stage, as 'opportunity'.")
    set_at: Value | None = _target("From when the row holds. Default: as for customers.")


class AccountMembersMap(_OfSomebody):
    """Columns that say who belongs to a firm."""

    account_id: Value = Field(description="The firm's id.")
    role: Value | None = _target("What the person is there, as 'buyer'.")
    state: Value | None = _target("member or left (also active, inactive). Default: member.")
    set_at: Value | None = _target("From when it holds. Default: as for customers.")


class PricesMap(TargetMap):
    """Columns of a price, own or of a competitor."""

    sku: Value = Field(description="Code of the product.")
    price: Value = Field(description="The price.")
    seller: Value | None = _target("Who asks it; default: this firm.")
    currency: Value | None = _target("ISO 4217 code; default: the source's.")
    set_at: Value | None = _target("From when it holds. Default: as for customers.")


class ShopsMap(TargetMap):
    """Columns of a shop with a door."""

    shop_id: Value = Field(description="The shop's id, as orders call it.")
    name: Value | None = _target("Name.")
    country: Value | None = _target("Country.")
    region: Value | None = _target("Region, as people's trait `region` calls it.")
    city: Value | None = _target("City.")
    latitude: Value | None = _target("Degrees north.")
    longitude: Value | None = _target("Degrees east.")
    timezone: Value | None = _target("IANA time zone of its hours.")
    hours: Value | None = _target("When it is open, as 'Mo-Fr 09:00-18:00; Sa 10:00-14:00'.")
    set_at: Value | None = _target("From when the row holds. Default: as for customers.")


class PlansMap(TargetMap):
    """Columns of what may be subscribed to."""

    plan: Value = Field(description="The plan, as subscriptions call it.")
    name: Value | None = _target("Name in words.")
    price: Value | None = _target("Price of a period.")
    period_months: Value | None = _target("Length of a period, in months.")
    trial_days: Value | None = _target("Days of trial.")
    currency: Value | None = _target("ISO 4217 code; default: the source's.")
    set_at: Value | None = _target("From when the row holds. Default: as for customers.")


class SubscriptionsMap(_OfSomebody):
    """Columns of a subscription's state."""

    subscription_id: Value = Field(description="The subscription's id.")
    plan: Value | None = _target("Plan.")
    state: Value | None = _target(
        "trial, active, past_due, paused or ended (also cancelled …). Default: by `ended_at`."
    )
    price: Value | None = _target("Price of a period.")
    period_months: Value | None = _target("Length of a period, in months.")
    currency: Value | None = _target("ISO 4217 code; default: the source's.")
    account_id: Value | None = _target("Firm that has it.")
    started_at: Value | None = _target("When it began.")
    ended_at: Value | None = _target("When it ended, or will.")
    reason: Value | None = _target("Why it ended, as a code.")
    set_at: Value | None = _target(
        "From when the state holds. Default: of what has ended `ended_at`; of others `started_at`; else when it "
        "was collected."
    )


class PaymentsMap(PersonMap):
    """Columns of a payment, instalment or repayment."""

    amount: Value = Field(description="How much.")
    payment_id: Value | None = _target("Its id; default: told by what the row says.")
    kind: Value | None = _target(
        "payment, repayment or refund. Default: payment; below zero: refund."
    )
    state: Value | None = _target("due, paid, late, failed or refunded. Default: paid.")
    method: Value | None = _target("How it was paid.")
    instalments: Value | None = _target("In how many parts.")
    currency: Value | None = _target("ISO 4217 code; default: the source's.")
    order_id: Value | None = _target("Order that it is for.")
    subscription_id: Value | None = _target("Subscription that it is for.")
    due_at: Value | None = _target("When it is due.")
    set_at: Value | None = _target("From when the state holds. Default: when it was collected.")


class UsageMap(_OfSomebody):
    """Columns of what was used in a period."""

    occurred_at: Value = Field(description="End of the period.")
    name: Value | None = _target("What was used, where each row is about one thing.")
    amount: Value | None = _target("How much of it.")
    unit: Value | None = _target("Unit.")
    subscription_id: Value | None = _target("Subscription that it belongs to.")


class LoyaltyMap(_OfSomebody):
    """Columns of a balance in a loyalty programme."""

    programme: Value | None = _target("The programme; default: the source's name.")
    balance: Value | None = _target("Points.")
    tier: Value | None = _target("Level, as 'gold'.")
    set_at: Value | None = _target("From when it holds. Default: when it was collected.")


class MarketMap(TargetMap):
    """Columns of outside figures and facts."""

    key: Value | None = _target("Region, category or product that they are for.")
    name: Value | None = _target("Series, where each row is about one figure.")
    value: Value | None = _target("The figure or word.")
    set_at: Value | None = _target("From when it holds. Default: as for customers.")


class AdSpendMap(TargetMap):
    """Columns of advertising cost."""

    channel: Value = Field(description="Channel, as 'paid_search'.")
    cost: Value = Field(description="Cost.")
    starts_at: Value = Field(description="Day or start of the period.")
    ends_at: Value | None = _target("End of the period; default: a day after its start.")
    campaign: Value | None = _target("Campaign.")
    impressions: Value | None = _target("How often it was shown.")
    clicks: Value | None = _target("How often it was clicked.")
    currency: Value | None = _target("ISO 4217 code; default: the source's.")


class TouchesMap(_OfSomebody):
    """Columns of what happened to a message or advertisement."""

    event: Value | None = _target("Name, as 'Email Opened' or 'Ad Viewed'.")
    occurred_at: Value | None = _target("When.")
    touch_id: Value | None = _target("Unique id, where there is one.")
    message_id: Value | None = _target("Message that it happened to.")
    campaign: Value | None = _target("Campaign.")
    channel: Value | None = _target("Channel, as 'email'.")
    action: Value | None = _target("What was offered.")
    variant: Value | None = _target("Content variant.")
    link_id: Value | None = _target("Link that was clicked.")
    machine: Value | None = _target("Whether a machine did it: yes or no.")
    cost: Value | None = _target("Cost of the contact.")
    currency: Value | None = _target("ISO 4217 code; default: the source's.")


class AssignmentsMap(_OfSomebody):
    """Columns of who got which arm of a past experiment."""

    arm: Value = Field(description="The arm; see also `control`.")
    assigned_at: Value = Field(description="When it was drawn.")
    experiment: Value | None = _target("Campaign or experiment; else `experiment` of the entity.")
    probability: Value | None = _target(
        "Probability with which the arm was drawn; else `probabilities`."
    )
    action: Value | None = _target("What was offered; default: the arm, but for control.")
    variant: Value | None = _target("Content variant.")


class OutcomesMap(_OfSomebody):
    """Columns of what people did after an assignment."""

    observed_at: Value = Field(description="When it was known: the end of the window.")
    experiment: Value | None = _target("Campaign or experiment; else `experiment` of the entity.")
    name: Value | None = _target("Outcome, where each row is about one.")
    value: Value | None = _target("How much; yes and no count as 1 and 0.")
    window_days: Value | None = _target("Days in which it was counted.")


class AnswersMap(_OfSomebody):
    """Columns of answers to a survey."""

    response_id: Value | None = _target("The filled-in form.")
    answered_at: Value | None = _target("When; default: when it was collected.")
    question: Value | None = _target("Question, where each row is one answer.")
    answer: Value | None = _target("The answer to it.")


class ReviewsMap(PersonMap):
    """Columns of a review."""

    review_id: Value | None = _target("Its id; default: told by what the row says.")
    rating: Value | None = _target("Mark, from 1 to `rating_max`.")
    text: Value | None = _target("Its words; to the vault.")
    title: Value | None = _target("Its headline; to the vault.")
    sku: Value | None = _target("Product that it is about.")
    order_id: Value | None = _target("Order that it is about.")
    shop_id: Value | None = _target("Shop that it is about.")
    category: Value | None = _target("Category that it is about.")
    recommended: Value | None = _target("Whether it is recommended: yes or no.")
    helpful: Value | None = _target("How many found the review helpful.")
    reviewed_at: Value | None = _target("When; default: when it was collected.")


class ConsentsMap(_OfSomebody):
    """Columns of answers about being contacted."""

    state: Value = Field(description="granted, denied or revoked (also yes, no, subscribed …).")
    channel: Value | None = _target("Medium, as email; else `channel` of the entity.")
    purpose: Value | None = _target("Purpose; default: marketing.")
    occurred_at: Value | None = _target("When; default: when it was collected.")
    wording: Value | None = _target("What the person agreed to.")


class SuppressionsMap(TargetMap):
    """Columns of a list of addresses that must not be contacted. Only keyed hashes are kept."""

    email: Value | None = _target("E-mail address.")
    phone: Value | None = _target("Telephone number.")
    channel: Value | None = _target(
        "Medium or 'all'; default: email for addresses, sms for numbers."
    )
    reason: Value | None = _target(
        "unsubscribed, bounced, complaint, opted_out or manual; else `reason` of the entity."
    )
    occurred_at: Value | None = _target("Since when; default: when it was collected.")

    @model_validator(mode="after")
    def _addressed(self) -> SuppressionsMap:
        if self.email is None and self.phone is None:
            raise ValueError("map email or phone, else nobody knows which address it is")
        return self
