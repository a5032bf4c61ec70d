"""How far apart two groups are, in units that can be compared between traits: what sets a persona apart.

As a rule of thumb for all of them: 0.2 is small, 0.5 medium, 0.8 large (Cramér's V: 0.1, 0.3, 0.5).

Sources: Cohen (1988); Cramér (1946); Austin (2009) for standardised differences.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from aimwell.errors import StatsError
from aimwell.stats.estimate import Figure
from aimwell.stats.samples import Sample, as_sample

__all__ = [
    "cohens_d",
    "cramers_v",
    "standardised_difference",
    "standardised_share_difference",
]


def cohens_d(group: Sample | ArrayLike, others: Sample | ArrayLike) -> Figure:
    """The difference of the means in standard deviations, pooled by the groups' sizes."""
    first, second = as_sample(group, name="group"), as_sample(others, name="others")
    if first.n + second.n < 3:
        return Figure(value=None, reason="fewer than three people in both groups together")
    degrees = first.n + second.n - 2
    squares = sum((part.n - 1) * (part.variance or 0.0) for part in (first, second) if part.n)
    return _in_deviations(first, second, squares / degrees)


def standardised_difference(group: Sample | ArrayLike, others: Sample | ArrayLike) -> Figure:
    """The difference of the means over the root of the plain average of both variances.

    Unlike Cohen's d it does not change with the sizes of the groups, so a small segment and a large one compare.
    """
    first, second = as_sample(group, name="group"), as_sample(others, name="others")
    if first.variance is None or second.variance is None:
        return Figure(value=None, reason="a group has under two people, so its spread is unknown")
    return _in_deviations(first, second, (first.variance + second.variance) / 2.0)


def _in_deviations(first: Sample, second: Sample, variance: float) -> Figure:
    if first.mean is None or second.mean is None:
        return Figure(value=None, reason="a group has nobody in it")
    if variance == 0.0:
        return Figure(value=None, reason="the value does not vary within the groups")
    return Figure(value=(first.mean - second.mean) / math.sqrt(variance))


def standardised_share_difference(group_share: float, others_share: float) -> Figure:
    """The difference of two shares over the root of the average of their variances, share × (1 − share)."""
    for share in (group_share, others_share):
        if not 0.0 <= share <= 1.0:
            raise StatsError(f"A share is {share!r}. It lies between 0 and 1.")
    variance = (group_share * (1.0 - group_share) + others_share * (1.0 - others_share)) / 2.0
    if variance == 0.0:
        return Figure(value=None, reason="the value does not vary within the groups")
    return Figure(value=(group_share - others_share) / math.sqrt(variance))


def cramers_v(counts: ArrayLike) -> Figure:
    """How strongly two traits go together, 0–1, from a table of counts (no correction for small tables).

    Rows and columns in which nobody is are left out.

    Raises:
        StatsError: Not a table of finite counts of 0 or more.
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or not (np.isfinite(table).all() and (table >= 0.0).all()):
        raise StatsError("Cramér's V needs a table of counts, each finite and 0 or more.")
    table = table[table.sum(axis=1) > 0.0][:, table.sum(axis=0) > 0.0]
    if min(table.shape) < 2:
        return Figure(value=None, reason="a trait has only one value among these people")
    total = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    square = float(((table - expected) ** 2 / expected).sum())
    return Figure(value=min(math.sqrt(square / (total * (min(table.shape) - 1))), 1.0))
