"""People by the combination of segments that they are in: of a plan's audience and of the experiment that it learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST", "Cells"]

FEWEST = 30
"""With fewer people of the experiment a cell has no curve: they would say nothing."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cells:
    """Who is in which cell; a cell is a combination of segments, so cells share nobody.

    Args:
        segments: Their names.
        audience, learnt: The cell of each person of the audience, and of each row of the experiment: bit i is set where they
            are in the segment i.
    """

    segments: tuple[str, ...]
    audience: Ints
    learnt: Ints

    @classmethod
    def of(
        cls,
        segments: Sequence[str],
        audience: Mapping[str, NDArray[np.bool_]],
        learnt: Mapping[str, NDArray[np.bool_]],
    ) -> Cells:
        """By who is in each segment."""
        return cls(
            tuple(segments),
            *(
                np.sum([one[name].astype(np.int64) << i for i, name in enumerate(segments)], axis=0)
                for one in (audience, learnt)
            ),
        )

    def names(self, cell: int) -> list[str]:
        """The segments of a cell."""
        return [name for i, name in enumerate(self.segments) if cell >> i & 1]
