"""Intervals of a spend learnt from features: how far held-out people of about the same expectation lay from it.

People are put into bands by what was expected of them while they were held out of learning. Of each band the interval lies
between two shares of *what came ÷ what was expected*: of 95 % without assumption about the law of amounts, if later people are as
these were (split conformal prediction by groups). Where many bring nothing the interval begins at 0 and the tail that is not used
there goes above, as in `possible`.

**A sum** over people has the chance of each (it evens out), and what is shared by all of a band: how far what came of its held-out people
lay from what was expected of them, or by chance may have lain from what comes of all such people. Errors of bands count as independent,
the amounts of a band as alike. The law of the sum is the one of Pearson's type III with its mean, variance and skewness, because
a sum over few people has the long tail of their amounts. It knows nothing of seasons and of what only the people of a part have in common.

Sources: Vovk, Gammerman & Shafer (2005), Algorithmic learning in a random world, chapter 4.5 (Mondrian); Lei et al. (2018),
Distribution-free predictive inference for regression, JASA 113; Johnson, Kotz & Balakrishnan (1994), Continuous univariate
distributions 1, chapter 17 (type III).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, ndtri

from aimwell.predict.ranges import Ranges
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["BandMoments", "SpendRanges", "learn_ranges"]

_BANDS_MAX = 20
_BAND_PEOPLE = 100

_SUM = "chance of people and error of bands, Pearson's type III"
_NEARLY_NORMAL = 1e-3
"""Of a smaller skewness the law is the normal one."""


@dataclass(frozen=True, slots=True)
class BandMoments:
    """What came ÷ what was expected, of the held-out people of a band.

    Args:
        people: How many.
        off: Mean less 1, where each person counts by what was expected.
        variance, third: Second and third central moments.
    """

    people: int
    off: float
    variance: float
    third: float

    @property
    def shared(self) -> float:
        """Variance of the mean of all such people around 1: what was seen, or what chance makes of it, if that is more."""
        return max(self.off**2, self.variance / self.people)


@dataclass(frozen=True, slots=True)
class SpendRanges:
    """Bands of rising expectation, and in each the ends of the interval.

    Args:
        edges: Expectations between the bands, one fewer than bands.
        low, high: Ends, as a multiple of the expectation.
        confidence: Share (0-1) of people that should lie within.
        moments: Of each band; none of models registered before they were kept.
    """

    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    confidence: float = DEFAULT_CONFIDENCE
    moments: tuple[BandMoments, ...] = ()

    def of(self, expected: FloatArray) -> Ranges:
        """The interval of each expectation."""
        band = np.searchsorted(self.edges, expected, side="right")
        return Ranges(np.array(self.low)[band] * expected, np.array(self.high)[band] * expected)

    def total(self, expected: FloatArray) -> Estimate:
        """The sum of expectations, and the interval of what these people will really bring together."""
        if not self.moments:
            return self._no_total(
                "the version was trained before the spread of sums was kept; train it anew"
            )
        if not len(expected):
            return self._no_total("there is nobody to add up")
        band = np.searchsorted(self.edges, expected, side="right")
        sums, squares, cubes = (
            np.bincount(band, weights=expected**power, minlength=len(self.moments))
            for power in (1, 2, 3)
        )
        variance = third = 0.0
        for one, first, second, cube in zip(self.moments, sums, squares, cubes, strict=True):
            variance += second * one.variance + first**2 * one.shared
            third += cube * one.third
        lower, upper = _type_iii(
            float(sums.sum()), float(variance), float(third), confidence=self.confidence
        )
        return Estimate(
            estimate=float(sums.sum()),
            lower=max(lower, 0.0),
            upper=upper,
            confidence=self.confidence,
            method=_SUM,
        )

    def _no_total(self, reason: str) -> Estimate:
        return Estimate.missing(reason, method=_SUM, confidence=self.confidence)


def learn_ranges(
    expected: FloatArray, paid: FloatArray, *, confidence: float = DEFAULT_CONFIDENCE
) -> SpendRanges:
    """Learn them from people who were held out.

    Args:
        expected: Of each while held out; above 0.
        paid: What came of each; at least 0.
        confidence: Share (0-1) of later people that should lie within.
    """
    edges = _edges(expected)
    band = np.searchsorted(edges, expected, side="right")
    ratio = paid / expected
    places = [band == place for place in range(len(edges) + 1)]
    ends = [_ends(ratio[rows], confidence) for rows in places]
    return SpendRanges(
        edges=tuple(map(float, edges)),
        low=tuple(low for low, _ in ends),
        high=tuple(high for _, high in ends),
        confidence=confidence,
        moments=tuple(_moments(expected[rows], paid[rows]) for rows in places),
    )


def _edges(expected: FloatArray) -> FloatArray:
    """Between bands of about equally many; equal expectations stay together, and no band is left with few."""
    bands = max(1, min(_BANDS_MAX, len(expected) // _BAND_PEOPLE))
    ordered = np.sort(expected)
    edges, last = [], 0
    for edge in np.unique(np.quantile(ordered, np.arange(1, bands) / bands)):
        below = int(np.searchsorted(ordered, edge, side="left"))
        if min(below - last, len(ordered) - below) >= _BAND_PEOPLE // 2:
            edges.append(edge)
            last = below
    return np.array(edges)


def _moments(expected: FloatArray, paid: FloatArray) -> BandMoments:
    ratio = paid / expected
    apart = ratio - ratio.mean()
    return BandMoments(
        people=len(ratio),
        off=float(paid.sum() / expected.sum() - 1),
        variance=float((apart**2).mean()),
        third=float((apart**3).mean()),
    )


def _type_iii(
    mean: float, variance: float, third: float, *, confidence: float
) -> tuple[float, float]:
    """Ends of the interval that leaves as much on each side."""
    spread = variance**0.5
    shares = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    skewness = third / spread**3 if spread else 0.0
    if abs(skewness) < _NEARLY_NORMAL:
        low, high = mean + spread * ndtri(shares)
        return float(low), float(high)
    shape = 4 / skewness**2
    inner = shares if skewness > 0 else 1 - shares
    low, high = mean + spread * skewness / 2 * (gammaincinv(shape, inner) - shape)
    return float(low), float(high)


def _ends(ratio: FloatArray, confidence: float) -> tuple[float, float]:
    """Ends of one band; the person to come is one more than were seen, so the upper share is taken a little higher."""
    tail = (1 - confidence) / 2
    more = (len(ratio) + 1) / len(ratio)
    low = float(np.quantile(ratio, max(0.0, 1 - (1 - tail) * more), method="lower"))
    share = confidence if low == 0 else 1 - tail
    return low, float(np.quantile(ratio, min(1.0, share * more), method="higher"))
