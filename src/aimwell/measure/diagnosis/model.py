"""What a diagnosis is made of. Nothing in it names a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aimwell.measure.diagnosis.passing import PassedOver
from aimwell.measure.model import plain_fields
from aimwell.stats.estimate import Estimate

__all__ = ["EVERYONE", "STEPS", "Diagnosis", "Finding", "Shortfall", "Step"]

Step = Literal["sent", "delivered", "opened", "clicked", "cart", "ordered"]

STEPS: Mapping[Step, str] = {
    "sent": "planned and sent",
    "delivered": "sent and delivered",
    "opened": "delivered and opened by a person",
    "clicked": "opened and clicked by a person",
    "cart": "clicked and put something into the cart",
    "ordered": "put something into the cart and reached the goal",
}
"""Each step and whom it is counted of: those who took the step before it."""

EVERYONE = "everyone"

Shortfall = Literal["earlier", "elsewhere", "target", "effect"]
"""Against what: the earlier plans; the others of this plan; a target; what sending added to the others, or earlier."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at, and found worse or not.

    Attributes:
        kind: Against what it is held.
        step: Of the funnel, or 'effect': what sending added per person. A target's name for one of a target.
        place: 'everyone', or a kind and a name, as 'segment loyal', 'channel email'.
        done, of: How many took the step, of how many; 0 for an effect.
        value: Share 0-1 with Wilson's interval, or an amount per person.
        expected: What was to be expected, with an interval that holds what is unsure of it; missing for nothing.
        p_value: One-sided, of "no worse than expected". p_adjusted: After Benjamini and Hochberg over all that was looked at.
        missing: By how many people, or by what amount, it falls short of what was expected; None where it does not.
        also: Other places that fall short only because of this one.
        words, advice: For a reader: what is wrong, and what to try.
    """

    kind: Shortfall
    step: str
    place: str
    done: int
    of: int
    value: Estimate
    expected: Estimate
    p_value: float
    p_adjusted: float = 1.0
    missing: float | None = None
    also: tuple[str, ...] = ()
    words: str = ""
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Where a plan falls short.

    Attributes:
        plan_id, campaign: The plan. offer: Where only the actions with one offer were looked at.
        earlier: The plans that it was held against, the newest first.
        measured_until: Up to when all of it was counted, in ISO 8601.
        steps: Of everyone, one a step; what was expected is missing where there is nothing to hold it against.
        findings: What stands out, the most telling first.
        searched: How many comparisons were made.
        passed: Whom the policy gave nothing; None where nobody.
        sentence: What a reader should take from it.
        notes: What to know before believing it.
    """

    plan_id: str
    campaign: str
    offer: str | None
    currency: str
    earlier: tuple[str, ...]
    measured_until: str
    steps: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    searched: int
    passed: PassedOver | None
    sentence: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain_fields(self)
