"""Where a process that is looked at a few times leaves its bounds: the probabilities behind group-sequential designs.

The process is a Brownian motion with drift, B(t), seen at the shares t of the planned information; B(t) / √t is the
difference in standard errors at that look. Its density among those that have not stopped is carried from look to look by
Gauss–Legendre integration, close enough for eight digits.

Source: Armitage, McPherson and Rowe (1969), Repeated significance tests on accumulating data; Jennison and Turnbull (2000),
Group sequential methods with applications to clinical trials, chapter 19.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from aimwell.errors import StatsError
from aimwell.stats.samples import FloatArray

__all__ = ["Going", "checked_fractions", "exits"]

# The normal law has nothing left to count beyond so many standard deviations.
_FAR = 9.0
# Each panel is so many standard deviations of a step wide, and has so many nodes.
_PANEL = 1.5
_PLACES, _SHARES = np.polynomial.legendre.leggauss(10)


def checked_fractions(fractions: Sequence[float]) -> tuple[float, ...]:
    """The shares of the planned information at the looks, if they grow from above 0.

    Raises:
        StatsError: They do not.
    """
    found = tuple(float(fraction) for fraction in fractions)
    if not found or any(
        not before < after < math.inf for before, after in zip((0.0, *found), found, strict=False)
    ):
        raise StatsError(
            f"The looks are at {list(found)} of the planned information. They must grow from above 0."
        )
    return found


@dataclass(frozen=True)
class Going:
    """The process among those that have not stopped yet.

    Attributes:
        at: Information so far.
        nodes, weights: Values of B(at), and the probability around each.
        drift: Of B at full information.
    """

    at: float
    nodes: FloatArray
    weights: FloatArray
    drift: float

    @classmethod
    def start(cls, drift: float) -> Going:
        """Before the first look, everybody at 0."""
        return cls(0.0, np.zeros(1), np.ones(1), drift)

    def above(self, bound: float, at: float) -> float:
        """The probability to get here and then to lie above `bound` standard errors at the look `at`."""
        return float(self.weights @ ndtr(-self._distance(bound, at)))

    def below(self, bound: float, at: float) -> float:
        """The same for below."""
        return float(self.weights @ ndtr(self._distance(bound, at)))

    def _distance(self, bound: float, at: float) -> FloatArray:
        step = at - self.at
        if not math.isfinite(bound):
            return np.full(len(self.nodes), bound)
        gap = bound * math.sqrt(at) - self.nodes - self.drift * step
        return np.asarray(gap / math.sqrt(step), dtype=np.float64)

    def on(self, lower: float, upper: float, at: float) -> Going:
        """The process at the look `at` among those that lie between both bounds there."""
        root, step = math.sqrt(at), at - self.at
        middle = self.drift * at
        low = max(lower * root, middle - _FAR * root)
        high = min(upper * root, middle + _FAR * root)
        if high <= low:
            return Going(at, np.zeros(1), np.zeros(1), self.drift)
        panels = max(2, math.ceil((high - low) / (_PANEL * math.sqrt(step))))
        half = (high - low) / (2.0 * panels)
        middles = low + half * (2.0 * np.arange(panels) + 1.0)
        nodes = (middles[:, None] + half * _PLACES[None, :]).ravel()
        moved = nodes[:, None] - self.nodes[None, :] - self.drift * step
        density = np.exp(-(moved**2) / (2.0 * step)) / math.sqrt(2.0 * math.pi * step)
        weights = (density @ self.weights) * np.tile(_SHARES * half, panels)
        return Going(at, nodes, weights, self.drift)


def exits(
    fractions: Sequence[float],
    lower: Sequence[float],
    upper: Sequence[float],
    *,
    drift: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """The probabilities to stop at each look: below the lower bound, and above the upper one.

    Args:
        fractions: Share of the planned information at each look.
        lower, upper: Bounds in standard errors; infinite for none.
        drift: The true difference in standard errors of the whole plan.
    """
    found = checked_fractions(fractions)
    going = Going.start(drift)
    below, above = np.zeros(len(found)), np.zeros(len(found))
    for look, at in enumerate(found):
        below[look] = going.below(lower[look], at)
        above[look] = going.above(upper[look], at)
        going = going.on(lower[look], upper[look], at)
    return below, above
