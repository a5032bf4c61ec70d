"""What was to be expected of a step, from earlier plans or from the others of the same plan, and how far it is missed.

Shares are compared as log odds (Haldane's half added to each count, so that a share of 0 or 1 has one). Of a place the difference of its log odds
from all others' is compared, so that a fall of everybody is not told of each place anew. As it is not known whether a common cause takes an equal part of all shares or of all
odds, a place must fall short by both: the larger of the two p-values counts.

Earlier plans differ among themselves by more than chance: from three on, the whole confidence distribution of that variance is expected of a next
one (`stats.next_effect`). With one or two it is not known, and chance alone is reckoned with.

Source: Haldane (1956), The estimation and significance of the logarithm of a ratio of frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr, ndtri

from aimwell.stats.estimate import Estimate
from aimwell.stats.meta_analysis import pool
from aimwell.stats.next_effect import FEWEST_CAMPAIGNS, chance_of_less

__all__ = [
    "FEWEST",
    "Missed",
    "Seen",
    "apart",
    "chance",
    "log_odds",
    "log_share",
    "missed",
    "of_estimate",
    "share_of",
]

FEWEST = 30
"""People that a share needs on each side of a comparison."""


@dataclass(frozen=True)
class Seen:
    """A figure without bounds, with its variance."""

    value: float
    variance: float


@dataclass(frozen=True)
class Missed:
    """A figure beside what was expected of it.

    Attributes:
        expected, lower, upper: On the same scale; the interval of what was expected, without the chance of the figure itself.
        p_value: One-sided, of "no lower than expected".
    """

    expected: float
    lower: float
    upper: float
    p_value: float


def log_odds(done: int, of: int) -> Seen:
    """Of a share of at least one person."""
    yes, no = done + 0.5, of - done + 0.5
    return Seen(math.log(yes / no), 1.0 / yes + 1.0 / no)


def log_share(done: int, of: int) -> Seen:
    """Likewise of the share itself."""
    yes, all_ = done + 0.5, of + 1.0
    return Seen(math.log(yes / all_), 1.0 / yes - 1.0 / all_)


def of_estimate(one: Estimate) -> Seen | None:
    """An amount and its variance, as its interval tells it; None where it is missing or has no width."""
    if one.estimate is None or one.lower is None or one.upper is None or one.lower == one.upper:
        return None
    error = (one.upper - one.lower) / (2.0 * float(ndtri(0.5 + one.confidence / 2.0)))
    return Seen(one.estimate, error**2)


def apart(one: Seen, other: Seen) -> Seen:
    """Of two groups that share nobody."""
    return Seen(one.value - other.value, one.variance + other.variance)


def share_of(value: float) -> float:
    """The share with these log odds."""
    return float(expit(value))


def missed(now: Seen, earlier: Sequence[Seen], *, confidence: float = 0.95) -> Missed:
    """A figure beside those of earlier plans; of none: beside 0, which is known."""
    expected, lower, upper = _ahead(earlier, confidence)
    return Missed(expected=expected, lower=lower, upper=upper, p_value=chance(now, earlier))


def chance(now: Seen, earlier: Sequence[Seen]) -> float:
    """The one-sided p-value of "no lower than expected"."""
    if len(earlier) >= FEWEST_CAMPAIGNS:
        return chance_of_less(
            now.value,
            now.variance,
            effects=np.array([one.value for one in earlier]),
            variances=np.array([one.variance for one in earlier]),
        )
    common = _common(earlier)
    return float(ndtr((now.value - common.value) / math.sqrt(now.variance + common.variance)))


def _common(earlier: Sequence[Seen]) -> Seen:
    """The mean of plans that do not differ but by chance; of none 0."""
    if not earlier:
        return Seen(0.0, 0.0)
    weights = [1.0 / one.variance for one in earlier]
    total = sum(weights)
    mean = sum(w * one.value for w, one in zip(weights, earlier, strict=True)) / total
    return Seen(mean, 1.0 / total)


def _ahead(earlier: Sequence[Seen], confidence: float) -> tuple[float, float, float]:
    """What a next plan's figure is expected to be, and its interval."""
    if len(earlier) < FEWEST_CAMPAIGNS:
        common = _common(earlier)
        reach = float(ndtri(0.5 + confidence / 2.0)) * math.sqrt(common.variance)
        return common.value, common.value - reach, common.value + reach
    errors = [math.sqrt(one.variance) for one in earlier]
    found = pool([one.value for one in earlier], errors, confidence=confidence).next
    assert (  # noqa: S101, PT018 - there are three
        found.estimate is not None and found.lower is not None and found.upper is not None
    )
    return found.estimate, found.lower, found.upper
