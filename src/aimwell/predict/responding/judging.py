"""How well people's own rates of answering foretold the answers to later messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from aimwell.predict.beta_binomial import BetaBinomial, fit_beta_binomial
from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.predict.purchases import IntArray
from aimwell.predict.responding.counts import BEFORE, LATER, MessageCounts
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = [
    "CHANNEL_NEEDED",
    "AnswersOfPeople",
    "ChannelJudgement",
    "answers_of_people",
    "judge_channels",
    "laws_before",
]

CHANNEL_NEEDED = {"messages": 100, "answers": 10}
"""What a channel needs for a law of its own."""


@dataclass(frozen=True, slots=True)
class ChannelJudgement:
    """How well the answers to later messages were foretold by people's own rates.

    Args:
        channel: Of which channel; 'all' together.
        messages, people: Later messages, and to how many who had been written to before.
        log_loss: Mean loss (nats a message; less is better) of people's own rates, drawn towards everybody's.
        log_loss_everybody: Of everybody's rate of the channel.
        gain: By how much the first is lower, a message.
        verdict: 'better', 'worse' or 'cannot tell', by the interval of `gain`.
    """

    channel: str
    messages: int
    people: int
    log_loss: float
    log_loss_everybody: float
    gain: Estimate
    verdict: str


@dataclass(frozen=True, slots=True, eq=False)
class _Later:
    """Later messages of people who had been written to before, by person and channel: their number, the answers, and both rates."""

    person: IntArray
    sent: FloatArray
    hits: FloatArray
    own: FloatArray
    every: FloatArray

    def losses(self, rate: FloatArray) -> FloatArray:
        """Of a rate, summed over the row's messages (nats)."""
        return np.asarray(-(self.hits * np.log(rate) + (self.sent - self.hits) * np.log1p(-rate)))


@dataclass(frozen=True, slots=True, eq=False)
class AnswersOfPeople:
    """Later messages of each person who had been written to before, all channels together.

    Args:
        losses: Mean log loss a message by the person's own rates.
        everybody: By everybody's rates of the channels.
        expected, came: Answers.
    """

    losses: FloatArray
    everybody: FloatArray
    expected: FloatArray
    came: FloatArray


def laws_before(counts: MessageCounts) -> dict[str, BetaBinomial]:
    """The law of each channel of which enough was known before the later period."""
    found = {}
    for place, name in enumerate(counts.names):
        sent, hits = counts.sent[:, place, BEFORE], counts.answered[:, place, BEFORE]
        if _enough(sent, hits):
            found[name] = fit_beta_binomial(hits[sent > 0], sent[sent > 0])
    return found


def judge_channels(counts: MessageCounts) -> tuple[tuple[ChannelJudgement, ...], str]:
    """Learnt from messages whose time was over at the cut, judged on those sent from it on."""
    laws = laws_before(counts)
    parts = {
        name: later
        for place, name in enumerate(counts.names)
        if name in laws and (later := _later(counts, place, laws[name])) is not None
    }
    if not parts:
        return (), (
            "Not judged on later messages: no channel had 100 messages and 10 answers before the later period and wrote to the "
            "same people in it."
        )
    found = (_judgement(name, later) for name, later in parts.items())
    return (_judgement("all", _together(parts.values())), *found), ""


def answers_of_people(
    counts: MessageCounts, laws: Mapping[str, BetaBinomial]
) -> AnswersOfPeople | None:
    """How laws foretell the later answers of each person; None where nobody can be told of.

    Everybody's rates are those before the later period, and stand in for a law where a channel has none. So the people are the same for
    all laws.
    """
    parts = [_later(counts, place, laws.get(name)) for place, name in enumerate(counts.names)]
    known = [one for one in parts if one is not None]
    if not known:
        return None
    later = _together(known)
    people, place = np.unique(later.person, return_inverse=True)

    def summed(values: FloatArray) -> FloatArray:
        return np.bincount(place, weights=values, minlength=len(people)).astype(np.float64)

    messages = summed(later.sent)
    return AnswersOfPeople(
        losses=summed(later.losses(later.own)) / messages,
        everybody=summed(later.losses(later.every)) / messages,
        expected=summed(later.own * later.sent),
        came=summed(later.hits),
    )


def _enough(sent: FloatArray, hits: FloatArray) -> bool:
    return bool(
        sent.sum() >= CHANNEL_NEEDED["messages"]
        and CHANNEL_NEEDED["answers"] <= hits.sum() < sent.sum()
    )


def _later(counts: MessageCounts, place: int, law: BetaBinomial | None) -> _Later | None:
    """The later messages of one channel; None where too little was known of it before, or it wrote to nobody of then."""
    sent, hits = counts.sent[:, place, BEFORE], counts.answered[:, place, BEFORE]
    rows = np.flatnonzero((sent > 0) & (counts.sent[:, place, LATER] > 0))
    if not len(rows) or not _enough(sent, hits):
        return None
    usual = np.full(len(rows), hits.sum() / sent.sum())
    return _Later(
        person=rows,
        sent=counts.sent[rows, place, LATER],
        hits=counts.answered[rows, place, LATER],
        own=usual if law is None else law.shares(hits[rows], sent[rows]).mean,
        every=usual,
    )


def _together(parts: Iterable[_Later]) -> _Later:
    names = ("person", "sent", "hits", "own", "every")
    rows = list(parts)
    return _Later(*(np.concatenate([getattr(one, name) for one in rows]) for name in names))


def _judgement(name: str, later: _Later) -> ChannelJudgement:
    own, every = later.losses(later.own), later.losses(later.every)
    messages = float(later.sent.sum())
    # Each message is a row, so that the gain is one of messages; a person's hang together.
    times = later.sent.astype(np.int64)
    gain = paired_difference(
        np.repeat((every - own) / later.sent, times), groups=np.repeat(later.person, times)
    )
    return ChannelJudgement(
        channel=name,
        messages=int(messages),
        people=len(np.unique(later.person)),
        log_loss=float(own.sum() / messages),
        log_loss_everybody=float(every.sum() / messages),
        gain=gain,
        verdict=verdict_of(gain),
    )
