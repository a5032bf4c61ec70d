"""Attribution by Shapley values: each channel gets what it adds on average to the coalitions that it can join.

Two games are told apart by what a coalition of channels is worth:

*conversions*: those of the paths that show no channel outside the coalition. This game is a sum of unanimity games, so
its Shapley value divides each conversion equally among the distinct channels of its path, whatever their number.

*rate*: the share of such paths that converted, times all paths. It looks at those who did not convert, too. A channel
whose presence goes with fewer conversions can get less than nothing; the credits still add up to the conversions.

Sources: Shapley (1953), A value for n-person games; Zhao, Mahboobi and Bagheri (2018), Shapley value methods for
attribution modeling in online advertising, equation 7 (the conversions game in closed form).
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import numpy as np

from aimwell.errors import MeasureError
from aimwell.measure.attribution.paths import IntArray
from aimwell.measure.attribution.sequences import Counts, Sequences, added_up
from aimwell.stats.samples import FloatArray

__all__ = [
    "EXACT_CHANNELS",
    "MOST_CHANNELS",
    "conversion_shapley",
    "exact_shapley",
    "rate_shapley",
    "sampled_shapley",
    "sequence_masks",
]

EXACT_CHANNELS = 12
MOST_CHANNELS = 62
_PERMUTATIONS = 512
_BATCH = 64


def sequence_masks(found: Sequences) -> IntArray:
    """Of each sequence: the set of its channels, bit i standing for channel i.

    Raises:
        MeasureError: There are more channels than bits.
    """
    if found.size > MOST_CHANNELS:
        raise MeasureError(
            f"There are {found.size} channels. Shapley values take at most {MOST_CHANNELS}; count fewer by grouping them."
        )
    bits = np.left_shift(np.int64(1), found.channel)
    return np.asarray(np.bitwise_or.reduceat(bits, found.starts[:-1]), dtype=np.int64)


def conversion_shapley(found: Sequences, counts: Counts) -> FloatArray:
    """Two rows, conversions and money: each conversion divided equally among the distinct channels of its path."""
    pairs = np.unique(found.sequence_of_touch * found.size + found.channel)
    whose, channel = pairs // found.size, pairs % found.size
    distinct = np.bincount(whose, minlength=len(found))
    return np.stack(
        [
            added_up(channel, (one / distinct)[whose], found.size)
            for one in (counts.converted, counts.value)
        ]
    )


def rate_shapley(found: Sequences, counts: Counts, masks: IntArray, *, seed: int = 0) -> FloatArray:
    """Two rows, conversions and money, by the game of rates; exact for up to 12 channels, sampled beyond."""
    sets, inverse = np.unique(masks, return_inverse=True)
    whole = counts.all.sum()
    sums = np.stack(
        [
            added_up(inverse.ravel(), one, len(sets))
            for one in (counts.converted, counts.value, counts.all)
        ]
    )
    if found.size <= EXACT_CHANNELS:
        table = np.zeros((3, 2**found.size))
        table[:, sets] = sums
        return exact_shapley(_rates(_subset_sums(table, found.size), whole))

    def worth(coalitions: IntArray) -> FloatArray:
        inside = (sets[None, :] & ~coalitions[:, None]) == 0
        return _rates(sums @ inside.T.astype(np.float64), whole)

    return sampled_shapley(worth, found.size, seed=seed)


def _rates(sums: FloatArray, whole: float) -> FloatArray:
    """Conversions and money of each coalition's paths, for each path, times all paths; 0 where it has no path."""
    return np.asarray(
        np.divide(sums[:2] * whole, sums[2], out=np.zeros_like(sums[:2]), where=sums[2] > 0),
        dtype=np.float64,
    )


def _subset_sums(table: FloatArray, size: int) -> FloatArray:
    """For each set, the sum over all its subsets (Yates's method)."""
    found = table.copy()
    for bit in range(size):
        cube = found.reshape(len(found), -1, 2, 2**bit)
        cube[:, :, 1, :] += cube[:, :, 0, :]
    return found


def exact_shapley(worth: FloatArray) -> FloatArray:
    """The Shapley values of games that are given whole.

    Args:
        worth: One row a game, one column a coalition by its bits; a power of two of them.

    Returns:
        One row a game, one column a player; a row adds up to worth(all) − worth(nobody).
    """
    size = int(worth.shape[1]).bit_length() - 1
    if worth.shape[1] != 2**size:
        raise MeasureError(f"A game has 2^n coalitions, not {worth.shape[1]}.")
    coalitions = np.arange(2**size)
    members = sum(((coalitions >> bit) & 1 for bit in range(size)), np.zeros_like(coalitions))
    weight = np.array(
        [factorial(s) * factorial(size - s - 1) / factorial(size) for s in range(size)]
    )
    values = np.zeros((len(worth), size))
    for player in range(size):
        outside = np.flatnonzero(((coalitions >> player) & 1) == 0)
        added = worth[:, outside | (1 << player)] - worth[:, outside]
        values[:, player] = added @ weight[members[outside]]
    return values


def sampled_shapley(
    worth: Callable[[IntArray], FloatArray],
    size: int,
    *,
    seed: int = 0,
    permutations: int = _PERMUTATIONS,
) -> FloatArray:
    """The same by random orders of the players, each order also backwards; the sum is exact whatever is drawn.

    Source: Castro, Gómez and Tejada (2009), Polynomial calculation of the Shapley value based on sampling; with
    antithetic orders as in Mitchell et al. (2022), Sampling permutations for Shapley value estimation, section 3.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.permuted(np.tile(np.arange(size), (permutations // 2, 1)), axis=1)
    orders = np.concatenate([drawn, drawn[:, ::-1]])
    total: FloatArray | None = None
    for start in range(0, len(orders), _BATCH):
        part = orders[start : start + _BATCH]
        masks = np.zeros((len(part), size + 1), dtype=np.int64)
        masks[:, 1:] = np.bitwise_or.accumulate(np.left_shift(np.int64(1), part), axis=1)
        distinct, inverse = np.unique(masks.ravel(), return_inverse=True)
        found = worth(distinct)[:, inverse.ravel()].reshape(-1, len(part), size + 1)
        added = np.diff(found, axis=2)
        sums = np.stack([added_up(part.ravel(), one.ravel(), size) for one in added])
        total = sums if total is None else total + sums
    assert total is not None  # noqa: S101 - there is at least one batch
    return total / len(orders)
