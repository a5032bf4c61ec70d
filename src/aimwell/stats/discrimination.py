"""How well a score tells those who did something from those who did not: the ROC area and the best tenths.

Only the order of the scores counts here; whether probabilities mean what they say is judged in `predict.judging`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, Figure
from aimwell.stats.intervals import wilson
from aimwell.stats.ranks import shared_ranks
from aimwell.stats.samples import FloatArray

__all__ = ["TopShare", "auc", "top_shares"]

BoolArray = NDArray[np.bool_]

_DELONG = "DeLong's interval on the log-odds"


@dataclass(frozen=True, slots=True)
class TopShare:
    """The `share` of people with the highest probabilities.

    Args:
        share: Of all people, 0-1.
        people: How many these are.
        rate: The share of them that did it.
        lift: `rate` over everybody's rate; 1 is what chance gives.
        gain: How much of all positives they hold, 0-1.
    """

    share: float
    people: int
    rate: float
    lift: Figure
    gain: Figure


def auc(
    scores: FloatArray, outcome: BoolArray, *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """The area under the ROC curve with DeLong's interval; missing where outcomes are all alike.

    Source: DeLong, DeLong & Clarke-Pearson (1988); in n·log n by Sun & Xu (2014).
    """
    positives, negatives = int(outcome.sum()), int((~outcome).sum())
    if not positives or not negatives:
        who = "nobody did it" if not positives else "everybody did it"
        return Estimate.missing(who, method=_DELONG, confidence=confidence)
    ranks = shared_ranks(scores)
    # For each positive the share of negatives below it, for each negative the share of positives above it.
    above = (ranks[outcome] - shared_ranks(scores[outcome])) / negatives
    below = 1 - (ranks[~outcome] - shared_ranks(scores[~outcome])) / positives
    area = float(above.mean())
    if min(positives, negatives) < 2 or not 0 < area < 1:
        return _edge_auc(area, min(positives, negatives), confidence)
    error = np.sqrt(above.var(ddof=1) / positives + below.var(ddof=1) / negatives)
    reach = ndtri((1 + confidence) / 2) * error / (area * (1 - area))
    return Estimate(
        estimate=area,
        lower=float(expit(logit(area) - reach)),
        upper=float(expit(logit(area) + reach)),
        confidence=confidence,
        method=_DELONG,
    )


def _edge_auc(area: float, people: int, confidence: float) -> Estimate:
    """At 0 or 1, or with one person on a side, the variance says nothing: as sure as of a share of so few people."""
    near = wilson(round(area * people), people, confidence=confidence)
    lower, upper = min(area, near.lower or 0.0), max(area, near.upper or 1.0)
    return Estimate(
        estimate=area, lower=lower, upper=upper, confidence=confidence, method=near.method
    )


def top_shares(
    probabilities: FloatArray, outcome: BoolArray, *, parts: int = 10
) -> tuple[TopShare, ...]:
    """The best tenth, two tenths … of people.

    Where equal probabilities lie across an edge, chance would decide who is in, so each of those people counts as the
    share of positives among them.
    """
    _, group = np.unique(-probabilities, return_inverse=True)
    mean_of_group = np.bincount(group, weights=outcome) / np.bincount(group)
    hits = np.cumsum(mean_of_group[np.sort(group)])
    whole, positives = len(outcome), int(outcome.sum())
    rows = []
    for part in range(1, parts + 1):
        people = max(1, round(whole * part / parts))
        rate = float(hits[people - 1]) / people
        if positives:
            lift = Figure(value=rate * whole / positives)
            gain = Figure(value=min(1.0, float(hits[people - 1]) / positives))
        else:
            lift = gain = Figure(value=None, reason="nobody did it")
        rows.append(TopShare(part / parts, people, rate, lift, gain))
    return tuple(rows)
