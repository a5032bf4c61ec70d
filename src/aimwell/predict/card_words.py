"""Figures of cards in words: one way to say each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["day", "estimate", "figure", "level_caveat", "level_words", "season_caveat"]

_SEASONS_DAYS = 365


def estimate(row: Mapping[str, Any], form: str) -> str:
    """A figure with its interval, or the reason why there is none."""
    if row["estimate"] is None:
        return f"not known ({row['reason']})"
    return f"{row['estimate']:{form}} ({row['lower']:{form}} to {row['upper']:{form}})"


def loss_saved(gain: Mapping[str, Any], form: str) -> str:
    """A gain in loss with its interval, as less loss; where it is surely none, as more."""
    if gain["upper"] is None or gain["upper"] >= 0:
        return f"{estimate(gain, form)} less loss"
    more = {"estimate": -gain["estimate"], "lower": -gain["upper"], "upper": -gain["lower"]}
    return f"{estimate(more, form)} more loss"


def figure(row: Mapping[str, Any], form: str) -> str:
    """A figure, or the reason why there is none."""
    return f"not known ({row['reason']})" if row["value"] is None else f"{row['value']:{form}}"


def level_words(later: Mapping[str, Any]) -> list[str]:
    """Calibration on the later people; nothing of models registered before it was kept."""
    if "level" not in later:
        return []
    return [
        f"Did it less predicted: {estimate(later['level'], '+.1%')}; 0 is right. Slope of calibration: "
        f"{estimate(later['slope'], '.2f')}; 1 is right, below it the probabilities are too far apart, above it too near one "
        "another."
    ]


def level_caveat(later: Mapping[str, Any], whom: str, what: str) -> list[str]:
    """Where the level was off by more than chance; `whom` were judged, `what` is not to be counted on."""
    rate = later["base_rate"]
    if rate["lower"] <= later["mean_predicted"] <= rate["upper"]:
        return []
    side = "too high" if later["mean_predicted"] > rate["estimate"] else "too low"
    return [
        f"The level was {side} on the later {whom}, by more than chance: use it to order {what}."
    ]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def day(text: str, zone: ZoneInfo) -> str:
    """The day of a moment in a zone."""
    return f"{_moment(text).astimezone(zone):%Y-%m-%d}"


def season_caveat(metrics: Mapping[str, Any], end: str, zone: ZoneInfo) -> list[str]:
    """What a history of less than a year, from its first day to `end`, cannot know."""
    first = _moment(metrics["recorded"]["first_at"])
    if (_moment(end) - first).days >= _SEASONS_DAYS:
        return []
    return [
        f"The history begins on {day(metrics['recorded']['first_at'], zone)}, so it has not seen each season."
    ]
