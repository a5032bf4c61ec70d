"""Many p-values at once: how to keep a list of findings honest.

Benjamini and Hochberg bound the expected share of false findings among those reported; Holm bounds the probability of
even one. Reporting what has an adjusted p-value of at most q keeps that bound at q.

Sources: Benjamini and Hochberg (1995); Holm (1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aimwell.errors import StatsError
from aimwell.stats.samples import FloatArray

__all__ = ["benjamini_hochberg", "holm"]


def benjamini_hochberg(
    p_values: Sequence[float | None], *, tests: int | None = None
) -> list[float | None]:
    """Adjusted p-values that control the false discovery rate, in the order given.

    A missing p-value stays missing and does not count as a test. `tests`: how many tests were made, where only some are
    given; the others count as tests with a p-value of 1, whatever they found.

    >>> [round(p, 4) for p in benjamini_hochberg([0.01, 0.04, 0.03, 0.005])]
    [0.02, 0.04, 0.04, 0.02]
    >>> benjamini_hochberg([0.01, 0.02], tests=10)
    [0.1, 0.1]
    """
    return _adjusted(p_values, step_up=True, tests=tests)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values that control the probability of any false finding, in the order given.

    A missing p-value stays missing and does not count as a test.

    >>> [round(p, 4) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    return _adjusted(p_values, step_up=False)


def _adjusted(
    p_values: Sequence[float | None], *, step_up: bool, tests: int | None = None
) -> list[float | None]:
    known = [i for i, p in enumerate(p_values) if p is not None]
    values = np.array([p_values[i] for i in known], dtype=np.float64)
    # Written so that NaN fails it too.
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise StatsError("A p-value lies between 0 and 1. Give None for one that is missing.")
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    count = len(ranked)
    if tests is not None and tests < count:
        raise StatsError(
            f"There are {count} p-values of only {tests} tests. Count every test made."
        )
    if step_up:
        raw = ranked * (count if tests is None else tests) / np.arange(1, count + 1)
        monotone: FloatArray = np.minimum.accumulate(raw[::-1])[::-1]
    else:
        monotone = np.maximum.accumulate(ranked * np.arange(count, 0, -1))
    result: list[float | None] = [None] * len(p_values)
    for position, value in zip(order, np.minimum(monotone, 1.0), strict=True):
        result[known[int(position)]] = float(value)
    return result
