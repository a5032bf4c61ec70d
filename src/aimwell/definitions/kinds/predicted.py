"""Parts of a campaign that rest on a prediction: when each person is written to, and through which channel."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from aimwell.definitions.base import Duration, Money, Part, Share

__all__ = ["BestTime", "ModelName", "PredictedChannel"]

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}(@[1-9][0-9]{0,8})?$")]
"""A model of the registry, or one version of it, as recommend-30d@2."""

_WITHIN = (timedelta(hours=1), timedelta(days=14))


class BestTime(Part):
    """Each person is written to at the time at which they act, as a best-time model says, within a while after the stated time."""

    # The schema shows the default as one writes it.
    within: Duration = Field(
        default=timedelta(hours=24),
        json_schema_extra={"default": "24h"},
        description="How long after the stated time at most, 1h to 14d; from 7d on the person's weekday counts too.",
    )
    model: ModelName | None = Field(
        default=None,
        description="A best-time model, as acts-at, or one version, as acts-at@2; default: the one trained last.",
    )
    otherwise: Literal["stated", "everybody"] = Field(
        default="stated",
        description="When people are written to of whom no time of their own is known: at the stated time, or in everybody's "
        "commonest hours.",
    )
    test: Share = Field(
        default=0.2,
        description="Share of the people with such a time who are written to at the stated time all the same, by chance, so that "
        "it can be told what the time earns.",
    )
    random: Share = Field(
        default=0.0,
        description="Share of the same people who are written to at a random hour within the while, so that it can be told whether "
        "another time would do as well.",
    )
    gain: Money | None = Field(
        default=None,
        description="The smallest gain per person over the stated time that counts; where what was measured rules out so much, plans "
        "give the time up, and only the share `test` is still written to at it. Default: a twentieth of what people at the stated time earn.",
    )

    @field_validator("within")
    @classmethod
    def _bounded(cls, value: timedelta) -> timedelta:
        if not _WITHIN[0] <= value <= _WITHIN[1]:
            raise ValueError("within is from 1h to 14d")
        return value

    @model_validator(mode="after")
    def _shares_fit(self) -> BestTime:
        if self.random and not self.test:
            raise ValueError(
                "a random hour is compared with the stated time; set test above 0 too, or leave random out"
            )
        if self.test + self.random > 1:
            raise ValueError("test and random are shares of the same people: at most 1 together")
        return self


class PredictedChannel(Part):
    """Of an offer that goes through several channels each person gets it through the one in which they answer, by a channel model."""

    model: ModelName | None = Field(
        default=None,
        description="A channel model, as prefers-click, or one version; default: the one trained last.",
    )
    sure: Annotated[float, Field(ge=0.5, lt=1)] = Field(
        default=0.9,
        description="How probable it must be that the channel is the person's best; of others nothing is taken for known.",
    )
    gain: Money | None = Field(
        default=None,
        description="The smallest gain per person over one channel for everybody that counts; where what was measured rules out so much, "
        "plans give the prediction up. Default: a twentieth of what the offer earns through its best channel.",
    )
