"""What people did, in order, as numbers for a network: one run of acts a person, of any length, and a few figures beside it.

An act is: which event (a place in the model's list of names, 1 for any other, 0 for padding), and six numbers: days since the
act before it, days from it to the moment, how often it came that day, revenue, and the time of the year as a point on a circle. Beside the run
stand the figures that the renewal model reads: days waited, gaps, their mean and spread. So a network knows all that the
renewal model does, and the order of things besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.predict.timing.waits import Waits
from aimwell.stats.samples import FloatArray

__all__ = ["ACT_NUMBERS", "PERSON_NUMBERS", "Padded", "Reading", "Sequences", "sequences_of"]

ACT_NUMBERS = 6
PERSON_NUMBERS = 5

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]

_OTHER = 1
_LOG_SCALE = 5.0
_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Reading:
    """How acts become numbers; part of a model.

    Args:
        names: Events that are told apart, purchases first.
        most: Acts of a person that are read, the latest.
        revenue_scale: The shop's usual order; a revenue is told against it.
        seasonal: Whether the time of the year is told: only where the learning period has seen each time twice.
    """

    names: tuple[str, ...]
    most: int
    revenue_scale: float
    seasonal: bool


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """Some people's acts as one block: `event` (people, length), `numbers` (people, length, 6), `person` (people, 5), `length` (people).

    Padding stands behind the acts.
    """

    event: Places
    numbers: Floats
    person: Floats
    length: Places


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """The acts of people, run by run.

    Args:
        event, numbers: One row an act.
        start: Where each person's run begins, and at last where all end; (people + 1).
        person: One row a person.
    """

    event: Places
    numbers: Floats
    start: Places
    person: Floats

    def __len__(self) -> int:
        return len(self.person)

    @property
    def lengths(self) -> Places:
        """Acts of each person."""
        return np.diff(self.start)

    def padded(self, rows: Places, length: int | None = None) -> Padded:
        """Some people as a block as long as the longest of them, or as long as is asked."""
        lengths = self.lengths[rows]
        wide = int(lengths.max(initial=1)) if length is None else length
        column = np.arange(wide)
        there = column < lengths[:, None]
        place = np.where(there, self.start[rows][:, None] + column, 0)
        event = np.where(there, self.event[place], 0)
        numbers = np.where(there[:, :, None], self.numbers[place], np.float32(0))
        return Padded(event, numbers.astype(np.float32), self.person[rows], lengths)

    @classmethod
    def joined(cls, parts: list[Sequences]) -> Sequences:
        """All people of all parts."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(
            np.concatenate([part.event for part in parts]),
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([[0], lengths.cumsum()]),
            np.concatenate([part.person for part in parts]),
        )


def sequences_of(acts: pa.Table, waits: Waits, until: date, how: Reading) -> Sequences:
    """Acts as numbers.

    Args:
        acts: As `acts.latest_acts` gives them; people in the order of `waits`, each with at least one act.
        waits: What the renewal model reads, one row a person.
        until: The last day that was seen.
        how: The model's way to read.
    """
    lengths = _runs(acts.column("profile_id"))
    start = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
    ago = _numbers(acts, "ago")
    before = np.concatenate([ago[:1], ago[:-1]]) - ago
    before[start[:-1]] = 0.0
    numbers = np.zeros((len(ago), ACT_NUMBERS), np.float32)
    numbers[:, 0] = np.log1p(before) / _LOG_SCALE
    numbers[:, 1] = np.log1p(ago) / _LOG_SCALE
    numbers[:, 2] = np.log1p(_numbers(acts, "acts")) / _LOG_SCALE
    numbers[:, 3] = np.log1p(np.maximum(_numbers(acts, "revenue"), 0.0) / how.revenue_scale)
    if how.seasonal:
        turn = 2 * np.pi * (until.timetuple().tm_yday - ago) / _YEAR
        numbers[:, 4], numbers[:, 5] = np.sin(turn), np.cos(turn)
    return Sequences(_events(acts, how.names), numbers, start, _person(waits))


def _events(acts: pa.Table, names: tuple[str, ...]) -> Places:
    place = pc.index_in(acts.column("event"), pa.array(names, pa.string()))
    # 0 is padding and 1 any other event.
    known = pc.add(place.cast(pa.int64()), _OTHER + 1)
    return np.asarray(pc.fill_null(known, _OTHER).to_numpy(), dtype=np.int64)


def _person(waits: Waits) -> Floats:
    some = waits.gaps > 0
    spread = np.sqrt(np.divide(waits.squares, waits.gaps, out=np.zeros(len(waits)), where=some))
    columns: Mapping[str, FloatArray] = {
        "waited": np.log1p(waits.waited) / _LOG_SCALE,
        "gaps": np.log1p(waits.gaps) / _LOG_SCALE,
        "none": (~some).astype(np.float64),
        "mean": waits.mean_log / _LOG_SCALE,
        "spread": spread,
    }
    return np.stack(list(columns.values()), axis=1).astype(np.float32)


def _runs(profiles: pa.ChunkedArray) -> Places:
    """How many rows in a row have the same value."""
    values = profiles.combine_chunks().dictionary_encode().indices.to_numpy()
    if not len(values):
        return np.zeros(0, np.int64)
    edges = np.flatnonzero(np.diff(values)) + 1
    return np.diff(np.concatenate([[0], edges, [len(values)]]))


def _numbers(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
