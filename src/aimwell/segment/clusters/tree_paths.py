"""From a decision tree to rules: its columns, the ways to its leaves, and the documents that say the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.segment.attributes.categories import (
    OTHER,
    UNKNOWN,
    PreparedCategory,
    fit_category,
    is_text,
    texts,
)
from aimwell.segment.attributes.people_table import is_trait, plain_name
from aimwell.segment.attributes.preparation import FloatArray

__all__ = [
    "Inputs",
    "Path",
    "Rule",
    "TreeColumn",
    "joined",
    "leaf_paths",
    "roundest",
    "tree_column",
]

Rule = Mapping[str, Any]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TreeColumn:
    """A column as the tree sees it: one of numbers with gaps filled, or several of marks."""

    name: str
    fill: float = 0.0
    gaps: bool = False
    category: PreparedCategory | None = None

    def inputs(self, table: pa.Table) -> list[tuple[TreeColumn, str | None, FloatArray]]:
        column = table.column(self.name)
        if self.category is None:
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            return [(self, None, np.where(np.isnan(values), self.fill, values))]
        codes = self.category.codes(texts(column))
        return [
            (self, level, (codes == place).astype(np.float64))
            for place, level in enumerate(self.category.levels)
            if level != OTHER
        ]


Inputs = Sequence[tuple[TreeColumn, str | None, FloatArray]]
"""What a tree sees of people: for each input its column, the value that it marks (of a category), and the figures."""


@dataclass(frozen=True)
class Path:
    """What holds on the way to a leaf: limits (above, at most) of numbers; the value, or values excluded."""

    limits: Mapping[TreeColumn, tuple[float, float]] = field(default_factory=dict)
    values: Mapping[TreeColumn, str] = field(default_factory=dict)
    excluded: Mapping[TreeColumn, tuple[str, ...]] = field(default_factory=dict)

    def number(self, column: TreeColumn, cut: float, *, below: bool) -> Path:
        low, high = self.limits.get(column, (-math.inf, math.inf))
        pair = (low, min(high, cut)) if below else (max(low, cut), high)
        return Path({**self.limits, column: pair}, self.values, self.excluded)

    def value(self, column: TreeColumn, level: str, *, same: bool) -> Path:
        if same:
            return Path(self.limits, {**self.values, column: level}, self.excluded)
        so_far = (*self.excluded.get(column, ()), level)
        return Path(self.limits, self.values, {**self.excluded, column: so_far})

    def holds(self, inputs: Inputs) -> BoolArray:
        """For whom of the people in the inputs all of it holds."""
        found = np.ones(len(inputs[0][2]), dtype=bool)
        for column, level, values in inputs:
            if level is None:
                low, high = self.limits.get(column, (-math.inf, math.inf))
                found &= (values > low) & (values <= high)
            elif self.values.get(column) == level:
                found &= values == 1.0
            elif level in self.excluded.get(column, ()):
                found &= values == 0.0
        return found

    def rules(self) -> list[Rule]:
        """One rule for each column on the way."""
        found = [_limits_rule(column, *pair) for column, pair in self.limits.items()]
        found += [_value_rule(column, level) for column, level in self.values.items()]
        for column, levels in self.excluded.items():
            if column not in self.values:
                found += _excluded_rules(column, levels)
        return found


def tree_column(table: pa.Table, name: str) -> TreeColumn | None:
    column = table.column(name)
    if is_text(column):
        found = fit_category(name, texts(column))
        return None if isinstance(found, str) else TreeColumn(name, category=found)
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    gaps = np.isnan(values)
    if gaps.all():
        return None
    return TreeColumn(name, fill=float(np.median(values[~gaps])), gaps=bool(gaps.any()))


def leaf_paths(fitted: Any, inputs: Inputs, rows: FloatArray) -> dict[int, list[Path]]:
    """The ways to the leaves of each group."""
    tree = fitted.tree_
    one_group = _groups_below(tree)
    found: dict[int, list[Path]] = {}
    waiting: list[tuple[int, Path]] = [(0, Path())]
    while waiting:
        node, path = waiting.pop()
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if one_group[node] is not None:
            found.setdefault(int(fitted.classes_[one_group[node]]), []).append(path)
            continue
        place = int(tree.feature[node])
        column, level, _values = inputs[place]
        if level is None:
            cut = _cut(rows[:, place], float(tree.threshold[node]))
            ways = path.number(column, cut, below=True), path.number(column, cut, below=False)
        else:
            ways = path.value(column, level, same=False), path.value(column, level, same=True)
        waiting += [(right, ways[1]), (left, ways[0])]
    return found


def _groups_below(tree: Any) -> list[int | None]:
    """For each node the one group that all its leaves lead to; None where there are several. Children come after parents."""
    found: list[int | None] = [None] * int(tree.node_count)
    for node in reversed(range(tree.node_count)):
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0:
            found[node] = int(tree.value[node][0].argmax())
        elif found[left] == found[right]:
            found[node] = found[left]
    return found


def _cut(values: FloatArray, threshold: float) -> float:
    """The roundest number that divides the values as the threshold does (the tree compares single floats)."""
    single = values.astype(np.float32)
    return roundest(
        float(values[single <= threshold].max()), float(values[single > threshold].min())
    )


def roundest(low: float, high: float) -> float:
    """The number of fewest digits from `low` on and below `high`.

    >>> roundest(13.8, 21.3), roundest(0.0312, 0.0338), roundest(2, 3)
    (20.0, 0.032, 2.0)
    """
    if low <= 0.0 < high:
        return 0.0
    for power in range(math.floor(math.log10(max(abs(low), abs(high)))), -16, -1):
        step = 10.0**power
        found = round(math.ceil(low / step - 1e-9) * step, max(-power, 0))
        if low <= found < high:
            return found
    return low


def joined(word: str, rules: Sequence[Rule]) -> Rule:
    return rules[0] if len(rules) == 1 else {word: list(rules)}


def _head(column: TreeColumn) -> dict[str, Any]:
    return {"trait" if is_trait(column.name) else "feature": plain_name(column.name)}


def _limits_rule(column: TreeColumn, low: float, high: float) -> Rule:
    rule = _head(column)
    if math.isfinite(low):
        rule["above"] = _written(low)
    if math.isfinite(high):
        rule["at_most"] = _written(high)
    if column.gaps and low < column.fill <= high:
        return {"any": [rule, {**_head(column), "exists": False}]}
    return rule


def _written(number: float) -> int | float:
    return int(number) if number == int(number) and abs(number) < 1e15 else number


def _value_rule(column: TreeColumn, level: str) -> Rule:
    if level == UNKNOWN:
        return {**_head(column), "exists": False}
    return {**_head(column), "is": level}


def _excluded_rules(column: TreeColumn, levels: Sequence[str]) -> list[Rule]:
    values = [level for level in levels if level != UNKNOWN]
    found: list[Rule] = []
    if UNKNOWN in levels:
        found.append({**_head(column), "exists": True})
    if values:
        test = {"is": values[0]} if len(values) == 1 else {"in": values}
        found.append({"not": {**_head(column), **test}})
    return found
