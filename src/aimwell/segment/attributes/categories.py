"""Categories made fit for models: the common values, one value for all rare ones, one for whom it is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "MARK",
    "OTHER",
    "UNKNOWN",
    "PreparedCategory",
    "fit_category",
    "is_text",
    "texts",
]

OTHER = "(other)"
UNKNOWN = "(unknown)"
MARK = float(np.sqrt(0.5))
"""How high the column of a person's own value is: two different values are then a squared distance of 1 apart."""

_LEVELS_MAX = 12
_SHARE_MIN = 0.02
_SAME_MAX = 0.98
_RARE_MAX = 0.5
_MISSING_MAX = 0.5

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PreparedCategory:
    """The values of a category that are told apart.

    `levels` may hold OTHER for rare and new values and UNKNOWN; whoever fits no level counts as the first, which is the
    commonest.
    """

    name: str
    levels: tuple[str, ...]

    def codes(self, values: pa.Array) -> IntArray:
        """The place in `levels` of each value."""
        known = pa.array(self.levels, pa.string())
        places = pc.index_in(values, value_set=known)
        # A value that is called as the marks are is no mark.
        rare = self.levels.index(OTHER) if OTHER in self.levels else 0
        missing = self.levels.index(UNKNOWN) if UNKNOWN in self.levels else 0
        codes: IntArray = pc.fill_null(places, rare).to_numpy(zero_copy_only=False).astype(np.int64)
        codes[values.is_null().to_numpy(zero_copy_only=False)] = missing
        return codes

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, "levels": list(self.levels)}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> PreparedCategory:
        """From what `to_dict` gave."""
        return cls(body["name"], tuple(body["levels"]))


def is_text(column: pa.ChunkedArray) -> bool:
    """Whether a column is a category and not a number."""
    kind = column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def texts(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array of texts."""
    return column.cast(pa.string()).combine_chunks()


def fit_category(
    name: str, values: pa.Array, *, share_min: float = _SHARE_MIN
) -> PreparedCategory | str:
    """The levels of a category, the commonest first, or why it is of no use."""
    people, missing = len(values), values.null_count
    if not people or missing > _MISSING_MAX * people:
        return f"unknown for {missing / max(people, 1):.0%} of the people"
    # Counted within the engine of Arrow: of a million different values only the counts come here.
    counted = pc.value_counts(values.drop_null())
    often = pc.sort_indices(counted.field("counts"), sort_keys=[("", "descending")])
    top = counted.take(often.slice(0, _LEVELS_MAX))
    pairs = zip(top.field("values").to_pylist(), top.field("counts").to_pylist(), strict=True)
    common = sorted(
        ((value, count) for value, count in pairs if count >= share_min * people),
        key=lambda pair: (-pair[1], pair[0]),
    )
    rare = people - missing - sum(count for _value, count in common)
    if rare > _RARE_MAX * people:
        different = len(counted)
        return f"{different:,} different values, of which {rare / people:.0%} of the people have rare ones"
    levels = [(value, count) for value, count in common if value not in (OTHER, UNKNOWN)]
    if rare:
        levels.append((OTHER, rare))
    if missing:
        levels.append((UNKNOWN, missing))
    largest = max(count for _value, count in levels)
    if largest == people:
        return "the same for everybody"
    if largest > _SAME_MAX * people:
        return f"the same for {largest / people:.1%} of the people"
    return PreparedCategory(name, tuple(value for value, _count in levels))
