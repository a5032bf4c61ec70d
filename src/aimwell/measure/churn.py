"""When a customer counts as lost: after so long without buying as nine of ten customers who came back never waited.

The period is read off the gaps between purchases of all customers *before* the campaign, so the campaign cannot move it.
A customer at a moment is who bought within the period before it; lost is who was one at the start and is none at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["GAPS_MIN", "QUANTILE", "LapsePeriod", "lapse_period"]

QUANTILE = 0.9
GAPS_MIN = 50
"""With fewer gaps the period would be a guess."""


@dataclass(frozen=True)
class LapsePeriod:
    """Days without a purchase after which a customer counts as lost; None with the reason."""

    days: int | None
    reason: str | None = None


def lapse_period(gaps: Mapping[int, int]) -> LapsePeriod:
    """The period from a histogram of gaps.

    Args:
        gaps: Whole days between two successive days of purchase of a customer → how often.
    """
    total = sum(gaps.values())
    if total < GAPS_MIN:
        return LapsePeriod(
            None,
            f"the history before the campaign has {total} gaps between purchases and at least {GAPS_MIN} are "
            "needed to say after how long a customer is lost",
        )
    seen = 0
    for gap in sorted(gaps):
        seen += gaps[gap]
        if seen >= QUANTILE * total:
            return LapsePeriod(gap)
    raise AssertionError("the last gap reaches the total")  # pragma: no cover
