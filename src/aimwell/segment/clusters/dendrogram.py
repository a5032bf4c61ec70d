"""The top of a tree of groups: which branches join at which distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimwell.segment.attributes.preparation import FloatArray

__all__ = ["Dendrogram", "grow_dendrogram"]

_LEAVES = 24


@dataclass(frozen=True)
class Dendrogram:
    """The last joins of Ward's tree.

    Args:
        sizes: People in each of the lowest branches shown, from left to right.
        joins: (left, right, height): nodes count from the branches on, each join makes the next; the last is the root.
    """

    sizes: tuple[int, ...]
    joins: tuple[tuple[int, int, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"sizes": list(self.sizes), "joins": [list(join) for join in self.joins]}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Dendrogram:
        """From what `to_dict` gave."""
        joins = tuple(
            (int(left), int(right), float(height)) for left, right, height in body["joins"]
        )
        return cls(tuple(body["sizes"]), joins)


def grow_dendrogram(rows: FloatArray, *, leaves: int = _LEAVES) -> Dendrogram:
    """Ward's tree over the rows, its lowest joins taken together until `leaves` branches are left."""
    from scipy.cluster.hierarchy import linkage

    tree = linkage(rows, "ward")
    people, first = len(rows), max(0, len(tree) - (leaves - 1))
    sizes = np.concatenate([np.ones(people), tree[:, 3]]).astype(int)
    joined = {
        people + place: (int(row[0]), int(row[1]))
        for place, row in enumerate(tree)
        if place >= first
    }
    order: list[int] = []
    waiting = [people + len(tree) - 1]
    while waiting:  # from left to right, without recursion: a tree may be a comb
        node = waiting.pop()
        if node in joined:
            waiting.extend(reversed(joined[node]))
        else:
            order.append(node)
    places = {node: place for place, node in enumerate(order)}
    joins = []
    for node in sorted(joined):
        left, right = joined[node]
        joins.append((places[left], places[right], float(tree[node - people, 2])))
        places[node] = len(order) + len(joins) - 1
    return Dendrogram(tuple(int(sizes[node]) for node in order), tuple(joins))
