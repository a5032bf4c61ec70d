"""What the renewal model reads: the gaps between purchases of each person, and how long each has waited since the last."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from aimwell.errors import PredictError
from aimwell.stats.samples import FloatArray

__all__ = ["Waits", "wait_log"]


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """One row a person, or a person and an item (product or category) that they have bought.

    Args:
        gaps: Completed gaps: days with a purchase, less one.
        mean_log: Mean of the logarithm of these gaps in days; 0 where there is none.
        squares: Sum of the squared deviations of the logarithms from their mean.
        waited: Whole days since the last purchase on which nothing was bought; at least 0.
        weight: How many people the row stands for.

    Raises:
        PredictError: Lengths differ, or a value is not finite or below 0 where it cannot be.
    """

    gaps: FloatArray
    mean_log: FloatArray
    squares: FloatArray
    waited: FloatArray
    weight: FloatArray

    def __post_init__(self) -> None:
        size = len(self.gaps)
        for field in fields(self):
            values = np.asarray(getattr(self, field.name), dtype=np.float64)
            if values.shape != (size,):
                raise PredictError(
                    f"{field.name} must have {size} rows, as gaps has; found {values.shape}."
                )
            wrong = ~np.isfinite(values) | ((values < 0) if field.name != "mean_log" else False)
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                raise PredictError(
                    f"{field.name} must be a number of at least 0; row {row} is {values[row]:g}. Count whole days, "
                    "and let `waited` begin with the last purchase."
                )
            object.__setattr__(self, field.name, values)

    def __len__(self) -> int:
        return len(self.gaps)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Waits:
        """Some of the rows."""
        return Waits(*(getattr(self, field.name)[rows] for field in fields(self)))

    def joined(self, other: Waits) -> Waits:
        """The rows of both."""
        return Waits(
            *(
                np.concatenate([getattr(self, field.name), getattr(other, field.name)])
                for field in fields(self)
            )
        )

    @classmethod
    def once(cls, waited: FloatArray, weight: FloatArray) -> Waits:
        """People who bought a single time, counted by how long they have waited."""
        nothing = np.zeros(len(waited))
        return cls(nothing, nothing, nothing, waited, weight)


def wait_log(days: FloatArray | float) -> FloatArray:
    """The logarithm of the end of a day, so that a gap of whole days is taken as the middle of its day."""
    return np.log(np.asarray(days, dtype=np.float64) + 0.5)
