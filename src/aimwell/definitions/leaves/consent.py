"""`consent`: what a person answered when asked for consent."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Name, Part
from aimwell.definitions.leaves.base import Leaf

__all__ = ["Consent", "ConsentRule"]


class Consent(Part):
    """The answer for a channel and a purpose."""

    channel: Name = Field(
        description="Medium, as email, sms, push; any: the newest answer, whatever medium it was about."
    )
    purpose: Name = "marketing"
    state: Literal["granted", "denied", "revoked", "unknown"] = Field(
        default="granted", description="unknown: there is no answer."
    )
    explicit: bool = Field(
        default=False,
        description="Granted counts only where the person said so (basis opt_in), not by what the law allows with buyers.",
    )

    @model_validator(mode="after")
    def _of_grants(self) -> Consent:
        if self.explicit and self.state != "granted":
            raise ValueError("`explicit` is about consent that was granted")
        return self


class ConsentRule(Leaf):
    """The newest answer before the moment, as sending counts it. Suppressions are not looked at: plans do that."""

    key: ClassVar = "consent"

    consent: Consent
