"""What is told of channels and of people in them, once the laws are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from aimwell.predict.beta_binomial import BetaBinomial, Shares, chances_best
from aimwell.predict.responding.counts import MessageCounts
from aimwell.stats.samples import FloatArray

__all__ = ["ChannelRate", "best_channels", "tell_people"]

_SURE = 0.9


@dataclass(frozen=True, slots=True)
class ChannelRate:
    """A channel as a whole.

    Args:
        channel: Its name, in small letters.
        people, sent, answered: To whom it wrote, how often, and to how many of these messages an answer came.
        law: The law of people's own rates; None where there was too little.
        reason: Why there is none; empty where there is.
    """

    channel: str
    people: int
    sent: int
    answered: int
    law: BetaBinomial | None
    reason: str


def tell_people(
    counts: MessageCounts, laws: Sequence[BetaBinomial], better: bool
) -> tuple[pa.Table, pa.Table, FloatArray]:
    """The tables `people` and `rates` of `channel_preferences`, and the probability of each channel to be a person's best.

    Args:
        counts: Of the channels that are told, in their order.
        laws: Of these channels.
        better: Whether own rates were better on the later period.
    """
    profiles, sent, answered, shares = _known(counts, laws)
    means = np.array([law.mean for law in laws])
    lower, upper = shares.interval()
    best = chances_best(shares, sent)
    several = (sent > 0).sum(axis=1) > 1
    first = np.argmax(best, axis=1)
    sure = np.take_along_axis(best, first[:, None], 1)[:, 0]
    own = several & (sure >= _SURE) & better
    usual = np.argmax(np.where(sent > 0, means, -1.0), axis=1)
    names = np.array(counts.names, dtype=object)
    people = pa.table(
        {
            "profile_id": profiles,
            "channels": pa.array((sent > 0).sum(axis=1).astype(np.int64)),
            "channel": pa.array(names[np.where(own, first, usual)], pa.string()),
            "own": pa.array(own),
            "sure": pa.array(sure, mask=~several),
        }
    )
    person, kind = np.nonzero(sent)
    against = np.where(lower > means, "above", np.where(upper < means, "below", "cannot tell"))
    rates = pa.table(
        {
            "profile_id": profiles.take(pa.array(person)),
            "channel": pa.array(names[kind], pa.string()),
            "sent": pa.array(sent[person, kind].astype(np.int64)),
            "answered": pa.array(answered[person, kind].astype(np.int64)),
            "rate": pa.array(shares.mean[person, kind]),
            "lower": pa.array(lower[person, kind]),
            "upper": pa.array(upper[person, kind]),
            "best": pa.array(best[person, kind], mask=~several[person]),
            "against": pa.array(against[person, kind].astype(object), pa.string()),
        }
    )
    return people, rates, np.where((sent > 0) & several[:, None], best, np.nan)


def best_channels(
    counts: MessageCounts, laws: Sequence[BetaBinomial]
) -> tuple[pa.Array, FloatArray]:
    """People whom several channels wrote to, and the probability of each channel to be the one that they answer most."""
    profiles, sent, _answered, shares = _known(counts, laws)
    several = (sent > 0).sum(axis=1) > 1
    of_them = Shares(shares.alpha[several], shares.beta[several])
    return profiles.filter(pa.array(several)), chances_best(of_them, sent[several])


def _known(
    counts: MessageCounts, laws: Sequence[BetaBinomial]
) -> tuple[pa.Array, FloatArray, FloatArray, Shares]:
    """Who got a message, how many by channel, how many they answered, and what is known of their rates."""
    sent, answered = counts.sent.sum(axis=2), counts.answered.sum(axis=2)
    some = sent.sum(axis=1) > 0
    sent, answered = sent[some], answered[some]
    means, strengths = (
        np.array([getattr(law, name) for law in laws]) for name in ("mean", "strength")
    )
    shares = Shares(strengths * means + answered, strengths * (1 - means) + sent - answered)
    return counts.profiles.filter(pa.array(some)), sent, answered, shares
