"""Parts of a campaign that runs on: how it explores from wave to wave, and what stops it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Money, Part

__all__ = ["Exploration", "Guardrails"]

Percent = Annotated[float, Field(gt=0, lt=100)]


class Exploration(Part):
    """How each wave of a campaign that runs on weighs what is known against what could be learnt."""

    method: Literal["epsilon_greedy", "thompson"] = Field(
        description="epsilon_greedy: the policy's choice, and a share at random; thompson: each action, or nothing, with the "
        "probability that it is the best, by what earlier waves earned.",
    )
    share: Annotated[float, Field(ge=0.01, le=1)] = Field(
        default=0.1,
        description="Share of people who get a random allowed action, so that none becomes impossible; more where an action would "
        "get fewer than 30 people by it.",
    )


class Guardrails(Part):
    """What must not happen: a test that may be looked at all the time stops the campaign when it is shown."""

    unsubscribe_rate: Percent | None = Field(
        default=None, description="Per cent of the contacted who unsubscribe, at most."
    )
    complaint_rate: Percent | None = Field(
        default=None, description="Per cent of the contacted who complain, at most."
    )
    bounce_rate: Percent | None = Field(
        default=None, description="Per cent of messages that come back, at most."
    )
    loss: Money | None = Field(
        default=None,
        description="How much profit a wave may lose against the held-out, in the workspace currency; where a margin is unknown "
        "revenue stands in.",
    )

    @model_validator(mode="after")
    def _some(self) -> Guardrails:
        if not self.model_dump(exclude_none=True):
            raise ValueError(
                "say what must not happen: unsubscribe_rate, complaint_rate, bounce_rate or loss"
            )
        return self
