"""Everybody's scores by one version, in memory: arrays by the id of the person, 40 bytes a person, 56 with intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.stats.samples import FloatArray

__all__ = ["Figure", "KeptScores"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Ids = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """What a version expects of a person.

    Args:
        score: A probability, or what else the version says; None where it is not defined.
        lower, upper: Its interval, where the version gives one.
        as_of: Nothing from this moment on was looked at.
    """

    score: float | None
    lower: float | None
    upper: float | None
    as_of: datetime


@dataclass(frozen=True, slots=True, eq=False)
class KeptScores:
    """Scores by id, of each person one. Nothing of it is ever changed, so any number of threads may read it.

    Args:
        ids: Sorted, as bytes of one length.
        scores: NaN where undefined.
        as_of: Microseconds since 1970, of each person.
        intervals: Lower and upper ends; None where nobody has one.
    """

    ids: _Ids = field(repr=False)
    scores: FloatArray = field(repr=False)
    as_of: npt.NDArray[np.int64] = field(repr=False)
    intervals: tuple[FloatArray, FloatArray] | None = field(repr=False)

    @classmethod
    def of_table(cls, table: pa.Table, as_of: datetime) -> KeptScores:
        """A table of SCORES, all as of one moment."""
        ids = _bytes(table.column("profile_id"))
        ends = [_floats(table.column(name)) for name in ("lower", "upper")]
        some = any(bool(np.isfinite(one).any()) for one in ends)
        made = cls(
            ids,
            _floats(table.column("score")),
            np.full(len(ids), _microseconds(as_of)),
            (ends[0], ends[1]) if some else None,
        )
        # Mostly they come in order, and then nothing need be moved.
        return made if bool((ids[1:] > ids[:-1]).all()) else made._taken(np.argsort(ids))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        arrays = [self.ids, self.scores, self.as_of, *(self.intervals or ())]
        return sum(int(one.nbytes) for one in arrays)

    def of(self, profile_id: str) -> Figure | None:
        """The person's; None of somebody who is not among them."""
        wanted = profile_id.encode()
        if len(wanted) > self.ids.itemsize:  # the search would widen all ids to compare them
            return None
        place = int(np.searchsorted(self.ids, wanted))
        if place == len(self.ids) or self.ids[place] != wanted:
            return None
        lower, upper = (None, None) if self.intervals is None else self.intervals
        return Figure(
            _figure(self.scores[place]),
            None if lower is None else _figure(lower[place]),
            None if upper is None else _figure(upper[place]),
            _EPOCH + timedelta(microseconds=int(self.as_of[place])),
        )

    def without(self, profiles: Collection[str]) -> KeptScores:
        """Those of all others."""
        gone = self._places(np.array(sorted(one.encode() for one in profiles), dtype=np.bytes_))
        if not len(gone):
            return self
        kept = np.ones(len(self.ids), dtype=bool)
        kept[gone] = False
        return self._taken(kept)

    def with_(self, changed: Mapping[str, Figure | None]) -> KeptScores:
        """These people's as they are given, None: not there any more; and those of all others as they are."""
        others = self.without(changed)
        found = sorted((one.encode(), new) for one, new in changed.items() if new is not None)
        if not found:
            return others
        ids = np.array([one for one, _ in found], dtype=np.bytes_)
        wide = max(ids.itemsize, others.ids.itemsize)
        old = others.ids.astype(f"S{wide}", copy=False)
        at = np.searchsorted(old, ids)
        ends = others.intervals
        return KeptScores(
            np.insert(old, at, ids),
            np.insert(others.scores, at, [_number(new.score) for _, new in found]),
            np.insert(others.as_of, at, [_microseconds(new.as_of) for _, new in found]),
            None
            if ends is None
            else (
                np.insert(ends[0], at, [_number(new.lower) for _, new in found]),
                np.insert(ends[1], at, [_number(new.upper) for _, new in found]),
            ),
        )

    def _places(self, wanted: _Ids) -> npt.NDArray[np.intp]:
        """Where those of the wanted are that are there."""
        wanted = wanted[np.char.str_len(wanted) <= self.ids.itemsize]
        if not len(self.ids) or not len(wanted):
            return np.zeros(0, dtype=np.intp)
        places = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        found: npt.NDArray[np.intp] = places[self.ids[places] == wanted]
        return found

    def _taken(self, which: npt.NDArray[Any]) -> KeptScores:
        ends = self.intervals
        return KeptScores(
            self.ids[which],
            self.scores[which],
            self.as_of[which],
            None if ends is None else (ends[0][which], ends[1][which]),
        )


def _bytes(column: pa.ChunkedArray) -> _Ids:
    """Texts as bytes of one length; those that have one length already are not gone through one by one."""
    texts = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not len(texts):
        return np.zeros(0, dtype="S1")
    size = pc.min_max(pc.binary_length(texts)).as_py()
    if size["min"] != size["max"] or not size["min"]:
        return np.array(texts.to_pylist(), dtype=np.bytes_)
    fixed = texts.cast(pa.binary()).cast(pa.binary(size["max"]))
    values = np.frombuffer(fixed.buffers()[1], dtype=f"S{size['max']}")
    return values[fixed.offset : fixed.offset + len(fixed)]


def _floats(column: pa.ChunkedArray) -> FloatArray:
    found: FloatArray = column.cast(pa.float64()).to_numpy().astype(np.float64, copy=False)
    return found


def _figure(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
