"""A renewal model for each item (product or category) of which enough is known, and one for all others together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.predict.timing.renewal import NextGap, Renewal, fit_renewal
from aimwell.predict.timing.waits import Waits

__all__ = ["Paces", "fit_paces"]

# Of an item alone five parameters can be told from so many people who came back for it.
_REPEAT_MIN = 200
_ITEMS_MAX = 500


@dataclass(frozen=True, slots=True)
class Paces:
    """`every` is the model of all rows; `items` those of items with at least 200 people who came back for them."""

    every: Renewal
    items: dict[str, Renewal]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "every": self.every.to_dict(),
            "items": {name: model.to_dict() for name, model in self.items.items()},
        }

    def next_gap(self, waits: Waits, items: pa.Array) -> NextGap:
        """What follows for each row, by the model of its item where there is one."""
        found = self.every.next_gap(waits)
        for name, rows in _rows(items, list(self.items)).items():
            own = self.items[name].next_gap(waits.take(rows))
            for part in ("mean", "spread", "survived", "returns"):
                getattr(found, part)[rows] = getattr(own, part)
        return found


def fit_paces(waits: Waits, items: pa.Array, once: Waits, once_items: pa.Array) -> Paces:
    """Fit the model of all rows, and one for each of the (at most 500) items with most people who came back.

    Args:
        waits: Rows by item.
        items: The item of each; '' where there are none.
        once: People who bought an item a single time, as numbers by how long they wait.
        once_items: The item of each of these.
    """
    every = fit_renewal(waits.joined(once))
    repeat = pc.value_counts(items.filter(pa.array(waits.gaps > 0))).to_pylist()
    enough = [one for one in repeat if one["values"] and one["counts"] >= _REPEAT_MIN]
    enough.sort(key=lambda one: (-one["counts"], one["values"]))
    names = sorted(one["values"] for one in enough[:_ITEMS_MAX])
    own, single = _rows(items, names), _rows(once_items, names)
    return Paces(
        every,
        {
            name: fit_renewal(waits.take(own[name]).joined(once.take(single[name])))
            for name in names
        },
    )


def _rows(items: pa.Array, names: list[str]) -> dict[str, slice]:
    """The run of rows of each of the names in items that are in order; an empty run where it has none."""
    if not names:
        return {}
    values = np.asarray(items.to_numpy(zero_copy_only=False), dtype=object)
    starts = np.searchsorted(values, names, side="left")
    ends = np.searchsorted(values, names, side="right")
    return {
        name: slice(int(start), int(end))
        for name, start, end in zip(names, starts, ends, strict=True)
    }
