"""`campaign`: whom to promote what to, when, within which limits, and how success is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from aimwell.definitions.base import (
    Definition,
    Duration,
    LocalMoment,
    Name,
    Part,
    Reference,
    Share,
    Weight,
)
from aimwell.definitions.kinds.policy import Policy
from aimwell.definitions.kinds.predicted import BestTime
from aimwell.definitions.kinds.recommendations import Recommendations
from aimwell.definitions.kinds.running_on import Guardrails
from aimwell.definitions.kinds.targets import PERCENTAGES, TargetKey
from aimwell.definitions.parameters import ParameterValues
from aimwell.zones import known_zones

__all__ = [
    "Action",
    "Audience",
    "Campaign",
    "Goal",
    "Looks",
    "Schedule",
]


class Audience(Part):
    """The people that the campaign is for: a segment, or everyone."""

    segment: Name | None = None
    everyone: Literal[True] | None = None
    parameters: ParameterValues | None = Field(
        default=None, description="Parameters of the segment that are to be otherwise here."
    )

    @model_validator(mode="after")
    def _one(self) -> Audience:
        if (self.segment is None) == (self.everyone is None):
            raise ValueError("say whom: {segment: NAME} or {everyone: true}")
        if self.parameters is not None and self.segment is None:
            raise ValueError("only a segment has parameters")
        return self


class Goal(Part):
    """What counts as success: an event of the activity stream within a window after the campaign's start."""

    event: Annotated[str, Field(min_length=1)] = "Order Completed"
    value: Literal["revenue", "margin", "count"] = "revenue"
    # The schema shows the default as one writes it.
    window: Duration = Field(default=timedelta(days=14), json_schema_extra={"default": "14d"})


class Looks(Part):
    """A few looks at the result that are settled before: when, and how the risk of a false finding is spent over them."""

    at: Annotated[tuple[Share, ...], Field(min_length=1, max_length=10)] = Field(
        description="Shares of the window at which it is looked, growing; the last is 1. As [0.25, 0.5, 0.75, 1]."
    )
    spending: Literal["obrien_fleming", "pocock"] = Field(
        default="obrien_fleming",
        description="obrien_fleming: early looks are strict and the last is almost a single one; pocock: all are alike.",
    )
    futility: Literal["obrien_fleming", "pocock"] | None = Field(
        default=None, description="Say also when going on is hopeless; default: never."
    )

    @model_validator(mode="after")
    def _growing(self) -> Looks:
        if any(not low < high for low, high in zip((0.0, *self.at), self.at, strict=False)):
            raise ValueError("looks: at must grow from above 0")
        if self.at[-1] != 1:
            raise ValueError("looks: the last is at 1, the end of the window")
        return self


class Action(Part):
    """One thing that can be done to a person: an offer through a channel with a content."""

    channel: Name
    template: Name
    offer: Name | None = None
    name: Name | None = Field(default=None, description="Default: OFFER-CHANNEL.")
    weight: Weight = Field(
        default=1.0, description="How often among the actions while nothing better is known."
    )

    @property
    def key(self) -> str:
        """The action's name."""
        return self.name or f"{self.offer or self.template}-{self.channel}"


