"""The channel in which each person answers, as a choice: chances where nothing else is known, and policies to be judged.

An offer that goes through several channels can go to each person through the one in which they answer. Who answers where was seen of
messages that somebody chose to send, so it is a guess at what a channel brings: a share of the people still gets any allowed action,
and what was predicted is judged on them like any other policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aimwell.decide.arms import by_weight
from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Candidate
from aimwell.decide.people import EXCLUDED, TREATMENT, PlanPeople
from aimwell.decide.policies.candidates import People, Rule
from aimwell.decide.uplift.knowing import moments_of
from aimwell.decide.uplift.reading import ReadExperiment
from aimwell.definitions.kinds.campaign import Action
from aimwell.definitions.kinds.predicted import PredictedChannel
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

if TYPE_CHECKING:
    from aimwell.predict.registry import RegisteredModel
    from aimwell.predict.responding.own_channels import OwnChannels

__all__ = [
    "ChannelChoice",
    "channel_choice",
    "channel_rules",
    "members_of",
    "offers_through",
    "rules_of",
    "then_of",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ChannelChoice:
    """The prediction for an audience.

    Args:
        stores: The workspace, for experiments that are looked back at.
        wanted: What the campaign asks for.
        actions: The campaign's, in its order.
        channels: Name and medium of its channels.
        own: The prediction.
        mine: Each person's channel, a place in `channels`; −1: none is known.
    """

    stores: Stores
    wanted: PredictedChannel
    actions: tuple[Action, ...]
    channels: tuple[tuple[str, str], ...]
    own: OwnChannels
    mine: NDArray[np.int64]

    def chances(
        self, offered: Sequence[Candidate], *, explore: float
    ) -> Callable[[NDArray[np.intp], Bools], Floats]:
        """Probabilities of the actions for people (their places in the audience) and what they may get.

        Each offer has the chance that its weights give it. Within it all of that goes to the person's channel, where they have one and
        may be written to through it, but for the share `explore`, which is drawn by weight.
        """
        through = np.array([self._place(one.channel) for one in self.actions])
        offer = _numbered([one.offer for one in self.actions])

        def of(who: NDArray[np.intp], allowed: Bools) -> Floats:
            weights = by_weight(allowed, offered)
            found = weights.copy()
            mine = self.mine[who][:, None] == through[None, :]
            for one in range(int(offer.max()) + 1):
                inside = np.flatnonzero(offer == one)
                some = weights[:, inside]
                aimed = some * mine[:, inside]
                sums = aimed.sum(axis=1, keepdims=True)
                share = np.divide(aimed, sums, out=np.zeros_like(aimed), where=sums > 0)
                found[:, inside] = np.where(sums > 0, some.sum(axis=1, keepdims=True) * share, some)
            return np.asarray((1 - explore) * found + explore * weights)

        return of

    def members(self) -> dict[str, Bools]:
        """Channel → whose it is, of the audience."""
        return members_of(self.mine, self.channels)

    def members_then(self, read: ReadExperiment) -> Mapping[str, Bools]:
        """The same of an experiment's people, as it would have been told at the moment before which their features are known."""
        mine = then_of(self.stores, self.own.entry, self.channels, read, sure=self.wanted.sure)
        return members_of(mine, self.channels)

    def header(self) -> dict[str, Any]:
        """By what channels were told, for the plan."""
        return {
            "model": self.own.entry.label,
            "as_of": self.own.as_of.isoformat(),
            "sure": self.wanted.sure,
        }

    def summary(self, people: PlanPeople, explore: float | None) -> dict[str, Any]:
        """What explain shows: of how many it is known, and how many get their message through it. `explore`: which share was drawn
        without it; None: a policy that was learnt chose."""
        reachable = people.arm != EXCLUDED
        through = np.array([*(self._place(one.channel) for one in self.actions), -2])
        counts = np.bincount(self.mine[reachable & (self.mine >= 0)], minlength=len(self.channels))
        followed = (self.mine >= 0) & (through[people.action] == self.mine)
        return {
            **self.header(),
            "better": self.own.better,
            "people": int(reachable.sum()),
            "known": int(counts.sum()),
            "channels": {name: int(n) for (name, _), n in zip(self.channels, counts, strict=True)},
            "contacted": int((people.is_in(TREATMENT) & (self.mine >= 0)).sum()),
            "through_it": int((people.is_in(TREATMENT) & followed).sum()),
            "explore": explore,
        }

    def _place(self, channel: str) -> int:
        return next(n for n, (name, _medium) in enumerate(self.channels) if name == channel)


