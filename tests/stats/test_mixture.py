"""Two kinds of people among counts: found again where they are, and not where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.stats.mixture import fit_mixture


def cells(n: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pairs, people = np.unique(np.stack([n, k]), axis=1, return_counts=True)
    return pairs[0], pairs[1], people


def test_two_kinds_are_found_again() -> None:
    rng = np.random.default_rng(1)
    n = rng.integers(1, 30, 5_000)
    second = rng.random(5_000) < 0.2
    odds = 8.0
    rate = np.where(second, odds * 0.1 / (0.9 + odds * 0.1), 0.1)
    k = rng.binomial(n, rate)
    found = fit_mixture(*cells(n, k), p=0.1, samples=19)
    assert found is not None
    assert found.share == pytest.approx(0.2, abs=0.03)
    assert found.odds == pytest.approx(8, rel=0.15)
    assert found.p_value == 0.05  # the least that nineteen samples can show
    probability = found.probability(n.astype(float), k.astype(float))
    # A probability is what it says: of those told 0.6 to 0.9 so many are of the second kind.
    told = (probability > 0.6) & (probability < 0.9)
    assert second[told].mean() == pytest.approx(probability[told].mean(), abs=0.07)


def test_one_kind_is_one_kind() -> None:
    rng = np.random.default_rng(2)
    p_values = []
    for seed in range(4):
        n = rng.integers(1, 12, 400)
        found = fit_mixture(*cells(n, rng.binomial(n, 0.1)), p=0.1, samples=19, seed=seed)
        assert found is not None
        p_values.append(found.p_value)
    assert sum(p <= 0.05 for p in p_values) <= 1


def test_there_is_nothing_to_fit() -> None:
    one = np.array([3])
    assert fit_mixture(one[:0], one[:0], one[:0], p=0.1) is None
    assert fit_mixture(one, one, one, p=0.0) is None
