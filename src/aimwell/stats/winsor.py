"""Pulling in the few largest values, so that one wholesaler does not decide the answer.

The winsorised figure answers another question than the plain one (what is the effect on spend up to the limit?), so it
stands beside the plain figure and never in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.errors import StatsError
from aimwell.stats.arms import Arm
from aimwell.stats.samples import FloatArray

__all__ = ["WinsorLimits", "pulled_in", "winsor_limits"]


@dataclass(frozen=True, kw_only=True)
class WinsorLimits:
    """Where values are pulled in to.

    Attributes:
        quantile: Of both arms together, 0.5–1; the low limit is at one less it.
        low, high: The limits, in the unit of the outcome.
        changed: People whose value was pulled in.
    """

    quantile: float
    low: float
    high: float
    changed: int


def winsor_limits(treated: Arm, control: Arm, *, quantile: float) -> WinsorLimits:
    """The limits at this quantile of all people of both arms together.

    Pooled, because limits from each arm alone would differ by chance and so move the difference. A limit is a value
    that somebody had (no interpolation), so that every engine finds the same.

    Raises:
        StatsError: The quantile is not between 0.5 and 1, or there is nobody.
    """
    if not 0.5 < quantile <= 1.0:
        raise StatsError(
            f"The quantile to winsorise at is {quantile!r}. It must be above 0.5 and at most 1."
        )
    pooled = np.concatenate([treated.outcomes, control.outcomes])
    if not len(pooled):
        raise StatsError("Nobody is in either arm, so there is nothing to winsorise.")
    ranked = np.sort(pooled)
    # The smallest value that at least this share of people do not exceed, and its mirror image.
    rank = max(int(np.ceil(quantile * len(ranked) - 1e-9)), 1)
    low, high = float(ranked[len(ranked) - rank]), float(ranked[rank - 1])
    changed = int(np.count_nonzero((pooled < low) | (pooled > high)))
    return WinsorLimits(quantile=quantile, low=low, high=high, changed=changed)


def pulled_in(values: FloatArray, limits: WinsorLimits) -> FloatArray:
    """The same values, those outside the limits moved to them."""
    return np.clip(values, limits.low, limits.high)
