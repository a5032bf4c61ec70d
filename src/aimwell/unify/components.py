"""Which origins are one person: connected components over identifiers that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aimwell.unify.model import Merge

__all__ = ["merges"]


def merges(
    links: Sequence[tuple[str, str, str]], first_seen: Mapping[str, datetime]
) -> list[Merge]:
    """People with more than one origin.

    Args:
        links: (kind, value_hash, origin_id) of identifiers that at least two origins share.
        first_seen: Origin → when its identifier was first seen.

    Returns:
        One Merge a person. The profile takes the id of its earliest origin (the smaller id where two are
        equally early), so it does not depend on the order of the input.
    """
    if not links:
        return []
    origins = sorted({origin for _kind, _hash, origin in links})
    number = {origin: index for index, origin in enumerate(origins)}
    keys: dict[tuple[str, str], int] = {}
    rows = np.fromiter(
        (number[origin] for _k, _h, origin in links), dtype=np.int64, count=len(links)
    )
    columns = np.fromiter(
        (keys.setdefault((kind, value), len(keys)) for kind, value, _o in links),
        dtype=np.int64,
        count=len(links),
    )
    # Origins and identifiers are the two sides of one graph; who shares an identifier hangs together.
    size = len(origins) + len(keys)
    graph = coo_matrix(
        (np.ones(len(links), dtype=np.int8), (rows, columns + len(origins))), shape=(size, size)
    )
    _count, labels = connected_components(graph, directed=False)
    groups: dict[int, list[str]] = {}
    for index, origin in enumerate(origins):
        groups.setdefault(int(labels[index]), []).append(origin)
    evidence: dict[int, set[str]] = {}
    for (kind, _value), index in keys.items():
        evidence.setdefault(int(labels[len(origins) + index]), set()).add(kind)
    return [
        Merge(
            profile_id=min(group, key=lambda origin: (first_seen[origin], origin)),
            origins=tuple(group),
            evidence=tuple(sorted(evidence[label])),
        )
        for label, group in sorted(groups.items(), key=lambda item: item[1][0])
        if len(group) > 1
    ]
