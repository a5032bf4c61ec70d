"""Tests of independence and of ranks, against scipy; strength that is 0 where nothing goes together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aimwell.errors import StatsError
from aimwell.stats.association import epsilon_squared, independence, rate_ratio


def test_independence_agrees_with_scipy_and_a_frozen_table() -> None:
    table = np.array([[30, 20, 50], [60, 20, 20]])
    found = independence(table, seed=1)
    square, p_value, *_ = stats.chi2_contingency(table, correction=False)
    assert found.p_value == pytest.approx(p_value)
    phi = square / 200 - 2 / 199
    rows, columns = 2 - 1 / 199, 3 - 4 / 199
    assert found.estimate == pytest.approx((phi / min(rows - 1, columns - 1)) ** 0.5)
    assert found.estimate is not None
    assert found.covers(found.estimate)


def test_small_tables_are_shuffled() -> None:
    table = np.array([[8, 2], [1, 5]])
    found = independence(table, seed=1)
    assert "shuffling" in found.method
    assert found.p_value == pytest.approx(stats.fisher_exact(table).pvalue, abs=0.015)


def test_where_nothing_goes_together_the_strength_is_nothing_and_errors_are_as_many_as_said() -> (
    None
):
    draw = np.random.default_rng(4)
    found = [
        independence(draw.multinomial(400, np.full(12, 1 / 12)).reshape(4, 3), seed=1)
        for _trial in range(30)
    ]
    assert sum((one.p_value or 0) <= 0.05 for one in found) <= 5  # 1.5 expected
    assert np.mean([one.estimate for one in found]) < 0.05
    assert all((one.lower or 0.0) < 0.06 for one in found)


def test_the_interval_of_a_strength_covers_the_truth() -> None:
    shares = np.array([[0.35, 0.15], [0.15, 0.35]])  # V = 0.4
    draw = np.random.default_rng(9)
    covered = sum(
        bool(independence(draw.multinomial(300, shares.ravel()).reshape(2, 2), seed=2).covers(0.4))
        for _trial in range(30)
    )
    assert covered >= 25


def test_ranks_agree_with_scipy() -> None:
    draw = np.random.default_rng(2)
    values, groups = draw.poisson(2.0, 90).astype(float), np.repeat(["a", "b", "c"], 30)
    values[60:] += 1
    found = epsilon_squared(values, groups)
    expected = stats.kruskal(values[:30], values[30:60], values[60:])
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.value is not None
    assert 0 < found.value < 1
    assert epsilon_squared(np.ones(9), np.repeat(["a", "b", "c"], 3)).reason is not None


def test_a_ratio_of_shares_has_katz_interval() -> None:
    found = rate_ratio((20, 100), (40, 100))
    assert found.estimate == pytest.approx(20.5 / 40.5)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < 0.506 < found.upper < 0.8
    assert rate_ratio((0, 0), (1, 2)).reason == "nobody to compare"


def test_wrong_tables_are_refused_and_poor_ones_say_why() -> None:
    with pytest.raises(StatsError, match="whole counts"):
        independence([[0.5, 1.0], [1.0, 2.0]], seed=1)
    assert independence(np.array([[3, 0], [4, 0]]), seed=1).reason is not None
