"""What a view of a campaign's effect is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aimwell.measure.model import Unit
from aimwell.measure.planned_looks import PlannedLooks
from aimwell.measure.strength import Strength
from aimwell.stats.always_valid import always_valid_difference, too_early
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray
from aimwell.stats.two_means import TwoMeans

__all__ = ["LiftView", "LiftViews", "Spent", "ViewGroup", "told"]

ViewGroup = Literal["reached", "ratio", "quantile", "way", "kind", "time", "interference"]
Spent = tuple[NDArray[np.int64], FloatArray, FloatArray]
"""Revenue of the window: whose (position), when (days after the start), how much."""


@dataclass(frozen=True, kw_only=True)
class LiftView:
    """One figure beside the report's.

    Attributes:
        key, label: Its name, for programs and for readers.
        group: Which question it belongs to.
        unit: Of `treated`, `control` and `estimate`.
        treated, control: Both arms, where they have such a figure.
        estimate: The difference (or the figure itself), with method and interval; missing with a reason.
        says: Which question it answers, and what it takes for granted.
        p_adjusted: Of ratio and quantile metrics, corrected together with the report's metrics (Benjamini and Hochberg).
    """

    key: str
    label: str
    group: ViewGroup
    unit: Unit
    treated: float | None
    control: float | None
    estimate: Estimate
    says: str
    p_adjusted: float | None = None


@dataclass(frozen=True, kw_only=True)
class LiftViews:
    """All views of a campaign.

    Attributes:
        views: In the order in which they are shown.
        metrics_adjusted: p-value of the report's metrics, corrected together with the ratio and quantile metrics here.
        kinds_differ: p-value of "the effect is the same whatever people had spent before"; None where it cannot be told.
        strength: How small a difference could be found.
        looks: What the planned looks say; None where none were planned.
        notes: What to know before believing them.
    """

    views: tuple[LiftView, ...]
    metrics_adjusted: dict[str, float | None]
    kinds_differ: float | None
    strength: Strength
    looks: PlannedLooks | None
    notes: tuple[str, ...]

    def of(self, group: ViewGroup) -> tuple[LiftView, ...]:
        """The views of one question."""
        return tuple(one for one in self.views if one.group == group)


def told(means: TwoMeans | str, fraction: float | None, method: str) -> Estimate:
    """The difference of two means: at this one look, or (`fraction` of the window) at all looks together."""
    if isinstance(means, str):
        return Estimate.missing(means, method=method)
    if fraction is None:
        return means.difference()
    early = too_early(fraction)
    if early is not None:
        return Estimate.missing(early, method=means.method)
    return always_valid_difference(means, fraction=fraction)
