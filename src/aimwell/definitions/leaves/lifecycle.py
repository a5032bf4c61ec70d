"""`lifecycle`: the stage of a customer's life, and the marketing stage that it calls for."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from aimwell.definitions.base import Duration
from aimwell.definitions.leaves.base import Leaf

__all__ = [
    "LIFE_STAGES",
    "MARKETING_STAGES",
    "AnyStage",
    "LifeStage",
    "LifecycleRule",
    "MarketingStage",
]

LifeStage = Literal["prospect", "new", "active", "lapsing", "lapsed", "reactivated"]
MarketingStage = Literal["acquisition", "onboarding", "retention", "loyalty"]
AnyStage = Literal[LifeStage, MarketingStage]

LIFE_STAGES: tuple[LifeStage, ...] = get_args(LifeStage)
MARKETING_STAGES: tuple[MarketingStage, ...] = get_args(MarketingStage)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class LifecycleRule(Leaf):
    """Who is in one of these stages; without limits of your own by the shop's own repeat rhythm."""

    key: ClassVar = "lifecycle"

    lifecycle: Annotated[tuple[AnyStage, ...], BeforeValidator(_listed), Field(min_length=1)] = (
        Field(description="Stages of life or marketing stages; one of them is enough.")
    )
    active: Duration | None = Field(
        default=None,
        description="Whoever bought so lately is active. Default: what 75 % of the shop's repeat gaps do not exceed.",
    )
    lapsed: Duration | None = Field(
        default=None,
        description="Whoever did not buy for so long has lapsed. Default: what 95 % of the gaps do not exceed.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> LifecycleRule:
        if self.active is not None and self.lapsed is not None and self.active >= self.lapsed:
            raise ValueError("`active` must be shorter than `lapsed`, else nobody is lapsing")
        return self
