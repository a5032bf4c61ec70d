"""What is kept of how people answer messages: the law of people's rates in each channel."""

from __future__ import annotations

from dataclasses import dataclass

from aimwell.predict.beta_binomial import BetaBinomial

__all__ = ["ChannelLaws", "score_name"]


@dataclass(frozen=True, slots=True)
class ChannelLaws:
    """The law of people's rates of answering in each channel, by the channel's name; a channel with too little has none."""

    laws: dict[str, BetaBinomial]


def score_name(model: str, channel: str) -> str:
    """Under which name a model's scores of a channel are kept, as `prefers-click-email`."""
    return f"{model}-{channel}"
