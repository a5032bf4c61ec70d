"""`consent`: what a person answered when asked for consent."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from aimwell.definitions.base import Name, Part
from aimwell.definitions.leaves.base import Leaf

__all__ = ["Consent", "ConsentRule"]


class Consent(Part):
    """The answer for a channel and a purpose."""

    channel: Name = Field(description="Medium, as email, sms, push.")
    purpose: Name = "marketing"
    state: Literal["granted", "denied", "revoked", "unknown"] = Field(
        default="granted", description="unknown: there is no answer."
    )


class ConsentRule(Leaf):
    """The newest answer before the moment, as sending counts it. Suppressions are not looked at: plans do that."""

    key: ClassVar = "consent"

    consent: Consent
