"""People without groups, made up: what groups found among real people must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aimwell.segment.attributes.preparation import FloatArray

__all__ = ["made_up", "sample_rows"]

_REFERENCE_PEOPLE = 1_000


def made_up(
    rows: FloatArray, blocks: Sequence[int], kind: int, draw: np.random.Generator
) -> FloatArray:
    """Made-up people without groups, as many as `rows` or a thousand: one cloud (0) or evenly spread (1)."""
    count, numbers = min(len(rows), _REFERENCE_PEOPLE), rows.shape[1] - sum(blocks)
    parts = []
    if numbers:
        make = (_one_cloud, _evenly_spread)[kind]
        parts.append(make(rows[:, :numbers], count, draw))
    start = numbers
    for size in blocks:
        parts.append(rows[draw.permutation(len(rows))[:count], start : start + size])
        start += size
    return np.hstack(parts)


def _one_cloud(rows: FloatArray, count: int, draw: np.random.Generator) -> FloatArray:
    """Normal people, with the same means and correlations."""
    spread = np.atleast_2d(np.cov(rows.T))
    return draw.multivariate_normal(rows.mean(0), spread, count, check_valid="ignore")


def _evenly_spread(rows: FloatArray, count: int, draw: np.random.Generator) -> FloatArray:
    """People spread evenly over the box around the rows, along their main axes."""
    centred = rows - rows.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    turned = centred @ axes.T
    even = draw.uniform(turned.min(0), turned.max(0), (count, turned.shape[1]))
    return np.asarray(even @ axes + rows.mean(0))


def sample_rows(rows: FloatArray, size: int, draw: np.random.Generator) -> FloatArray:
    """At most `size` of the rows, drawn at random, in their order."""
    if len(rows) <= size:
        return rows
    return rows[np.sort(draw.choice(len(rows), size, replace=False))]
