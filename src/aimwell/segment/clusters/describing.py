"""Any division of people as rules that a person can read and by which new people can be assigned.

A small decision tree learns to tell the groups apart by plain features and traits; each of its leaves is a conjunction of
limits, and a group is the leaves that lead to it. How far the rules agree with the division is measured on people from
whom nothing was learnt, beside the dull alternative of calling everybody the largest group.

Source: Breiman, Friedman, Olshen and Stone (1984).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.clusters.shapes import IntArray
from aimwell.segment.clusters.tree_paths import Path, Rule, joined, leaf_paths, tree_column
from aimwell.stats.intervals import wilson
from aimwell.stats.resampling import adjusted_rand_index

__all__ = ["Description", "GroupRule", "describe"]

_PEOPLE_MAX = 30_000
_PEOPLE_MIN = 60
_PARTS = (0.6, 0.8)  # learn from, choose by, judged on the rest
_LEAVES_MAX = 24
_LEAF_SHARE_MIN = 0.005
_ENOUGH = 0.02


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
    known = [one for name in columns if (one := tree_column(table, name)) is not None]
    inputs = [one for column in known for one in column.inputs(table)]
    if not inputs or len(np.unique(labels)) < 2:
        return None
    rows = np.column_stack([values for _of, _level, values in inputs])
    first, second = (round(share * len(rows)) for share in _PARTS)
    tree = _fitted(rows[:second], labels[:second], first, len(names), seed)
    found = leaf_paths(tree, inputs, rows[:first])
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


def _group_rule(
    place: int,
    name: str,
    paths: Sequence[Path],
    guessed: IntArray,
    truth: IntArray,
    within: Rule | None,
) -> GroupRule:
    both = int(((guessed == place) & (truth == place)).sum())
    taken, members = int((guessed == place).sum()), int((truth == place).sum())
    ways = [joined("all", path.rules()) for path in paths]
    rule = None
    if ways:
        rule = joined("any", ways)
        if within is not None:
            inner = rule.get("all", [rule])
            rule = {"all": [within, *inner]}
    return GroupRule(
        name, rule, both / taken if taken else None, both / members if members else None
    )
