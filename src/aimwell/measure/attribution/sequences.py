"""Paths that show the same channels in the same order, taken together: models that ask nothing else read these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.measure.attribution.paths import GROUPS, IntArray, Paths
from aimwell.stats.samples import FloatArray

__all__ = ["Counts", "Sequences", "added_up", "distinct_rows", "sequences"]


@dataclass(frozen=True, eq=False)
class Counts:
    """Of each sequence: paths that converted, paths that did not, and the money of those that did."""

    converted: FloatArray
    lost: FloatArray
    value: FloatArray

    @property
    def all(self) -> FloatArray:
        """Paths of each sequence."""
        return self.converted + self.lost


@dataclass(frozen=True, eq=False)
class Sequences:
    """Distinct sequences of channels.

    Attributes:
        size: Number of channels.
        starts, channel: As in `Paths`.
        by_group: Counts with one row a sequence and one column a group of people.
    """

    size: int
    starts: IntArray
    channel: IntArray
    by_group: Counts

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> IntArray:
        """Touches of each sequence."""
        return np.diff(self.starts)

    @property
    def sequence_of_touch(self) -> IntArray:
        """To which sequence each touch belongs."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def counts(self, without: int | None = None) -> Counts:
        """Of everybody, or of everybody but one group."""

        def summed(cells: FloatArray) -> FloatArray:
            kept = cells if without is None else np.delete(cells, without, axis=1)
            return np.asarray(kept.sum(axis=1), dtype=np.float64)

        g = self.by_group
        return Counts(summed(g.converted), summed(g.lost), summed(g.value))


def sequences(paths: Paths) -> Sequences:
    """The distinct sequences of the paths, the shortest first."""
    lengths = paths.lengths
    whose = np.zeros(len(paths), dtype=np.int64)
    starts, channel, found = [np.zeros(1, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], 0
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        cells = paths.channel[paths.starts[rows][:, None] + np.arange(length)]
        distinct, inverse = distinct_rows(cells, len(paths.channels))
        whose[rows] = found + inverse
        starts.append(starts[-1][-1] + length * np.arange(1, len(distinct) + 1))
        channel.append(distinct.ravel())
        found += len(distinct)

    def counted(weights: FloatArray) -> FloatArray:
        cell = whose * GROUPS + paths.group
        return added_up(cell, weights, found * GROUPS).reshape(found, GROUPS)

    done = paths.converted.astype(np.float64)
    return Sequences(
        size=len(paths.channels),
        starts=np.concatenate(starts).astype(np.int64),
        channel=np.concatenate(channel).astype(np.int64),
        by_group=Counts(counted(done), counted(1.0 - done), counted(paths.value)),
    )


def distinct_rows(cells: IntArray, below: int) -> tuple[IntArray, IntArray]:
    """The distinct rows of a table of whole numbers from 0 to `below` − 1, and which of them each row is."""
    base = max(below, 2)
    if base ** cells.shape[1] < 2**62:
        code = cells @ (base ** np.arange(cells.shape[1], dtype=np.int64))
    else:
        packed = np.ascontiguousarray(cells.astype(np.uint8 if base <= 256 else np.uint32))
        whole = packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1])))
        return _firsts(cells, whole.ravel())
    return _firsts(cells, code)


def _firsts(cells: IntArray, code: NDArray[Any]) -> tuple[IntArray, IntArray]:
    _values, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    return cells[first], inverse.ravel()


def added_up(places: IntArray, weights: FloatArray, size: int) -> FloatArray:
    """The sum of the weights at each of `size` places."""
    return np.asarray(np.bincount(places, weights=weights, minlength=size), dtype=np.float64)
