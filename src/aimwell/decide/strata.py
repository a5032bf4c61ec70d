"""Buckets that are dealt out evenly within strata: each arm gets its share of every segment, not only of all people.

Within a stratum of n people the order is that of a hash; the person at place r (from 0) gets the bucket ⌊(r + u) / n · 10000⌋, with one
start u in [0, 1) a stratum, by a hash too. So of any share h between h · n − 1 and h · n + 1 people of each stratum fall under it, every person's own
probability is the share itself, and the same people under the same salt always get the same. Who was assigned before keeps the bucket
that was logged, and only the others are dealt out.

Source: systematic sampling in random order within strata: Cochran (1977), Sampling techniques, sections 5 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.stats.buckets import BUCKETS, bucket, buckets

__all__ = ["Strata", "combined", "evenly"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Strata:
    """Who is dealt out with whom.

    Args:
        code: The stratum of each person; −1: not dealt out (excluded), by the plain hash.
        salt: Of the holdout, which is dealt first; further draws are even among the held-out and among the others.
        held_below: Buckets under this are held out.
        kept: Place of a person → the bucket of an earlier assignment, for the holdout.
    """

    code: Ints
    salt: str
    held_below: int
    kept: Mapping[int, int] = field(default_factory=dict)

    def buckets(self, salt: str, origins: Sequence[str]) -> Ints:
        """The bucket of every person under a salt."""
        if salt == self.salt:
            return self._holdout(origins)
        held = self._holdout(origins) < self.held_below
        code = np.where(self.code < 0, -1, self.code * 2 + held)
        return evenly(salt, origins, code)

    def _holdout(self, origins: Sequence[str]) -> Ints:
        places = np.fromiter(self.kept, dtype=np.int64, count=len(self.kept))
        code = self.code.copy()
        code[places] = -1
        found = evenly(self.salt, origins, code)
        found[places] = np.fromiter(self.kept.values(), dtype=np.int64, count=len(self.kept))
        return found


def evenly(salt: str, origins: Sequence[str], code: Ints) -> Ints:
    """A bucket for each origin, even within each stratum; of stratum −1 by the plain hash."""
    raw = buckets(salt, origins)
    table = pa.table({"code": code, "bucket": raw, "origin": pa.array(origins, pa.string())})
    by = [("code", "ascending"), ("bucket", "ascending"), ("origin", "ascending")]
    order = pc.sort_indices(table, by).to_numpy()
    sorted_code = code[order]
    known, first, sizes = np.unique(sorted_code, return_index=True, return_counts=True)
    place = np.searchsorted(known, sorted_code)
    rank = np.arange(len(order)) - first[place]
    start = np.array([bucket(f"{salt}:start", str(one)) + 0.5 for one in known.tolist()]) / BUCKETS
    dealt = np.floor((rank + start[place]) / sizes[place] * BUCKETS).astype(np.int64)
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.where(sorted_code < 0, raw[order], np.minimum(dealt, BUCKETS - 1))
    return found


def combined(members: Sequence[NDArray[np.bool_]], people: int) -> Ints:
    """The stratum of each person: one for each combination of segments that somebody is in."""
    code = np.zeros(people, dtype=np.int64)
    for inside in members:
        code = code * 2 + inside
    return np.unique(code, return_inverse=True)[1].astype(np.int64)
