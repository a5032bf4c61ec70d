"""Features made comparable for distances: skewed ones bent straight, missing ones filled, all on one scale.

A column is dropped where it could only mislead: mostly missing, (nearly) constant, or saying again what an
earlier one says. What was fitted is a few numbers a column, so new people are prepared in just the same way.

Texts are categories (`categories`): after the numbers stands a column for each value, 0 or `MARK` high, so that two
people of different values are a squared distance of 1 apart, which is half of what two people drawn at random are apart
in a number (Huang 1998 weighs categories so).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.errors import SegmentError
from aimwell.segment.attributes.categories import (
    MARK,
    PreparedCategory,
    fit_category,
    is_text,
    texts,
)

__all__ = ["FloatArray", "Preparation", "PreparedColumn", "bend", "fit_column", "prepare"]

FloatArray = npt.NDArray[np.float64]

_MISSING_MAX = 0.5
_SAME_MAX = 0.98
_ALIKE_MIN = 0.95
_SKEW_MAX = 0.75
_CLIP = 3.5
_POWER_VALUES_MAX = 20_000


@dataclass(frozen=True)
class PreparedColumn:
    """How one feature is prepared: missing values become `fill`; values are divided by `unit`, bent by Yeo and
    Johnson's power `power` (1: not at all), then centred and scaled, and cut off at 3.5 deviations."""

    name: str
    fill: float
    unit: float
    power: float
    centre: float
    scale: float

    def apply(self, values: FloatArray) -> FloatArray:
        """Prepared values; NaN is missing."""
        filled = np.where(np.isnan(values), self.fill, values)
        scaled = (bend(filled / self.unit, self.power) - self.centre) / self.scale
        return np.clip(scaled, -_CLIP, _CLIP)


@dataclass(frozen=True)
class Preparation:
    """The columns in use, and why the others are not."""

    columns: tuple[PreparedColumn, ...]
    dropped: Mapping[str, str]
    categories: tuple[PreparedCategory, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Features in use: numbers in order, then categories."""
        numbers = [column.name for column in self.columns]
        return (*numbers, *(category.name for category in self.categories))

    @property
    def blocks(self) -> tuple[int, ...]:
        """How many columns each category takes; they stand last."""
        return tuple(len(category.levels) for category in self.categories)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each column of `apply` says: the feature, or feature=value."""
        levels = [f"{one.name}={level}" for one in self.categories for level in one.levels]
        return (*(column.name for column in self.columns), *levels)

    def apply(self, table: pa.Table) -> FloatArray:
        """One row a person, one column for each of `labels`.

        Raises:
            SegmentError: The table lacks a feature.
        """
        missing = [name for name in self.names if name not in table.schema.names]
        if missing:
            raise SegmentError(f"The people to be grouped lack the features {', '.join(missing)}.")
        columns = [column.apply(_numbers(table, column.name)) for column in self.columns]
        for category in self.categories:
            marks = np.zeros((table.num_rows, len(category.levels)))
            codes = category.codes(texts(table.column(category.name)))
            marks[np.arange(table.num_rows), codes] = MARK
            columns.append(marks)
        return np.column_stack(columns) if columns else np.empty((table.num_rows, 0))

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` gives the same again."""
        return {
            "columns": [vars(column).copy() for column in self.columns],
            "dropped": dict(self.dropped),
            "categories": [category.to_dict() for category in self.categories],
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Preparation:
        """From what `to_dict` gave."""
        columns = tuple(PreparedColumn(**column) for column in body["columns"])
        categories = tuple(PreparedCategory.from_dict(one) for one in body["categories"])
        return cls(columns, dict(body["dropped"]), categories)


def prepare(table: pa.Table, names: Sequence[str]) -> Preparation:
    """Learn from `table` how to prepare the features `names`; earlier ones win over later ones that are alike."""
    columns: list[PreparedColumn] = []
    kept: list[FloatArray] = []
    categories: list[PreparedCategory] = []
    dropped: dict[str, str] = {}
    for name in dict.fromkeys(names):
        if is_text(table.column(name)):
            found = fit_category(name, texts(table.column(name)))
            if isinstance(found, str):
                dropped[name] = found
            else:
                categories.append(found)
            continue
        values = _numbers(table, name)
        reason = _useless(values)
        if reason is None:
            column = fit_column(name, values)
            prepared = column.apply(values)
            twin = _twin(prepared, kept)
            if twin is None:
                columns.append(column)
                kept.append(prepared)
                continue
            reason = f"says the same as {columns[twin].name}"
        dropped[name] = reason
    return Preparation(tuple(columns), dropped, tuple(categories))


def bend(values: FloatArray, power: float) -> FloatArray:
    """The power transformation of Yeo and Johnson (2000); 1 leaves values as they are."""
    if power == 1.0:
        return values
    up, down = values >= 0, values < 0
    bent = np.empty_like(values)
    bent[up] = (
        np.log1p(values[up]) if power == 0.0 else (np.power(values[up] + 1.0, power) - 1.0) / power
    )
    rest = 2.0 - power
    bent[down] = (
        -np.log1p(-values[down])
        if rest == 0.0
        else -(np.power(1.0 - values[down], rest) - 1.0) / rest
    )
    return bent


def _numbers(table: pa.Table, name: str) -> FloatArray:
    column = table.column(name)
    if is_text(column):  # at fitting these were numbers, for these people they are none
        return np.full(table.num_rows, np.nan)
    column = column.cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _useless(values: FloatArray) -> str | None:
    known = values[~np.isnan(values)]
    if len(known) < (1.0 - _MISSING_MAX) * len(values) or not len(known):
        return f"unknown for {1 - len(known) / max(len(values), 1):.0%} of the people"
    share = float(np.unique(known, return_counts=True)[1].max()) / len(known)
    if share == 1.0:
        return "the same for everybody"
    if share > _SAME_MAX:
        return f"the same for {share:.1%} of the people"
    return None


def fit_column(name: str, values: FloatArray) -> PreparedColumn:
    """Learn how to prepare one feature from values of which at least one is known."""
    known = values[~np.isnan(values)]
    fill = float(np.median(known))
    size = np.abs(known[known != 0.0])
    unit = float(np.median(size)) if len(size) else 1.0
    power = 1.0
    # Imported here: all of scipy.stats, for whoever looks for groups.
    from scipy import stats

    if abs(float(stats.skew(known))) > _SKEW_MAX:
        # The power needs no more than some ten thousand values, taken evenly over all.
        some = known[:: 1 + len(known) // _POWER_VALUES_MAX]
        # Within these bounds nothing overflows, and 0 (the logarithm) lies between.
        power = float(np.clip(stats.yeojohnson_normmax(some / unit, brack=(-2, 2)), -2.0, 3.0))
    bent = bend(np.where(np.isnan(values), fill, values) / unit, power)
    return PreparedColumn(name, fill, unit, power, float(bent.mean()), float(bent.std()) or 1.0)


def _twin(values: FloatArray, kept: Sequence[FloatArray]) -> int | None:
    for place, other in enumerate(kept):
        if abs(float(np.corrcoef(values, other)[0, 1])) > _ALIKE_MIN:
            return place
    return None
