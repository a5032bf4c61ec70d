"""How long subscriptions last: retention curves, hazards by month of tenure, and the revenue at risk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.samples import FloatArray
from aimwell.stats.survival import kaplan_meier

__all__ = [
    "EVERY_PLAN",
    "HazardRow",
    "RetentionRow",
    "hazards",
    "plans_by_size",
    "retention",
    "revenue_at_risk",
]

EVERY_PLAN = "all plans"
_MONTHS = (1, 3, 6, 12, 24)
_PLANS_TOLD = 6
_BANDS = ((0, 1), (1, 2), (2, 3), (3, 6), (6, 12), (12, 24), (24, None))


@dataclass(frozen=True, slots=True)
class RetentionRow:
    """Of one plan: how many subscriptions, how many ended, and the share left after so many months."""

    plan: str
    subscriptions: int
    ended: int
    left: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class HazardRow:
    """Of some months of tenure, in one plan: months begun, how many ended in them, the share (hazard of a month)."""

    plan: str
    months: str
    begun: int
    ended: int
    hazard: Estimate


def retention(
    lives: pa.Table, *, confidence: float = DEFAULT_CONFIDENCE
) -> tuple[RetentionRow, ...]:
    """Kaplan-Meier shares left after 1, 3, 6, 12, 24 months: of all plans, then of the largest, by today's plan.

    Args:
        lives: `history.subscription_lives` without those that end before they start.
        confidence: Of the intervals.
    """
    months = lives.column("months").to_numpy()
    ended = lives.column("ended_at").is_valid().to_numpy()
    plan = lives.column("plan").to_numpy(zero_copy_only=False)
    rows = []
    for name in (EVERY_PLAN, *plans_by_size(plan)[:_PLANS_TOLD]):
        of_it = np.ones(len(plan), dtype=bool) if name == EVERY_PLAN else plan == name
        curve = kaplan_meier(
            months[of_it], ended[of_it], np.ones(int(of_it.sum())), confidence=confidence
        )
        left = {str(month): curve.at(float(month)) for month in _MONTHS}
        rows.append(RetentionRow(name, int(of_it.sum()), int(ended[of_it].sum()), left))
    return tuple(rows)


def hazards(months: pa.Table, *, confidence: float = DEFAULT_CONFIDENCE) -> tuple[HazardRow, ...]:
    """The share that ends in a month, by month of tenure: of all plans, then of the largest.

    Args:
        months: `history.subscription_months`.
        confidence: Of Wilson's intervals.
    """
    month = months.column("month").to_numpy()
    ended = months.column("ended").to_numpy(zero_copy_only=False)
    count = months.column("subscriptions").to_numpy()
    plan = months.column("plan").to_numpy(zero_copy_only=False)
    rows = []
    for name in (EVERY_PLAN, *plans_by_size(plan, count)[:_PLANS_TOLD]):
        of_it = np.ones(len(plan), dtype=bool) if name == EVERY_PLAN else plan == name
        for start, end in _BANDS:
            band = of_it & (month >= start) & (month < (np.inf if end is None else end))
            begun = int(count[band].sum())
            if begun:
                gone = int(count[band & ended].sum())
                share = wilson(gone, begun, confidence=confidence)
                rows.append(HazardRow(name, _band(start, end), begun, gone, share))
    return tuple(rows)


def revenue_at_risk(
    chance: FloatArray, price_monthly: FloatArray, *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """Expected monthly revenue of the subscriptions that will end: Σ probability × monthly price, where it is known.

    The interval is that of chance alone (each ends or not, apart from the others); the probabilities are taken as true.
    """
    method = "normal interval of chance alone"
    known = ~np.isnan(price_monthly)
    if not known.any():
        return Estimate.missing("no price is known", method=method, confidence=confidence)
    chance, price = chance[known], price_monthly[known]
    expected = float(chance @ price)
    error = float(np.sqrt((chance * (1 - chance)) @ price**2))
    reach = float(ndtri((1 + confidence) / 2)) * error
    return Estimate(
        estimate=expected,
        lower=max(0.0, expected - reach),
        upper=min(float(price.sum()), expected + reach),
        confidence=confidence,
        method=method,
    )


def plans_by_size(plan: Any, count: Any = None) -> list[str]:
    """Names of plans, the largest first."""
    known = np.array([name is not None for name in plan], dtype=bool)
    names, place = np.unique(plan[known].astype(str), return_inverse=True)
    weights = None if count is None else count[known]
    size = np.bincount(place, weights=weights, minlength=len(names))
    return [str(name) for name in names[np.argsort(-size, kind="stable")]]


def _band(start: int, end: int | None) -> str:
    if end is None:
        return f"{start + 1}+"
    return str(end) if end == start + 1 else f"{start + 1}–{end}"
