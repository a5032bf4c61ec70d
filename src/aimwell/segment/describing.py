"""Any division of people as rules that a person can read and by which new people can be assigned.

A small decision tree learns to tell the groups apart by plain features and traits; each of its leaves is a conjunction of
limits, and a group is the leaves that lead to it. How far the rules agree with the division is measured on people from
whom nothing was learnt, beside the dull alternative of calling everybody the largest group.

Source: Breiman, Friedman, Olshen and Stone (1984).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.segment.categories import (
    OTHER,
    UNKNOWN,
    PreparedCategory,
    fit_category,
    is_text,
    texts,
)
from aimwell.segment.people_table import is_trait, plain_name
from aimwell.segment.preparation import FloatArray
from aimwell.segment.shapes import IntArray
from aimwell.stats.intervals import wilson
from aimwell.stats.resampling import adjusted_rand_index

__all__ = ["Description", "GroupRule", "describe", "roundest"]

_PEOPLE_MAX = 30_000
_PEOPLE_MIN = 60
_PARTS = (0.6, 0.8)  # learn from, choose by, judged on the rest
_LEAVES_MAX = 24
_LEAF_SHARE_MIN = 0.005
_ENOUGH = 0.02

Rule = Mapping[str, Any]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class GroupRule:
    """The rule of one group, as a document holds it; None where no leaf leads there.

    `precision`: share of the people whom the rule takes that are of the group. `recall`: share of the group whom it takes.
    Both on people from whom nothing was learnt; None where there are none.
    """

    group: str
    rule: Rule | None
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Description:
    """Rules for all groups, and how far they agree with the division.

    `agreement` (with `lower` and `upper`, Wilson's 95 % interval) is the share of judged people whom the rules put into
    their own group, `dull` the share of the largest group, `rand` the adjusted Rand index.
    """

    rules: tuple[GroupRule, ...]
    agreement: float
    lower: float
    upper: float
    dull: float
    rand: float
    judged: int
    leaves: int

    @property
    def sentence(self) -> str:
        """How good it is, in words."""
        return (
            f"The rules put {self.agreement:.0%} of {self.judged:,} people who taught them nothing into their own "
            f"group ({self.lower:.0%} to {self.upper:.0%}; calling everybody the largest group: {self.dull:.0%}; "
            f"adjusted Rand index {self.rand:.2f})."
        )

    def segments(self, name: str) -> list[dict[str, Any]]:
        """The rules as documents of the kind segment: NAME-1, NAME-2 …"""
        return [
            {
                "kind": "segment",
                "name": f"{name[:58]}-{number}",
                "description": one.group,
                "rule": one.rule,
            }
            for number, one in enumerate(self.rules, 1)
            if one.rule is not None
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "rules": [dict(vars(one)) for one in self.rules]}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Description:
        """From what `to_dict` gave."""
        return cls(**{**body, "rules": tuple(GroupRule(**one) for one in body["rules"])})


@dataclass(frozen=True)
class _Column:
    """A column as the tree sees it: one of numbers with gaps filled, or several of marks."""

    name: str
    fill: float = 0.0
    gaps: bool = False
    category: PreparedCategory | None = None

    def inputs(self, table: pa.Table) -> list[tuple[_Column, str | None, FloatArray]]:
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


@dataclass(frozen=True)
class _Path:
    """What holds on the way to a leaf: limits (above, at most) of numbers; the value, or values excluded."""

    limits: Mapping[_Column, tuple[float, float]] = field(default_factory=dict)
    values: Mapping[_Column, str] = field(default_factory=dict)
    excluded: Mapping[_Column, tuple[str, ...]] = field(default_factory=dict)

    def number(self, column: _Column, cut: float, *, below: bool) -> _Path:
        low, high = self.limits.get(column, (-math.inf, math.inf))
        pair = (low, min(high, cut)) if below else (max(low, cut), high)
        return _Path({**self.limits, column: pair}, self.values, self.excluded)

    def value(self, column: _Column, level: str, *, same: bool) -> _Path:
        if same:
            return _Path(self.limits, {**self.values, column: level}, self.excluded)
        so_far = (*self.excluded.get(column, ()), level)
        return _Path(self.limits, self.values, {**self.excluded, column: so_far})

    def holds(self, inputs: Sequence[tuple[_Column, str | None, FloatArray]]) -> BoolArray:
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


def describe(
    table: pa.Table,
    columns: Sequence[str],
    labels: IntArray,
    names: Sequence[str],
    *,
    seed: int,
    within: Rule | None = None,
) -> Description | None:
    """Describe a division by rules.

    Args:
        table: One row a person, with `columns` (features, traits as `trait:NAME`).
        columns: What the rules may ask for.
        labels: Each person's group, its place in `names`.
        names: What the groups are called.
        seed: Same people and seed, same rules.
        within: What everybody of the division fulfils; put before each rule.

    Returns:
        None where there are too few people to learn from and to judge by, or nothing tells them apart.
    """
    draw = np.random.default_rng(seed)
    chosen = draw.permutation(table.num_rows)[:_PEOPLE_MAX]
    if len(chosen) < _PEOPLE_MIN:
        return None
    table, labels = table.take(pa.array(chosen)), labels[chosen]
    known = [one for name in columns if (one := _column(table, name)) is not None]
    inputs = [one for column in known for one in column.inputs(table)]
    if not inputs or len(np.unique(labels)) < 2:
        return None
    rows = np.column_stack([values for _of, _level, values in inputs])
    first, second = (round(share * len(rows)) for share in _PARTS)
    tree = _fitted(rows[:second], labels[:second], first, len(names), seed)
    found = _leaves(tree, inputs, rows[:first])
    judged = [(column, level, values[second:]) for column, level, values in inputs]
    truth = labels[second:]
    # By the rules and not by the tree: what is judged is what a document will hold.
    guessed = np.zeros(len(truth), dtype=np.int64)
    for place, paths in found.items():
        for path in paths:
            guessed[path.holds(judged)] = place
    share = wilson(int((guessed == truth).sum()), len(truth))
    return Description(
        rules=tuple(
            _group_rule(place, name, found.get(place, []), guessed, truth, within)
            for place, name in enumerate(names)
        ),
        agreement=float(share.estimate or 0.0),
        lower=float(share.lower or 0.0),
        upper=float(share.upper or 0.0),
        dull=float((truth == np.bincount(labels[:second]).argmax()).mean()),
        rand=adjusted_rand_index(guessed, truth),
        judged=len(truth),
        leaves=sum(map(len, found.values())),
    )


def _column(table: pa.Table, name: str) -> _Column | None:
    column = table.column(name)
    if is_text(column):
        found = fit_category(name, texts(column))
        return None if isinstance(found, str) else _Column(name, category=found)
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    gaps = np.isnan(values)
    if gaps.all():
        return None
    return _Column(name, fill=float(np.median(values[~gaps])), gaps=bool(gaps.any()))


def _fitted(rows: FloatArray, labels: IntArray, first: int, groups: int, seed: int) -> Any:
    """The smallest tree that is nearly as good as the best on people held back."""
    from sklearn.tree import DecisionTreeClassifier

    tried = []
    for leaves in sorted({min(round(groups * times), _LEAVES_MAX) for times in (1, 1.5, 2, 3, 4)}):
        tree = DecisionTreeClassifier(
            max_leaf_nodes=max(leaves, 2),
            min_samples_leaf=max(5, round(_LEAF_SHARE_MIN * first)),
            random_state=seed,
        ).fit(rows[:first], labels[:first])
        tried.append((float((tree.predict(rows[first:]) == labels[first:]).mean()), tree))
    enough = max(right for right, _tree in tried) - _ENOUGH
    return next(tree for right, tree in tried if right >= enough)


def _leaves(
    fitted: Any, inputs: Sequence[tuple[_Column, str | None, FloatArray]], rows: FloatArray
) -> dict[int, list[_Path]]:
    """The ways to the leaves of each group."""
    tree = fitted.tree_
    one_group = _groups_below(tree)
    found: dict[int, list[_Path]] = {}
    waiting: list[tuple[int, _Path]] = [(0, _Path())]
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


def _group_rule(
    place: int,
    name: str,
    paths: Sequence[_Path],
    guessed: IntArray,
    truth: IntArray,
    within: Rule | None,
) -> GroupRule:
    both = int(((guessed == place) & (truth == place)).sum())
    taken, members = int((guessed == place).sum()), int((truth == place).sum())
    ways = [_joined("all", path.rules()) for path in paths]
    rule = None
    if ways:
        rule = _joined("any", ways)
        if within is not None:
            inner = rule.get("all", [rule])
            rule = {"all": [within, *inner]}
    return GroupRule(
        name, rule, both / taken if taken else None, both / members if members else None
    )


def _joined(word: str, rules: Sequence[Rule]) -> Rule:
    return rules[0] if len(rules) == 1 else {word: list(rules)}


def _head(column: _Column) -> dict[str, Any]:
    return {"trait" if is_trait(column.name) else "feature": plain_name(column.name)}


def _limits_rule(column: _Column, low: float, high: float) -> Rule:
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


def _value_rule(column: _Column, level: str) -> Rule:
    if level == UNKNOWN:
        return {**_head(column), "exists": False}
    return {**_head(column), "is": level}


def _excluded_rules(column: _Column, levels: Sequence[str]) -> list[Rule]:
    values = [level for level in levels if level != UNKNOWN]
    found: list[Rule] = []
    if UNKNOWN in levels:
        found.append({**_head(column), "exists": True})
    if values:
        test = {"is": values[0]} if len(values) == 1 else {"in": values}
        found.append({"not": {**_head(column), **test}})
    return found
