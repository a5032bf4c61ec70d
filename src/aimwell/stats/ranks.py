"""Ranks with ties shared: the same figures as `scipy.stats.rankdata`, without waiting a second for that library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["shared_ranks"]


def shared_ranks(values: NDArray[np.generic] | Sequence[float]) -> NDArray[np.float64]:
    """The rank of each value, the smallest first, from 1; equal values share the mean of their ranks.

    Args:
        values: Without NaN.
    """
    _, place, counts = np.unique(
        np.asarray(values).ravel(), return_inverse=True, return_counts=True
    )
    last = counts.cumsum()
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[place]
    return ranks
