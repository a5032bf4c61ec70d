"""Figures of cards in words: one way to say each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["day", "estimate", "figure", "season_caveat"]

_SEASONS_DAYS = 365


def estimate(row: Mapping[str, Any], form: str) -> str:
    """A figure with its interval, or the reason why there is none."""
    if row["estimate"] is None:
        return f"not known ({row['reason']})"
    return f"{row['estimate']:{form}} ({row['lower']:{form}} to {row['upper']:{form}})"


def figure(row: Mapping[str, Any], form: str) -> str:
    """A figure, or the reason why there is none."""
    return f"not known ({row['reason']})" if row["value"] is None else f"{row['value']:{form}}"


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
