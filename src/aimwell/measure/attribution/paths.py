"""Paths: what people saw, in order, before they converted or until they were last seen.

A path belongs to one person and ends with one conversion, or with that person's last touch. Touches before an earlier
conversion belong to that one's path and to no other. Of a path only touches within the window before its end are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import MeasureError
from aimwell.stats.samples import FloatArray

__all__ = ["GROUPS", "IntArray", "Paths", "build_paths"]

IntArray = NDArray[np.int64]

GROUPS = 20
"""Into how many groups people are divided for the jackknife."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Paths:
    """Paths with at least one touch, one after the other.

    Attributes:
        channels: Names.
        starts: Path i has the touches `starts[i]` up to and without `starts[i + 1]`.
        channel: Of each touch, an index into `channels`, in order of time.
        days_before: From each touch to the end of its path.
        converted: Of each path.
        value: Money of its conversion; 0 where there was none.
        person: A number of the person whose path it is.
        unattributed: Conversions with no touch in the window, which no rule can credit.
        unattributed_value: Their money.
    """

    channels: tuple[str, ...]
    starts: IntArray
    channel: IntArray
    days_before: FloatArray
    converted: NDArray[np.bool_]
    value: FloatArray
    person: IntArray
    unattributed: int = 0
    unattributed_value: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.starts) - 1
        if n < 0 or not len(self.converted) == len(self.value) == len(self.person) == n:
            raise MeasureError("The columns of paths differ in length.")
        if len(self.channel) != len(self.days_before) or self.starts[-1] != len(self.channel):
            raise MeasureError("The touches do not fit the paths.")
        if n and (np.diff(self.starts) < 1).any():
            raise MeasureError("A path has at least one touch.")

    def __len__(self) -> int:
        return len(self.converted)

    @property
    def lengths(self) -> IntArray:
        """Touches of each path."""
        return np.diff(self.starts)

    @property
    def path_of_touch(self) -> IntArray:
        """To which path each touch belongs."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    @property
    def group(self) -> IntArray:
        """The group of each path's person, 0 to GROUPS − 1."""
        return self.person % GROUPS

    @property
    def conversions(self) -> int:
        """How many paths end with a conversion."""
        return int(self.converted.sum())


def build_paths(
    *,
    channels: Sequence[str],
    touch_person: IntArray,
    touch_at: IntArray,
    touch_channel: IntArray,
    conversion_person: IntArray,
    conversion_at: IntArray,
    conversion_value: FloatArray,
    window_days: float,
    since: int | None = None,
) -> Paths:
    """Order touches and conversions by person and time, and cut them into paths.

    Args:
        channels: Names that `touch_channel` counts.
        touch_person, conversion_person: Whole numbers; the same number, the same person.
        touch_at, conversion_at: Microseconds since 1970. A touch at the very moment of a conversion came before it.
        conversion_value: Money; finite.
        window_days: How long before the end of a path a touch still counts.
        since: Paths that end before this moment are left out; None: none is.

    Raises:
        MeasureError: The window is not positive, or a value is not finite.
    """
    if not window_days > 0:
        raise MeasureError(f"The window is {window_days!r} days. Give a positive number of days.")
    if not np.isfinite(conversion_value).all():
        raise MeasureError("The value of a conversion is not finite. Leave out what is not known.")
    touches = len(touch_person)
    person = np.concatenate([touch_person, conversion_person])
    at = np.concatenate([touch_at, conversion_at])
    ends = np.arange(len(person)) >= touches
    tie = np.concatenate([touch_channel, np.zeros(len(conversion_person), dtype=np.int64)])
    order = np.lexsort((tie, ends, at, person))
    person, at, ends = person[order], at[order], ends[order]
    # A path begins with each person, and after each conversion.
    begins = np.ones(len(person), dtype=bool)
    begins[1:] = (person[1:] != person[:-1]) | ends[:-1]
    path = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(person)) - 1 if len(first) else first
    converted = ends[last]
    value = np.zeros(len(last))
    value[converted] = conversion_value[order[last[converted]] - touches]
    days = (at[last][path] - at) / 86_400e6
    kept = ~ends & (days <= window_days)
    counts = np.bincount(path[kept], minlength=len(last))
    current = np.ones(len(last), dtype=bool) if since is None else at[last] >= since
    some = (counts > 0) & current
    kept &= some[path]
    lone = converted & current & (counts == 0)
    return Paths(
        channels=tuple(channels),
        starts=np.append(0, np.cumsum(counts[some])).astype(np.int64),
        channel=touch_channel[order[kept]].astype(np.int64),
        days_before=days[kept],
        converted=converted[some],
        value=value[some],
        person=person[last][some].astype(np.int64),
        unattributed=int(lone.sum()),
        unattributed_value=float(value[lone].sum()),
    )
