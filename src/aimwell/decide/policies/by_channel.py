"""The predicted channel as a candidate among policies: each offer of an experiment through the channel in which each person answers.

Of the experiment's people channels are those that would have been told at its moment, learnt anew from what was known by then; so a model
that was trained since does not judge itself by its own answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aimwell.decide.channel_choice import members_of, offers_through, rules_of, then_of
from aimwell.decide.policies.candidates import Rule
from aimwell.decide.uplift.reading import ReadExperiment
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.definitions.kinds.channel import Channel
from aimwell.definitions.kinds.predicted import PredictedChannel
from aimwell.errors import DecideError, UnknownDefinitionError, nearest
from aimwell.predict.registry import RegisteredModel
from aimwell.store.stores import Stores

__all__ = ["ByChannel", "by_channel"]


@dataclass(frozen=True, slots=True, eq=False)
class ByChannel:
    """What an experiment's arms say of channels.

    Args:
        stores: The workspace.
        entry: The channel model.
        sure: How probable it must be that a channel is the person's best.
        channels: Name and medium of each.
        offers: Offer (None: there is but one) → channel → the place of its arm.
    """

    stores: Stores
    entry: RegisteredModel
    sure: float
    channels: tuple[tuple[str, str], ...]
    offers: Mapping[str | None, Mapping[str, int]]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The candidates."""
        return tuple(
            rule for offer, through in self.offers.items() for rule in rules_of(offer, through)
        )

    def then(self, read: ReadExperiment) -> dict[str, NDArray[np.bool_]]:
        """Whose channel each is, of the experiment's people at their moments."""
        mine = then_of(self.stores, self.entry, self.channels, read, sure=self.sure)
        return members_of(mine, self.channels)

    def now(self, profiles: pa.Array, as_of: datetime) -> dict[str, NDArray[np.bool_]]:
        """The same of other people by the model itself."""
        from aimwell.predict.responding.own_channels import own_channels

        own = own_channels(self.stores, self.entry, as_of=as_of, sure=self.sure)
        return members_of(own.of(profiles, self.channels), self.channels)


def by_channel(
    stores: Stores,
    read: ReadExperiment,
    arms: Mapping[str, str],
    *,
    model: str | None = None,
    sure: float | None = None,
) -> ByChannel:
    """The predicted channel as candidates for an experiment.

    Args:
        stores: The workspace.
        read: The experiment.
        arms: Arm → channel, of one offer; empty: by the actions of the campaign of the experiment's name.
        model: The channel model; default: the one trained last.
        sure: How probable it must be that a channel is the person's best; default: as for campaigns.

    Raises:
        DecideError: There is no such arm, no campaign of that name, or no offer went through several channels.
        PredictError: There is no such model.
    """
    offers: dict[str | None, dict[str, int]]
    if arms:
        offers = {None: _places(read.data.arms, arms)}
    else:
        offers = offers_through(_campaign(stores, read.name).actions, read.data.arms)
    offers = {offer: through for offer, through in offers.items() if len(through) > 1}
    if not offers:
        raise DecideError(
            f"No offer of '{read.name}' went through several channels, so there is none to choose. Say through which the arms went: "
            "--channel ARM=CHANNEL, for two channels at least."
        )
    # Most policies ask for no prediction, and it takes time to import.
    from aimwell.predict.responding.own_channels import channel_model

    names = dict.fromkeys(name for through in offers.values() for name in through)
    return ByChannel(
        stores,
        channel_model(stores, model),
        PredictedChannel().sure if sure is None else sure,
        tuple((name, _medium(stores, name)) for name in names),
        offers,
    )


def _places(known: Sequence[str], arms: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for arm, channel in arms.items():
        if arm not in known[1:]:
            raise DecideError(f"There is no arm '{arm}'. {nearest(arm, list(known[1:]))}")
        if channel in found:
            raise DecideError(
                f"Two arms went through '{channel}'; name one of them, since the candidate sends each person one arm by channel."
            )
        found[channel] = list(known).index(arm)
    return found


def _campaign(stores: Stores, name: str) -> Campaign:
    try:
        return definitions.find(stores.control, Campaign, name)
    except UnknownDefinitionError as error:
        raise DecideError(
            f"'{name}' is no campaign of our own, so it is not known through which channels its arms went. Say it: "
            "--channel ARM=CHANNEL, for each."
        ) from error


def _medium(stores: Stores, name: str) -> str:
    """A channel of our own is known to messages by its medium too; any other by its name alone."""
    try:
        return definitions.find(stores.control, Channel, name).medium
    except UnknownDefinitionError:
        return name
