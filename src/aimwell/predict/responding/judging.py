"""How well people's own rates of answering foretold the answers to later messages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.beta_binomial import fit_beta_binomial
from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.predict.purchases import IntArray
from aimwell.predict.responding.counts import BEFORE, LATER, MessageCounts
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["CHANNEL_NEEDED", "ChannelJudgement", "judge_channels"]

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


def judge_channels(counts: MessageCounts) -> tuple[tuple[ChannelJudgement, ...], str]:
    """Learnt from messages whose time was over at the cut, judged on those sent from it on."""
    own: list[FloatArray] = []
    every: list[FloatArray] = []
    where: list[tuple[IntArray, FloatArray, FloatArray]] = []
    found: list[ChannelJudgement] = []
    for place, name in enumerate(counts.names):
        sent, hits = counts.sent[:, place, BEFORE], counts.answered[:, place, BEFORE]
        later, later_hits = counts.sent[:, place, LATER], counts.answered[:, place, LATER]
        rows = np.flatnonzero((sent > 0) & (later > 0))
        enough = sent.sum() >= CHANNEL_NEEDED["messages"]
        enough &= CHANNEL_NEEDED["answers"] <= hits.sum() < sent.sum()
        if not enough or not len(rows):
            continue
        law = fit_beta_binomial(hits[sent > 0], sent[sent > 0])
        mine = law.shares(hits[rows], sent[rows]).mean
        usual = np.full(len(rows), hits.sum() / sent.sum())
        own.append(mine)
        every.append(usual)
        where.append((rows, later_hits[rows], later[rows]))
        found.append(_judgement(name, mine, usual, rows, later_hits[rows], later[rows]))
    if not found:
        return (), (
            "Not judged on later messages: no channel had 100 messages and 10 answers before the later period and wrote to the "
            "same people in it."
        )
    whole = _judgement(
        "all",
        np.concatenate(own),
        np.concatenate(every),
        *(np.concatenate([one[part] for one in where]) for part in range(3)),
    )
    return (whole, *found), ""


def _judgement(
    name: str,
    own: FloatArray,
    every: FloatArray,
    person: IntArray,
    hits: FloatArray,
    sent: FloatArray,
) -> ChannelJudgement:
    def loss(rate: FloatArray) -> FloatArray:
        return np.asarray(-(hits * np.log(rate) + (sent - hits) * np.log1p(-rate)))

    messages = float(sent.sum())
    # Each message is a row, so that the gain is one of messages; a person's hang together.
    times = sent.astype(np.int64)
    gain = paired_difference(
        np.repeat((loss(every) - loss(own)) / sent, times), groups=np.repeat(person, times)
    )
    return ChannelJudgement(
        channel=name,
        messages=int(messages),
        people=len(np.unique(person)),
        log_loss=float(loss(own).sum() / messages),
        log_loss_everybody=float(loss(every).sum() / messages),
        gain=gain,
        verdict=verdict_of(gain),
    )
