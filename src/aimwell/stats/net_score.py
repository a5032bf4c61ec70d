"""The net promoter score: promoters less detractors, in points from −100 to 100, with an interval.

Sources: Reichheld (2003) for the score; Bonett and Price (2012), Adjusted Wald confidence interval for a difference of
binomial proportions based on paired data, for the interval: promoters and detractors are two cells of one multinomial.
"""

from __future__ import annotations

import math

from scipy.special import ndtr, ndtri

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share

__all__ = ["net_score", "net_score_change"]

_METHOD = "adjusted Wald interval (Bonett and Price)"
_CHANGE = "difference of two net scores, adjusted Wald"


def _adjusted(promoters: int, passives: int, detractors: int) -> tuple[float, float]:
    """Centre and variance of the score (−1 to 1), with one more promoter and one more detractor."""
    n = promoters + passives + detractors + 2
    up, down = (promoters + 1) / n, (detractors + 1) / n
    return up - down, (up + down - (up - down) ** 2) / n


def _checked(*counts: int) -> None:
    if any(isinstance(one, bool) or int(one) != one or one < 0 for one in counts):
        raise StatsError(f"Counts of people are whole numbers, 0 or more, not {counts!r}.")


def net_score(
    promoters: int, passives: int, detractors: int, *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """100 × (promoters − detractors) ÷ all; missing where nobody answered.

    >>> round(net_score(50, 30, 20).estimate)
    30
    """
    checked_share(confidence, name="confidence")
    _checked(promoters, passives, detractors)
    n = promoters + passives + detractors
    if not n:
        return Estimate.missing("nobody answered", method=_METHOD, confidence=confidence)
    centre, variance = _adjusted(promoters, passives, detractors)
    reach = float(ndtri(0.5 + confidence / 2.0)) * math.sqrt(variance)
    figure = (promoters - detractors) / n
    return Estimate(
        estimate=100.0 * figure,
        lower=100.0 * max(min(centre - reach, figure), -1.0),
        upper=100.0 * min(max(centre + reach, figure), 1.0),
        confidence=confidence,
        method=_METHOD,
    )


def net_score_change(
    before: tuple[int, int, int],
    after: tuple[int, int, int],
    *,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The later score less the earlier one, in points; each is (promoters, passives, detractors), of different people."""
    checked_share(confidence, name="confidence")
    _checked(*before, *after)
    if not (sum(before) and sum(after)):
        return Estimate.missing(
            "nobody answered at one of the two times", method=_CHANGE, confidence=confidence
        )
    (first, first_variance), (last, last_variance) = _adjusted(*before), _adjusted(*after)
    error = math.sqrt(first_variance + last_variance)
    gap = (after[0] - after[2]) / sum(after) - (before[0] - before[2]) / sum(before)
    reach = float(ndtri(0.5 + confidence / 2.0)) * error
    centre = last - first
    return Estimate(
        estimate=100.0 * gap,
        lower=100.0 * min(centre - reach, gap),
        upper=100.0 * max(centre + reach, gap),
        confidence=confidence,
        method=_CHANGE,
        p_value=2.0 * float(ndtr(-abs(centre) / error)),
    )
