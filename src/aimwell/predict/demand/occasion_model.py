"""What was found of the occasions that lie in or before a horizon."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from aimwell.predict.demand.model import Demand
from aimwell.stats.estimate import Estimate

__all__ = ["OCCASION_ROWS", "OccasionDemand", "OccasionFound", "phase_words"]

OCCASION_ROWS = pa.schema(
    [
        ("occasion", pa.string()),
        ("series", pa.string()),
        ("name", pa.string()),
        ("on", pa.date32()),
        ("total", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("added", pa.float64()),
    ]
)
"""One row for each occasion that counts and each series: units wanted on its days within the horizon with an interval of 90 %, and
how many of them the occasion adds to what is usual."""


@dataclass(frozen=True, slots=True)
class OccasionFound:
    """One occasion.

    Args:
        name: Of the document or the holiday.
        on: The day within or next to the horizon.
        first, last: Its days within the horizon; None where they are over.
        seen: The earlier times that were wholly seen.
        judged: Those of them that were foretold from the ones before, with and without the occasion.
        used: Whether forecasts take it into account.
        why: In words.
        gain: By how much the logarithm of the squared error was lower with it, a mean over series.
        factors: What it does to the whole shop: phase in words → factor; empty where it is not used.
    """

    name: str
    on: date
    first: date | None
    last: date | None
    seen: tuple[date, ...]
    judged: tuple[date, ...]
    used: bool
    why: str
    gain: Estimate
    factors: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class OccasionDemand:
    """Forecasts with occasions, what was found of each, and rows of OCCASION_ROWS."""

    demand: Demand
    found: tuple[OccasionFound, ...]
    rows: pa.Table


def phase_words(phase: int) -> str:
    """As 'the day', 'days 1-7 before' or 'after'."""
    if phase == 0:
        return "the day"
    return "after" if phase < 0 else f"days {7 * phase - 6}-{7 * phase} before"
