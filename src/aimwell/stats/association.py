"""Whether two divisions of the same people go together, and whether a number differs between groups: test and strength.

Sources: Pearson (1900) for the test of independence; Cramér (1946) with Bergsma's correction (2013) for the strength, which
is 0 on average where nothing goes together; Kruskal and Wallis (1952), with ε² as its strength (Kelley 1935): the share of
the spread of ranks that the groups explain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtri

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.ranks import shared_ranks
from aimwell.stats.samples import FloatArray

__all__ = ["Strength", "epsilon_squared", "independence", "rate_ratio"]

_INDEPENDENCE = (
    "Pearson's test of independence, Cramér's V after Bergsma, bootstrap percentile interval"
)
_SHUFFLED = (
    "test of independence by shuffling, Cramér's V after Bergsma, bootstrap percentile interval"
)
_RANKS = "Kruskal and Wallis' test, ε² of ranks"
_RATIO = "Katz' interval of a ratio of shares"
_EXPECTED_MIN = 5.0
_RESAMPLES = 1_000
_SHUFFLES = 1_999


@dataclass(frozen=True)
class Strength:
    """How strongly things go together, 0–1; `p_value` of "not at all". Missing values have a reason."""

    value: float | None
    p_value: float | None
    method: str
    reason: str | None = None


def independence(
    counts: ArrayLike, *, seed: int, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """Cramér's V of a table of counts, 0–1, with the p-value of independence.

    Where fewer than five people are expected in a cell, the p-value is found by shuffling instead of Pearson's law.

    Args:
        counts: People by two traits; each person once. Rows and columns without anybody are left out.
        seed: Same counts and seed, same answer.
        confidence: 0–1.

    Raises:
        StatsError: Not a table of whole numbers of 0 or more.
    """
    table = np.asarray(counts)
    whole = table.ndim == 2 and np.issubdtype(table.dtype, np.integer)
    if not whole or (table < 0).any():
        raise StatsError("A test of independence needs a table of whole counts of 0 or more.")
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0].astype(np.int64)
    if min(table.shape, default=0) < 2:
        return Estimate.missing(
            "everybody is alike in one of the two", method=_INDEPENDENCE, confidence=confidence
        )
    n, rng = int(table.sum()), np.random.default_rng(seed)
    square, expected = _chi_square(table)
    degrees = (table.shape[0] - 1) * (table.shape[1] - 1)
    method, p_value = _INDEPENDENCE, float(chdtrc(degrees, square))
    if expected.min() < _EXPECTED_MIN:
        method = _SHUFFLED
        shuffled = [_chi_square(one)[0] for one in _shuffled(table, rng)]
        beyond = sum(1 for one in shuffled if one >= square * (1 - 1e-12))
        p_value = (1 + beyond) / (1 + len(shuffled))
    draws = rng.multinomial(n, (table / n).ravel(), size=_RESAMPLES).reshape(-1, *table.shape)
    strengths = [_bergsma(one, noise=2) for one in draws]
    tail = (1.0 - confidence) / 2.0
    value = _bergsma(table)
    lower, upper = np.quantile(strengths, [tail, 1.0 - tail])
    return Estimate(
        estimate=value,
        lower=min(float(lower), value),
        upper=max(float(upper), value),
        confidence=confidence,
        method=method,
        p_value=min(p_value, 1.0),
    )


def _chi_square(table: NDArray[np.int64]) -> tuple[float, FloatArray]:
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    there = expected > 0
    parts = (table[there] - expected[there]) ** 2 / expected[there]
    return float(parts.sum()), expected


def _bergsma(table: NDArray[np.int64], *, noise: int = 1) -> float:
    """The corrected strength; a resampled table has the noise of a sample twice, and is freed of it so often."""
    rows, columns = table.shape
    n = float(table.sum())
    if n < 2:
        return 0.0
    phi = _chi_square(table)[0] / n
    phi = max(phi - noise * (rows - 1) * (columns - 1) / (n - 1), 0.0)
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1.0
    return min(math.sqrt(phi / least), 1.0) if least > 0 else 0.0


def _shuffled(table: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Tables with the same margins, as chance alone would make them: column by column out of what is left of the rows."""
    found = []
    for _turn in range(_SHUFFLES):
        left = table.sum(axis=1)
        columns = []
        for size in table.sum(axis=0)[:-1]:
            drawn = rng.multivariate_hypergeometric(left, size)
            columns.append(drawn)
            left = left - drawn
        found.append(np.column_stack([*columns, left]))
    return found


def epsilon_squared(values: ArrayLike, groups: ArrayLike) -> Strength:
    """How much of the spread of a number's ranks the groups explain, and whether it differs between them at all.

    Args:
        values: One number a person, no NaN.
        groups: The group of each.
    """
    numbers = np.asarray(values, dtype=np.float64)
    found, place = np.unique(np.asarray(groups), return_inverse=True)
    if len(found) < 2 or len(numbers) < 5 or np.ptp(numbers) == 0.0:
        return Strength(None, None, _RANKS, "nothing to compare: one group, or one value")
    ranks = shared_ranks(numbers)
    n = len(ranks)
    sizes = np.bincount(place)
    means = np.bincount(place, weights=ranks) / sizes
    spread = float(((ranks - ranks.mean()) ** 2).sum())
    explained = float((sizes * (means - ranks.mean()) ** 2).sum()) / spread
    statistic = (n - 1) * explained
    p_value = float(chdtrc(len(found) - 1, statistic))
    unbiased = 1.0 - (1.0 - explained) * (n - 1) / (n - len(found)) if n > len(found) else 0.0
    return Strength(max(unbiased, 0.0), min(p_value, 1.0), _RANKS)


def rate_ratio(
    low: tuple[int, int], high: tuple[int, int], *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """The ratio of two shares, each as (who, of how many), with an interval; half a person is added to every count.

    Source: Katz et al. (1978), Obtaining confidence intervals for the risk ratio in cohort studies.
    """
    if not (low[1] and high[1]):
        return Estimate.missing("nobody to compare", method=_RATIO, confidence=confidence)
    (a, n), (b, m) = ((who + 0.5, of + 0.5) for who, of in (low, high))
    ratio = (a / n) / (b / m)
    error = math.sqrt(max(1 / a - 1 / n + 1 / b - 1 / m, 0.0))
    reach = math.exp(float(ndtri(0.5 + confidence / 2.0)) * error)
    return Estimate(
        estimate=ratio,
        lower=ratio / reach,
        upper=ratio * reach,
        confidence=confidence,
        method=_RATIO,
    )