class Schedule(Part):
    """When it goes out."""

    at: LocalMoment | None = Field(
        default=None, description="Local time in `timezone`, as 2026-12-01T09:00; default: at once."
    )
    timezone: str = Field(
        default="recipient", description="IANA zone, or 'recipient' for each person's own."
    )
    every: Duration | None = Field(
        default=None,
        description="Plans the next wave so long after the last one began, once its window is over; default: once only.",
    )
    approval: Literal["wait", "automatic"] = Field(
        default="wait",
        description="wait: a person approves each wave; automatic: what `every` planned is approved and sent by the workers.",
    )
    best_time: BestTime | None = Field(
        default=None,
        description="Writes to each person at the time at which they act, after the stated time. {} takes the defaults.",
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value != "recipient" and value not in known_zones():
            raise ValueError(
                "no such time zone; allowed: 'recipient' or an IANA name as Europe/London"
            )
        return value

    @field_validator("at")
    @classmethod
    def _local(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is not None:
            raise ValueError(
                "write the local time without an offset; the zone stands in `timezone`"
            )
        if value is not None and not 1970 <= value.year < 2200:
            raise ValueError(
                f"the year {value.year} is no year to send in; write one from 1970 to 2199"
            )
        return value


class Campaign(Definition):
    """Audience, goal, actions, policy, holdout and schedule."""

    kind: Literal["campaign"] = "campaign"
    audience: Audience
    goal: Goal = Field(default_factory=Goal)
    actions: Annotated[tuple[Action, ...], Field(min_length=1, max_length=20)]
    policy: Policy = Field(default_factory=Policy)
    recommendations: Recommendations | None = Field(
        default=None,
        description="Products for each person; a text shows them with {% for product in recommendations %}.",
    )
    holdout: Share = Field(
        default=0.1, description="Share of the eligible who are not contacted, to compare."
    )
    schedule: Schedule = Field(default_factory=Schedule)
    purpose: Name = Field(
        default="marketing", description="Purpose that the person must have consented to."
    )
    contact_policy: Name | None = Field(
        default=None, description="Default: the one named 'default'."
    )
    category: Name | None = Field(
        default=None, description="Kind of campaign, as newsletter or sale, for caps by category."
    )
    priority: Annotated[int, Field(ge=0, le=100)] = Field(
        default=50,
        description="Of campaigns that want the same person's slot the higher one goes first; of equals, once it is "
        "approved, the one that is expected to earn more by the person.",
    )
    exclusive_with: tuple[Name, ...] = Field(
        default=(),
        description="Campaigns that nobody may get beside this one: whoever stands in a plan of theirs that has "
        "not ended is left out.",
    )
    exclusive_group: Name | None = Field(
        default=None,
        description="Nobody may get two campaigns of one group at once, as two that sell the same.",
    )
    through_holdout: bool = Field(
        default=False,
        description="Contacts people of the global holdouts too, as a recall of a product must.",
    )
    cluster: Annotated[str, Field(pattern=r"^(household|trait:[^\s:]{1,100})$")] | None = Field(
        default=None,
        description="Draw arms for whole groups: household, or trait:NAME (as trait:shop); default: by person.",
    )
    stratify: Annotated[tuple[Name, ...], Field(max_length=5)] = Field(
        default=(),
        description="Segments within whose combinations the arms are dealt out evenly; default: by each person's hash alone.",
    )
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="Share of the audience that takes part, by hash, as a pilot; the rest is left alone.",
    )
    experiment: Name | None = Field(
        default=None, description="The experiment that made this campaign, where one did."
    )
    looks: Looks | None = Field(
        default=None,
        description="Looks at the result that are planned; default: look when you like.",
    )
    targets: Mapping[TargetKey, float] = Field(
        default_factory=dict,
        description="What a key figure should reach, as {conversion_rate: 5}; costs and losses: what it should stay under.",
    )
    guardrails: Guardrails | None = Field(
        default=None,
        description="What stops the campaign by itself, as {unsubscribe_rate: 2, loss: 500}.",
    )
    trial: bool = Field(
        default=False, description="Goes into a sink with made-up addresses; nobody is reached."
    )
    salt: str | None = Field(
        default=None,
        max_length=100,
        description="Decides who is held out; default: the campaign's name.",
    )
    after_crash: Literal["unknown", "resend"] = Field(
        default="unknown",
        description="What happens to messages that were in flight when the sender died: "
        "left as 'unknown', or sent again (some people may get two).",
    )

    @field_validator("targets")
    @classmethod
    def _possible(cls, value: Mapping[TargetKey, float]) -> Mapping[TargetKey, float]:
        for key, target in value.items():
            if key in PERCENTAGES and not 0 <= target <= 100:
                raise ValueError(f"{key}: {target:g} is no percentage; 5 is 5 %, and 100 the most")
        return value

    @model_validator(mode="after")
    def _one_way_to_draw(self) -> Campaign:
        if self.cluster is not None and self.stratify:
            raise ValueError("arms are drawn by cluster or dealt out within strata, not both")
        return self

    @model_validator(mode="after")
    def _predictions_fit(self) -> Campaign:
        best = self.schedule.best_time
        if best is not None and best.within >= self.goal.window:
            raise ValueError(
                "schedule.best_time.within must be shorter than goal.window, or some are written to when it is over"
            )
        if self.policy.predicted_channel is None:
            return self
        if self.cluster is not None:
            raise ValueError(
                "a group that is drawn together gets one action; leave policy.predicted_channel or cluster out"
            )
        offers = {offer: set[str]() for offer in {action.offer for action in self.actions}}
        for action in self.actions:
            offers[action.offer].add(action.channel)
        if all(len(channels) < 2 for channels in offers.values()):
            raise ValueError(
                "policy.predicted_channel chooses among channels, and no offer has actions through two of them"
            )
        return self

    @model_validator(mode="after")
    def _actions_differ(self) -> Campaign:
        keys = [action.key for action in self.actions]
        if len(set(keys)) < len(keys):
            raise ValueError("two actions have the same name; give each a `name` of its own")
        return self

    def references(self) -> Iterator[Reference]:
        """Segment, offers, channels, templates and the contact policy."""
        if self.audience.segment is not None:
            yield "audience.segment", "segment", self.audience.segment
        for number, action in enumerate(self.actions):
            yield f"actions[{number}].channel", "channel", action.channel
            yield f"actions[{number}].template", "template", action.template
            if action.offer is not None:
                yield f"actions[{number}].offer", "offer", action.offer
        for number, limit in enumerate(self.policy.limits):
            yield f"policy.limits[{number}].segment", "segment", limit.segment
        for number, segment in enumerate(self.policy.segments):
            yield f"policy.segments[{number}]", "segment", segment
        for number, segment in enumerate(self.stratify):
            yield f"stratify[{number}]", "segment", segment
        if self.contact_policy is not None:
            yield "contact_policy", "contact_policy", self.contact_policy
        if self.experiment is not None:
            yield "experiment", "experiment", self.experiment
