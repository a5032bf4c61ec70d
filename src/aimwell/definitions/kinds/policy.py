"""Part of a campaign: how an action is chosen for each person, and within which limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from aimwell.definitions.base import Duration, Money, Name, Part, Share
from aimwell.definitions.kinds.predicted import PredictedChannel
from aimwell.definitions.kinds.running_on import Exploration

__all__ = ["Fairness", "Policy", "SegmentLimit"]


class SegmentLimit(Part):
    """How many people of a segment get an action, at most or at least."""

    segment: Name
    at_most: Annotated[int, Field(ge=0)] | None = None
    at_least: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _bounded(self) -> SegmentLimit:
        if self.at_most is None and self.at_least is None:
            raise ValueError("say how many: at_most or at_least")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least: {self.at_least} is more than at_most: {self.at_most}")
        return self


class Fairness(Part):
    """How far the shares of a trait's groups that get a discount may lie apart."""

    trait: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="Protected attribute, as gender; people of whom it is unknown are not held to it."
    )
    within: Share = Field(
        default=0.05,
        description="Largest difference of two groups' shares of people with a discount, of those who may get one; "
        "groups under 30 people are not held to it.",
    )


class Policy(Part):
    """How an action is chosen for each person."""

    maximise: Literal["incremental_profit", "incremental_revenue", "conversions"] = (
        "incremental_profit"
    )
    choose: Literal["learnt", "random"] = Field(
        default="learnt",
        description="learnt: by a past experiment, at random where there is none; random: always at random.",
    )
    learn_from: Name | Annotated[tuple[Name, ...], Field(min_length=1, max_length=10)] | None = (
        Field(
            default=None,
            description="Campaign or imported experiment to learn from, or several together, whose arms are called as the "
            "actions here; default: this campaign's own earlier plans.",
        )
    )
    half_life: Duration | None = Field(
        default=None,
        description="What is so much older than the newest plan learnt from counts half; default: all count alike.",
    )
    outcome: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Which outcome of an imported experiment counts; default: the goal's value, or its only one.",
    )
    budget: Money | None = Field(
        default=None, description="Cost at most, in the workspace currency."
    )
    budget_counts: Literal["contact", "contact_and_discount"] = Field(
        default="contact",
        description="What the budget pays: messages, or also the discounts that people are expected to use.",
    )
    limits: Annotated[tuple[SegmentLimit, ...], Field(max_length=20)] = Field(
        default=(), description="How many people of a segment get an action."
    )
    segments: Annotated[tuple[Name, ...], Field(max_length=5)] = Field(
        default=(),
        description="Segments by which profit against budget is told, so that one budget over several campaigns can be "
        "shared out by them too.",
    )
    fair: Fairness | None = Field(
        default=None,
        description="Holds what a learnt policy gives to protected groups together; default: no limit.",
    )
    explore: Share | Exploration = Field(
        default=0.1,
        description="Share of people who get a random action; or {method: …, share: …} for a campaign that runs on.",
    )
    predicted_channel: PredictedChannel | None = Field(
        default=None,
        description="Through which of several channels an offer goes to each person: where there is no experiment to learn from, as "
        "predicted; where there is one, that is a policy among the others. {} takes the defaults.",
    )

    @property
    def exploring(self) -> Exploration | None:
        """How a campaign that runs on explores; None where only a share was given."""
        return self.explore if isinstance(self.explore, Exploration) else None

    @property
    def explore_share(self) -> float:
        """Share of people who get a random action."""
        return self.explore.share if isinstance(self.explore, Exploration) else self.explore

    @field_validator("segments", "learn_from")
    @classmethod
    def _each_once(cls, value: object) -> object:
        if isinstance(value, tuple) and len(set(value)) < len(value):
            twice = next(one for one in value if value.count(one) > 1)
            raise ValueError(f"'{twice}' stands twice")
        return value

    @model_validator(mode="after")
    def _not_both(self) -> Policy:
        if self.fair is not None and self.exploring and self.exploring.method == "thompson":
            raise ValueError(
                "`fair` holds a choice to its limit, and thompson draws by chance; use epsilon_greedy"
            )
        if self.predicted_channel is not None and self.choose == "random":
            raise ValueError("`choose: random` draws the channel too; leave predicted_channel out")
        if self.predicted_channel and self.exploring and self.exploring.method == "thompson":
            raise ValueError(
                "thompson weighs whole actions and tells no people apart; use epsilon_greedy with predicted_channel"
            )
        return self
