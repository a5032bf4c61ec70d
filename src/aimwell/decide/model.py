"""What a plan is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

__all__ = [
    "BY_CONSENT_OR_ADDRESS",
    "EXCLUSIONS",
    "ActionSummary",
    "Candidate",
    "Detectable",
    "Place",
    "Plan",
    "PlanState",
    "PlanSummary",
]

PlanState = Literal["planned", "approved", "sending", "paused", "sent", "cancelled"]

EXCLUSIONS: Mapping[str, str] = {
    "suppressed": "the address is suppressed (unsubscribed, bounced or complained)",
    "consent_unknown": "no answer on consent is known, which means no",
    "consent_denied": "consent was denied",
    "consent_withdrawn": "consent was withdrawn",
    "no_address": "no address for any of the campaign's channels is known",
    "under_age": "is too young for the offer, or the age is not known",
    "no_discount": "stands on a list of people who get no discounts",
    "global_holdout": "is held out from all campaigns for this period",
    "exclusive": "stands in another campaign that excludes this one",
    "reserved": "another campaign that goes first has this person's slot",
    "capped": "has had as many messages as the contact policy allows",
    "too_soon": "the last message was too short a time ago",
    "stale": "the data that the choice would rest on are too old",
    "not_first_order": "has bought before, and the offer is for a first order",
    "redeemed": "has redeemed the offer as often as a person may",
    "not_in_pilot": "does not take part in this pilot",
    "few_products": "fewer products can be recommended than the campaign asks for",
    "no_stock": "the offer's stock does not reach this far",
    "no_code": "the pool has no code for them",
    "budget": "the budget does not reach this far",
    "limit": "a channel's capacity, an offer's stock or a segment's ceiling does not reach this far",
}
"""Reason code → words, in the order in which a person who has several is counted."""
BY_CONSENT_OR_ADDRESS = frozenset(
    {"suppressed", "consent_unknown", "consent_denied", "consent_withdrawn", "no_address"}
)
"""Reasons that do not hold for a trial."""


@dataclass(frozen=True)
class Candidate:
    """One action that a campaign may take: what it is and what a contact costs."""

    key: str
    channel: str
    medium: str
    weight: float
    cost: float
    variants: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Place:
    """One person in a plan.

    `probability` is that of getting just this action and variant, known before the draw; of who gets none (held out, or
    passed over by the policy) that of getting none. `choice`: the action that the policy's rule gives them, or 'nothing', before chance
    decides who is held out and who explores; None where no policy chose. `timing`: see `due_times.TIMINGS`.
    """

    profile_id: str
    origin_id: str
    bucket: int
    arm: Literal["treatment", "control", "excluded", "passed"]
    excluded: str | None = None
    action: str | None = None
    variant: str | None = None
    probability: float | None = None
    cost: float | None = None
    send_at: datetime | None = None
    expected_profit: float | None = None
    explored: bool = False
    choice: str | None = None
    timing: str | None = None


@dataclass(frozen=True)
class ActionSummary:
    """People and cost of one action of a plan."""

    action: str
    channel: str
    medium: str
    people: int
    cost: float
    variants: Mapping[str, int]
    sendable: bool


@dataclass(frozen=True)
class Detectable:
    """The smallest true difference that the plan finds with the stated power; missing with a reason.

    `base` is what the audience of a window earlier did in the window before the plan.
    """

    metric: str
    unit: str
    base: float | None
    difference: float | None
    relative: float | None
    power: float
    confidence: float
    reason: str | None = None


@dataclass(frozen=True)
class PlanSummary:
    """What `explain` shows.

    `passed`: neither held out nor contacted, because the policy chose nothing for them. `chosen`: the policy, limits and
    budget as `plan_choice.Drafted.summary` tells them; None where chance chose and nothing limited it. `timing`: how many at which
    time, as `due_times.DueTimes.summary`; `channels`: by which channels, as `channel_choice.Channels.summary`; None where the
    campaign asks for no prediction.
    """

    audience: str
    audience_size: int
    excluded: Mapping[str, int]
    eligible: int
    treated: int
    control: int
    holdout: float
    actions: tuple[ActionSummary, ...]
    cost: float
    budget: float | None
    currency: str
    starts_at: datetime
    window_days: float
    goal: str
    choice: str
    detectable: tuple[Detectable, ...]
    kept_arms: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)
    passed: int = 0
    chosen: Mapping[str, Any] | None = None
    timing: Mapping[str, Any] | None = None
    channels: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON and for the control database."""
        body = asdict(self)
        body["starts_at"] = self.starts_at.isoformat()
        return body


@dataclass(frozen=True)
class Plan:
    """A stored plan. Its people are rows of the control table plan_people."""

    plan_id: str
    campaign: str
    revision: int
    state: PlanState
    trial: bool
    as_of: datetime
    document: Mapping[str, Any]
    lake_versions: Mapping[str, int]
    summary: Mapping[str, Any]
    planned_at: datetime
    planned_by: str
    approved_at: datetime | None = None
    approved_by: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    decisions_due: bool = False

    @property
    def starts_at(self) -> datetime:
        """From when outcomes count, for every arm."""
        return datetime.fromisoformat(self.summary["starts_at"])
