"""What the waves of a campaign that runs on added, each by itself and together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aimwell.measure.model import Metric
from aimwell.stats.estimate import Estimate
from aimwell.stats.meta_analysis import Pooled

__all__ = ["Series", "SeriesRow", "WaveEffect"]


@dataclass(frozen=True, kw_only=True)
class WaveEffect:
    """One wave.

    Attributes:
        people: Who got the action; of the campaign as a whole, who was not held out.
        held_out: People.
        difference: Per person, treated less held-out.
    """

    plan_id: str
    starts_at: datetime
    people: int
    held_out: int
    difference: Estimate


@dataclass(frozen=True, kw_only=True)
class SeriesRow:
    """The waves of a campaign, or of one of its actions.

    Attributes:
        action: None: the campaign as a whole.
        waves: In the order of time.
        correlations: Of the errors of the waves, a row a wave.
        pooled: Their mean, how much they differ beyond chance, and what a next wave may add, per person. Of k actions each has the
            confidence 1 − 0.05 / k.
    """

    action: str | None
    waves: tuple[WaveEffect, ...]
    correlations: tuple[tuple[float, ...], ...]
    pooled: Pooled


@dataclass(frozen=True, kw_only=True)
class Series:
    """All waves whose windows are over.

    Attributes:
        metric: Margin after offer costs where all of it is known, else revenue.
        rows: The campaign as a whole, then its actions where it has several.
        total: What all these waves added: profit where the metric is margin, else revenue.
        sentence: What a reader should take from it.
        notes: What to know before believing it.
    """

    metric: Metric
    rows: tuple[SeriesRow, ...]
    total: Estimate
    sentence: str
    notes: tuple[str, ...]
