"""Who hangs together: connected components over identifiers that origins share."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

__all__ = ["Numbers", "components"]

Numbers = np.ndarray[Any, np.dtype[np.int64]]


def components(origins: int, identifiers: int, bears: Numbers, borne: Numbers) -> Numbers:
    """Origin → number of its component.

    Args:
        origins: How many there are; they are numbered from 0.
        identifiers: How many there are; they are numbered from 0.
        bears: Origin of each pair.
        borne: Identifier of each pair.
    """
    # Origins and identifiers are the two sides of one graph; who shares an identifier hangs together.
    size = origins + identifiers
    graph = coo_matrix(
        (np.ones(len(bears), dtype=np.int8), (bears, borne + origins)), shape=(size, size)
    )
    _count, labels = connected_components(graph, directed=False)
    return np.asarray(labels[:origins], dtype=np.int64)
