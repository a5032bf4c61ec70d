"""Intervals of a spend learnt from features: how far held-out people of about the same expectation lay from it.

People are put into bands by what was expected of them while they were held out of learning. Of each band the interval lies
between two shares of *what came ÷ what was expected*: of 95 % without assumption about the law of amounts, if later people are as
these were (split conformal prediction by groups). Where many bring nothing the interval begins at 0 and the tail that is not used
there goes above, as in `possible`.

Sources: Vovk, Gammerman & Shafer (2005), Algorithmic learning in a random world, chapter 4.5 (Mondrian); Lei et al. (2018),
Distribution-free predictive inference for regression, JASA 113.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.ranges import Ranges
from aimwell.stats.estimate import DEFAULT_CONFIDENCE
from aimwell.stats.samples import FloatArray

__all__ = ["SpendRanges", "learn_ranges"]

_BANDS_MAX = 20
_BAND_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class SpendRanges:
    """Bands of rising expectation, and in each the ends of the interval.

    Args:
        edges: Expectations between the bands, one fewer than bands.
        low, high: Ends, as a multiple of the expectation.
        confidence: Share (0-1) of people that should lie within.
    """

    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    confidence: float = DEFAULT_CONFIDENCE

    def of(self, expected: FloatArray) -> Ranges:
        """The interval of each expectation."""
        band = np.searchsorted(self.edges, expected, side="right")
        return Ranges(np.array(self.low)[band] * expected, np.array(self.high)[band] * expected)


def learn_ranges(
    expected: FloatArray, paid: FloatArray, *, confidence: float = DEFAULT_CONFIDENCE
) -> SpendRanges:
    """Learn them from people who were held out.

    Args:
        expected: Of each while held out; above 0.
        paid: What came of each; at least 0.
        confidence: Share (0-1) of later people that should lie within.
    """
    bands = max(1, min(_BANDS_MAX, len(expected) // _BAND_PEOPLE))
    edges = np.unique(np.quantile(expected, np.arange(1, bands) / bands))
    edges = edges[edges > expected.min()]  # below the first there must be somebody
    band = np.searchsorted(edges, expected, side="right")
    ratio = paid / expected
    ends = [_ends(ratio[band == place], confidence) for place in range(len(edges) + 1)]
    return SpendRanges(
        edges=tuple(map(float, edges)),
        low=tuple(low for low, _ in ends),
        high=tuple(high for _, high in ends),
        confidence=confidence,
    )


def _ends(ratio: FloatArray, confidence: float) -> tuple[float, float]:
    """Ends of one band; the person to come is one more than were seen, so the upper share is taken a little higher."""
    tail = (1 - confidence) / 2
    more = (len(ratio) + 1) / len(ratio)
    low = float(np.quantile(ratio, max(0.0, 1 - (1 - tail) * more), method="lower"))
    share = confidence if low == 0 else 1 - tail
    return low, float(np.quantile(ratio, min(1.0, share * more), method="higher"))
