"""What is kept of a forecast: the units of each series over the horizon, with their intervals."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Promised"]


@dataclass(frozen=True, slots=True)
class Promised:
    """A row each: the series' name, the units foretold over the horizon, and between which (90 %); the most wanted first."""

    series: tuple[str, ...]
    total: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
