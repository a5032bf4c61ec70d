"""What is kept of how people answer messages: the law of people's rates in each channel."""

from __future__ import annotations

from dataclasses import dataclass

from aimwell.predict.beta_binomial import BetaBinomial

__all__ = ["ChannelLaws"]


@dataclass(frozen=True, slots=True)
class ChannelLaws:
    """The law of people's rates of answering in each channel, by the channel's name; a channel with too little has none."""

    laws: dict[str, BetaBinomial]
