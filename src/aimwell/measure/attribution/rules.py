"""Rules that look at one path at a time: which of its touches gets how much of its conversion.

Each gives a share to each touch; the shares of a path add up to 1. They are conventions, not estimates: none of them
asks whether the conversion would have come anyway.

Source of the names and of 40/20/40: the models of web analytics, as in Google Analytics (Universal).
"""

from __future__ import annotations

import numpy as np

from aimwell.errors import MeasureError
from aimwell.measure.attribution.paths import Paths
from aimwell.stats.samples import FloatArray

__all__ = ["DEFAULT_HALF_LIFE_DAYS", "RULES", "touch_shares"]

RULES = ("first", "last", "linear", "time_decay", "position")
DEFAULT_HALF_LIFE_DAYS = 7.0
_ENDS = 0.4


def touch_shares(
    paths: Paths, rule: str, *, half_life_days: float = DEFAULT_HALF_LIFE_DAYS
) -> FloatArray:
    """The share of each touch in the conversion of its path.

    Args:
        paths: The paths.
        rule: `first`, `last`; `linear` (all alike); `time_decay` (half as much for each `half_life_days` before the
            end); `position` (40 % the first, 40 % the last, 20 % all between; half each of two).
        half_life_days: For `time_decay`.

    Raises:
        MeasureError: There is no such rule, or the half-life is not positive.
    """
    if rule not in RULES:
        raise MeasureError(f"There is no rule '{rule}'. Allowed: {', '.join(RULES)}.")
    if not half_life_days > 0:
        raise MeasureError(f"The half-life is {half_life_days!r} days. Give a positive number.")
    if not len(paths):
        return np.zeros(0)
    first, last, lengths = paths.starts[:-1], paths.starts[1:] - 1, paths.lengths
    shares = np.zeros(len(paths.channel))
    if rule == "first":
        shares[first] = 1.0
    elif rule == "last":
        shares[last] = 1.0
    elif rule == "linear":
        shares = np.repeat(1.0 / lengths, lengths)
    elif rule == "time_decay":
        # Against the last touch of the path, so that the largest weight is 1 however old all of it is.
        age = paths.days_before - np.repeat(paths.days_before[last], lengths)
        weight = np.exp2(-age / half_life_days)
        shares = weight / np.repeat(np.add.reduceat(weight, first), lengths)
    else:
        between = np.where(lengths > 2, (1.0 - 2.0 * _ENDS) / np.maximum(lengths - 2, 1), 0.0)
        shares = np.repeat(between, lengths)
        end = np.where(lengths > 2, _ENDS, 0.5)
        shares[first] = end
        shares[last] = end
        shares[first[lengths == 1]] = 1.0
    return shares
