"""The channel in which each person answers most, as of a moment: by a registered version, or as it would have been told then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.predict.beta_binomial import BetaBinomial
from aimwell.predict.registry import RegisteredModel, model_of
from aimwell.predict.responding.channels import channel_laws, channels_by_size
from aimwell.predict.responding.counts import MessageCounts
from aimwell.predict.responding.judging import judge_channels
from aimwell.predict.responding.reading import read_messages
from aimwell.predict.responding.telling import best_channels
from aimwell.predict.scoring import check_seen
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["OwnChannels", "channel_model", "own_channels", "own_channels_then"]

_TRAIN = "aimwell predict channels"


@dataclass(frozen=True, slots=True, eq=False)
class OwnChannels:
    """Who answers in one channel more than in the others, one entry a person.

    Args:
        entry: The version, or the one whose question was asked.
        as_of: Nothing from this moment on was seen.
        names: Channels, in small letters.
        profiles: Who has a channel of their own.
        channel: Which of `names`.
        better: Whether people's own rates were judged better on later messages; if not, nobody has one.
    """

    entry: RegisteredModel
    as_of: datetime
    names: tuple[str, ...]
    profiles: pa.Array
    channel: NDArray[np.int64]
    better: bool

    def of(self, people: pa.Array, channels: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
        """Which of these channels is each person's; −1: none is.

        Args:
            people: Profile ids.
            channels: Name and medium of each, by one of which messages know it; the name goes first.
        """
        place = pc.index_in(people, value_set=self.profiles)
        at = np.asarray(pc.fill_null(place, len(self.profiles)).to_numpy(), dtype=np.int64)
        mine = np.append(self.channel, len(self.names))[at]
        known = np.full(len(self.names) + 1, -1, dtype=np.int64)
        for number, name in [
            *enumerate(medium.lower() for _name, medium in channels),
            *enumerate(name.lower() for name, _medium in channels),
        ]:
            if name in self.names:
                known[self.names.index(name)] = number
        return np.asarray(known[mine], dtype=np.int64)


def channel_model(stores: Stores, name: str | None) -> RegisteredModel:
    """The channel model of that name; None: the one trained last. Raises PredictError."""
    return model_of(stores, "channel_preference", name, train=_TRAIN)


def own_channels(
    stores: Stores,
    entry: RegisteredModel,
    *,
    as_of: datetime,
    sure: float,
    snapshot: Snapshot | None = None,
) -> OwnChannels:
    """Whose best channel it is with a probability of `sure` or more, by the laws of a version.

    Raises:
        PredictError: It has seen later data.
        ModelFileError: Its files are missing or were changed.
    """
    check_seen(entry, as_of)
    laws = channel_laws(stores, entry).laws
    judged = entry.metrics["judged"]
    better = bool(judged) and judged[0]["verdict"] == "better"
    counts = read_messages(stores, entry.settings, as_of=as_of, snapshot=snapshot)
    return _told(entry, as_of, counts, laws, better=better, sure=sure)


def own_channels_then(
    stores: Stores, entry: RegisteredModel, *, as_of: datetime, sure: float
) -> OwnChannels:
    """The same as it would have been told at an earlier moment, the laws and whether they are better learnt anew from what was known.

    So a version that was trained after an experiment does not judge it by what came of it.
    """
    counts = read_messages(stores, entry.settings, as_of=as_of)
    laws = {one.channel: one.law for one in channels_by_size(counts) if one.law is not None}
    judged, _reason = judge_channels(counts)
    better = bool(judged) and judged[0].verdict == "better"
    return _told(entry, as_of, counts, laws, better=better, sure=sure)


def _told(
    entry: RegisteredModel,
    as_of: datetime,
    counts: MessageCounts,
    laws: Mapping[str, BetaBinomial],
    *,
    better: bool,
    sure: float,
) -> OwnChannels:
    names = [name for name in laws if name in counts.names]
    none = OwnChannels(
        entry, as_of, tuple(names), pa.array([], pa.string()), np.zeros(0, np.int64), better
    )
    if not better or len(names) < 2:
        return none
    people, chance = best_channels(counts.of_channels(names), [laws[name] for name in names])
    own = chance.max(axis=1) >= sure
    return OwnChannels(
        entry,
        as_of,
        tuple(names),
        people.filter(pa.array(own)),
        chance[own].argmax(axis=1).astype(np.int64),
        better,
    )
