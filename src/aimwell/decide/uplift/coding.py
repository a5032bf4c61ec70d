"""Features and traits of people as numbers: a column each, a 0-1 column for each common value of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from aimwell.segment.attributes.categories import PreparedCategory, fit_category, is_text, texts
from aimwell.stats.samples import FloatArray

__all__ = ["Coding", "coding_of"]


@dataclass(frozen=True, slots=True)
class Coding:
    """How a table of people becomes numbers; the same for people of another day.

    Args:
        numbers: Columns taken as they are.
        categories: Texts.
        left_out: Columns that say nothing, with the reason.
    """

    numbers: tuple[str, ...]
    categories: tuple[PreparedCategory, ...]
    left_out: dict[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs of a table."""
        return (*self.numbers, *(one.name for one in self.categories))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the numbers that it gives."""
        levels = [f"{one.name}={level}" for one in self.categories for level in one.levels]
        return (*self.numbers, *levels)

    def apply(self, table: pa.Table) -> FloatArray:
        """People × `names`; NaN where unknown."""
        parts: list[FloatArray] = []
        for name in self.numbers:
            column = table.column(name)
            if is_text(column):  # in the experiment these were numbers
                parts.append(np.full(table.num_rows, np.nan))
            else:
                column = column.cast(pa.float64()).to_numpy()
                parts.append(np.asarray(column, dtype=np.float64))
        for one in self.categories:
            codes = one.codes(texts(table.column(one.name)))
            parts += [(codes == place).astype(np.float64) for place in range(len(one.levels))]
        return np.column_stack(parts) if parts else np.empty((table.num_rows, 0))


def coding_of(table: pa.Table, names: Sequence[str]) -> Coding:
    """Learn the coding of these columns from a table of people."""
    numbers, categories, left_out = [], [], {}
    for name in names:
        column = table.column(name)
        if is_text(column):
            found = fit_category(name, texts(column))
            if isinstance(found, str):
                left_out[name] = found
            else:
                categories.append(found)
            continue
        values = column.cast(pa.float64()).to_numpy()
        known = values[~np.isnan(values)]
        if not len(known):
            left_out[name] = "unknown of everybody"
        elif len(known) == len(values) and known.min() == known.max():
            left_out[name] = "the same for everybody"
        else:
            numbers.append(name)
    return Coding(tuple(numbers), tuple(categories), left_out)
