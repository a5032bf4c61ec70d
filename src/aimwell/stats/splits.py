"""Random divisions of people into two arms, and the sums that each would have seen.

People whose rows are equal cannot be told apart (all who bought nothing, say), so only the *number* of them that falls
into the drawn arm is drawn, from the hypergeometric law; the rest are drawn one by one. That keeps the cost of a
division to the people who matter.

Where too many people matter for that, they are set on a circle in random order, and the real division is turned around it
by random steps. One Fourier transform a column gives the sums of all turns. The turns of a circle are a group, and random
members of a group make the test exactly as valid as divisions drawn one by one. For large circles any two turns share as
many people as two drawn divisions would, so the spread of the sums is the same too.

Source: Hemerik and Goeman (2018), Exact testing with random permutations, theorem 2, for random members of a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.sparse import csr_array

from aimwell.errors import StatsError
from aimwell.stats.samples import FloatArray

__all__ = ["SplitSums", "cheap_splits", "count_of_splits", "split_sums"]

# Equal rows are drawn by number only where that spares enough single draws to be worth a step of its own.
_LARGE_GROUP = 32
_BLOCK_CELLS = 4_000_000
# Up to so many people a division, drawing one for all divisions at once is quicker than division by division.
_FEW_DRAWN = 128
# Above so many single draws in all, turning a circle is quicker; it needs many more people than turns.
_DRAWS_MAX = 10_000_000
_PEOPLE_PER_TURN = 10
# One draw for each person of each division: so many take about a second.
_DRAWS_CHEAP = 15_000_000
# comb(2 * 20, 20) is 138 thousand million: beyond this, no list of all divisions is ever short enough.
_LISTABLE = 20


@dataclass(frozen=True)
class SplitSums:
    """What the drawn arm would have summed to in each division.

    Attributes:
        sums: One row a division, one column for each column of the rows given.
        complete: True when these are all divisions there are, each once; False when they are a random sample.
    """

    sums: FloatArray
    complete: bool


def count_of_splits(n: int, drawn: int) -> int | None:
    """How many ways there are to draw the arm; None where they are too many to list."""
    return comb(n, drawn) if min(drawn, n - drawn) <= _LISTABLE else None


def cheap_splits(n: int, drawn: int, *, most: int, fewest: int) -> int:
    """How many divisions to draw of `most` that are wanted: fewer where all of them would take long, never under `fewest`.

    Small arms are drawn quickly, and a circle of many people is turned quickly however many are drawn; in between,
    time counts. The answer is one less than a multiple of 40, which makes a level of 95 % exact.
    """
    cheap = max(_DRAWS_CHEAP // max(drawn, 1), n // _PEOPLE_PER_TURN)
    return min(most, max(fewest, (cheap + 1) // 40 * 40 - 1))


def split_sums(rows: FloatArray, *, drawn: int, divisions: int, seed: int) -> SplitSums:
    """Sums over a random `drawn` of the rows, `divisions` times; all divisions where there are no more than that.

    Args:
        rows: One row a person, those really drawn first. Only equal rows that lie beside each other are recognised as
            equal, so sort them.
        drawn: How many people the arm has.
        divisions: How many divisions to draw.
        seed: Same seed, same rows in the same order: same sums.

    Raises:
        StatsError: There are fewer rows than are to be drawn, or no division is asked for.
    """
    n = len(rows)
    if not 0 <= drawn <= n or divisions < 1:
        raise StatsError(f"{divisions} divisions that draw {drawn} of {n} people cannot be made.")
    possible = count_of_splits(n, drawn)
    if possible is not None and possible <= divisions:
        every = np.fromiter(chain.from_iterable(combinations(range(n), drawn)), dtype=np.int32)
        return SplitSums(_summed(every, np.full(possible, drawn), rows), complete=True)
    return SplitSums(_random_sums(rows, drawn, divisions, np.random.default_rng(seed)), False)


def _random_sums(
    rows: FloatArray, drawn: int, divisions: int, rng: np.random.Generator
) -> FloatArray:
    groups, sizes, singles = _grouped(rows)
    draws = divisions * drawn * (len(singles) / len(rows))
    if draws > _DRAWS_MAX and len(rows) >= _PEOPLE_PER_TURN * divisions:
        return _turned_sums(rows, drawn, divisions, rng)
    # The last colour stands for all people who are drawn one by one.
    colours = np.append(sizes, len(singles))
    counts = rng.multivariate_hypergeometric(colours, drawn, size=divisions, method="marginals")
    sums = np.asarray(counts[:, :-1] @ groups, dtype=np.float64)
    if not len(singles):
        return sums
    single_rows = np.ascontiguousarray(rows[singles])
    per_block = max(1, _BLOCK_CELLS // max(1, drawn))
    for start in range(0, divisions, per_block):
        block = counts[start : start + per_block, -1]
        positions = _drawn_singles(rng, len(singles), block)
        sums[start : start + per_block] += _summed(positions, block, single_rows)
    return sums


def _turned_sums(
    rows: FloatArray, drawn: int, divisions: int, rng: np.random.Generator
) -> FloatArray:
    """Sums over the people on whom the first `drawn` rows come to lie when a circle of all is turned."""
    n = len(rows)
    place = rng.permutation(n)
    steps = rng.choice(n - 1, divisions, replace=False) + 1
    marks = np.zeros(n)
    marks[place[:drawn]] = 1.0
    turning = np.conj(rfft(marks))
    sums = np.empty((divisions, rows.shape[1]))
    around = np.empty(n)
    for number, column in enumerate(rows.T):
        # Without the mean, which every division has in common, more digits are left for what differs.
        mean = float(column.mean())
        around[place] = column - mean
        sums[:, number] = irfft(turning * rfft(around), n)[steps] + drawn * mean
    return sums


def _grouped(rows: FloatArray) -> tuple[FloatArray, NDArray[np.int64], NDArray[np.intp]]:
    """Rows that many neighbours share, how many share each, and the positions of all others."""
    changes = np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1)) + 1
    starts = np.concatenate([[0], changes])
    sizes = np.diff(np.append(starts, len(rows)))
    large = sizes >= _LARGE_GROUP
    singles = np.flatnonzero(~np.repeat(large, sizes))
    return rows[starts[large]], sizes[large], singles


def _drawn_singles(
    rng: np.random.Generator, n: int, counts: NDArray[np.int64]
) -> NDArray[np.int32]:
    """For each division in turn, the positions of its people: so many of n, none twice."""
    if counts.max() <= _FEW_DRAWN and n * len(counts) <= _BLOCK_CELLS:
        return _drawn_together(rng, n, counts)
    positions = np.empty(int(counts.sum()), dtype=np.int32)
    end = 0
    for count in counts.tolist():
        start, end = end, end + count
        positions[start:end] = rng.choice(n, count, replace=False, shuffle=False)
    return positions


def _drawn_together(
    rng: np.random.Generator, n: int, counts: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The same for few people a division: all divisions take their next one at once, as from a deck of cards."""
    most = int(counts.max())
    decks = np.repeat(np.arange(n, dtype=np.int32)[:, None], len(counts), axis=1)
    every = np.arange(len(counts))
    for step in range(most):
        picked = rng.integers(step, n, size=len(counts))
        card = decks[picked, every]
        decks[picked, every] = decks[step]
        decks[step] = card
    return decks[:most].T[np.arange(most) < counts[:, None]]


def _summed(
    positions: NDArray[np.int32], counts: NDArray[np.int64], rows: FloatArray
) -> FloatArray:
    """Sums of the rows at `positions`: the first `counts[0]` make the first division, and so on."""
    ends = np.concatenate([[0], np.cumsum(counts)])
    pick = csr_array((np.ones(len(positions)), positions, ends), shape=(len(counts), len(rows)))
    return np.asarray(pick @ rows, dtype=np.float64)