def channel_choice(
    stores: Stores,
    parts: CampaignParts,
    audience: Sequence[str],
    *,
    moment: datetime,
    snapshot: Snapshot,
    then: bool = False,
) -> ChannelChoice | None:
    """The prediction for the audience; None where the campaign does not ask for one.

    `then`: as it would have been told at a moment that the model has seen past, learnt anew from what was known.

    Raises:
        PredictError: There is no such model, or it has seen later data.
        ModelFileError: Its files are missing or were changed.
    """
    wanted = parts.campaign.policy.predicted_channel
    if wanted is None:
        return None
    # Most plans ask for no prediction, and it takes time to import.
    from aimwell.predict.responding.own_channels import (
        channel_model,
        own_channels,
        own_channels_then,
    )

    entry = channel_model(stores, wanted.model)
    if then:
        own = own_channels_then(stores, entry, as_of=moment, sure=wanted.sure)
    else:
        own = own_channels(stores, entry, as_of=moment, sure=wanted.sure, snapshot=snapshot)
    channels = tuple((name, one.medium) for name, one in parts.channels.items())
    mine = own.of(pa.array(audience, pa.string()), channels)
    return ChannelChoice(stores, wanted, parts.campaign.actions, channels, own, mine)


def members_of(
    mine: NDArray[np.int64], channels: Sequence[tuple[str, str]]
) -> dict[str, NDArray[np.bool_]]:
    """For the rules: whose each of the channels is, of people whose own is `mine` (its place; −1: none is known)."""
    return {_mark(name): mine == place for place, (name, _medium) in enumerate(channels)}


def then_of(
    stores: Stores,
    entry: RegisteredModel,
    channels: Sequence[tuple[str, str]],
    read: ReadExperiment,
    *,
    sure: float,
) -> NDArray[np.int64]:
    """The own channel of an experiment's people as it would have been told at each one's moment: its place, or −1."""
    from aimwell.predict.responding.own_channels import own_channels_then

    mine = np.full(len(read.profiles), -1, dtype=np.int64)
    for moment, rows in moments_of(read.known_at, read.as_of, len(read.profiles)):
        told = own_channels_then(stores, entry, as_of=moment, sure=sure)
        mine[rows] = told.of(read.profiles.take(pa.array(rows)), channels)
    return mine


def channel_rules(actions: Sequence[Action], arms: Sequence[str]) -> tuple[Rule, ...]:
    """For each offer that an experiment had through several channels: to everybody through the own one, else through each in turn.

    Args:
        actions: Of the campaign.
        arms: Of the experiment; the first is nothing.
    """
    return tuple(
        rule
        for offer, through in offers_through(actions, arms).items()
        for rule in rules_of(offer, through)
    )


def offers_through(
    actions: Sequence[Action], arms: Sequence[str]
) -> dict[str | None, dict[str, int]]:
    """Each offer that an experiment had through several channels → channel → the place of its arm."""
    offers: dict[str | None, dict[str, int]] = {}
    for one in actions:
        if one.key in arms:
            offers.setdefault(one.offer, {}).setdefault(one.channel, list(arms).index(one.key))
    return {offer: through for offer, through in offers.items() if len(through) > 1}


def rules_of(offer: str | None, through: Mapping[str, int]) -> tuple[Rule, ...]:
    """One offer to everybody through the own channel, else through each in turn. `through`: channel → the place of its arm."""
    return tuple(_rule(offer, through, otherwise) for otherwise in through)


def _rule(offer: str | None, through: Mapping[str, int], otherwise: str) -> Rule:
    def decides(people: People) -> NDArray[np.int64]:
        found = np.full(len(people.values), through[otherwise], dtype=np.int64)
        for channel, arm in through.items():
            found[people.members[_mark(channel)]] = arm
        return found

    named = "" if offer is None else f"{offer}: "
    return Rule(f"{named}predicted channel, else {otherwise}", decides)


def _mark(channel: str) -> str:
    return f"channel {channel}"


def _numbered(offers: Sequence[str | None]) -> NDArray[np.int64]:
    different = list(dict.fromkeys(offers))
    return np.array([different.index(one) for one in offers], dtype=np.int64)
