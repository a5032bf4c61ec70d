"""What an attribution says. Nothing in it names a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aimwell.stats.estimate import Estimate, Figure

__all__ = ["MODELS", "Attribution", "ChannelCredit", "ChannelFacts", "Incremental"]

MODELS: Mapping[str, str] = {
    "first": "all to the first touch",
    "last": "all to the last touch",
    "linear": "to all touches alike",
    "time_decay": "half as much for each half-life before the end",
    "position": "40 % to the first, 40 % to the last, 20 % to those between",
    "markov": "by what a chain of single steps loses without the channel",
    "markov_2": "the same, by chains that remember two steps",
    "shapley": "alike to the distinct channels of a path (Shapley value of conversions)",
    "shapley_rate": "by what a channel adds to the rate of those who saw it (Shapley value of rates)",
    "data_driven": "by what a channel adds to the probability that a fitted hazard gives the path",
}
"""Model → how it divides credit, in words."""


@dataclass(frozen=True, kw_only=True)
class ChannelCredit:
    """What one model credits one channel with.

    Attributes:
        conversions: Those it is credited with; fractions, and by `shapley_rate` less than 0 too.
        value: Money likewise.
        share: Of all credited conversions, 0–1, with the interval of the division; how many conversions there will be
            is another question.
        cost_of_each: Spend ÷ conversions credited.
    """

    model: str
    channel: str
    conversions: float
    value: float
    share: Estimate
    cost_of_each: Figure


@dataclass(frozen=True, kw_only=True)
class ChannelFacts:
    """What was seen of one channel: touches that count, paths with any of them, and what it cost (None: not known)."""

    channel: str
    touches: int
    paths: int
    spend: float | None


@dataclass(frozen=True, kw_only=True)
class Incremental:
    """One campaign that was measured against held-out people, beside what it is credited with.

    Attributes:
        plan_ids: Its plans that were measured, the first one first.
        measured: Conversions that sending added, over all who were contacted; of several waves the sum, with the correlation that their
            reports found; missing where that of a wave is.
        credited: By model, of its own touches; None where paths are not told apart by campaign.
    """

    campaign: str
    plan_ids: tuple[str, ...]
    goal: str
    measured: Estimate
    credited: Mapping[str, float] | None


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Credits by every model, side by side.

    Attributes:
        by: 'channel', 'campaign' or 'action': what is credited.
        goal: The event that counts as a conversion.
        since, until: When conversions counted; `since` None: from the beginning.
        people, paths: With at least one touch.
        conversions, value: Of these paths; the credits of every model add up to them.
        unattributed, unattributed_value: Conversions with no touch in the window.
        spend_known: Whether anything was known of what channels cost.
        incremental: Campaigns with a measured lift.
        notes: How to read it. caveats: what a reader must know before believing it.
    """

    by: str
    goal: str
    currency: str
    window_days: float
    half_life_days: float
    since: datetime | None
    until: datetime
    people: int
    paths: int
    conversions: int
    value: float
    unattributed: int
    unattributed_value: float
    facts: tuple[ChannelFacts, ...]
    credits: tuple[ChannelCredit, ...]
    incremental: tuple[Incremental, ...]
    notes: tuple[str, ...]
    caveats: tuple[str, ...]

    def of(self, model: str) -> tuple[ChannelCredit, ...]:
        """The credits of one model, in the order of `facts`."""
        return tuple(one for one in self.credits if one.model == model)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; times in ISO 8601."""
        body = asdict(self)
        body["since"] = self.since.isoformat() if self.since else None
        body["until"] = self.until.isoformat()
        body["models"] = {
            name: MODELS[name] for name in dict.fromkeys(c.model for c in self.credits)
        }
        return body
