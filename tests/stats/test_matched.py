"""Ratios of shares within strata: against a published table, simulated truth, and the exact test."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import StatsError
from aimwell.stats.hypergeometric import fisher_greater
from aimwell.stats.matched import matched_ratios


def test_one_stratum_is_the_plain_ratio_with_katz_interval() -> None:
    found = matched_ratios([[30]], [[100]], [[45]], [200])
    assert found.ratio[0] == pytest.approx(0.30 / 0.15)
    error = np.sqrt(1 / 30 - 1 / 100 + 1 / 15 - 1 / 100)
    assert np.log(found.upper[0] / found.ratio[0]) == pytest.approx(1.959964 * error, rel=1e-3)


def test_two_strata_by_hand() -> None:
    # Shares of 40/100 against 20/100, and of 10/20 against 45/180: weights n1 n0 / n.
    found = matched_ratios([[40, 10]], [[100, 20]], [[60, 55]], [200, 200])
    hit, missed = 40 * 100 / 200 + 10 * 180 / 200, 20 * 100 / 200 + 45 * 20 / 200
    assert found.ratio[0] == pytest.approx(hit / missed)
    assert found.expected[0] == pytest.approx(30 + 5.5)


def test_what_strata_alone_explain_is_gone() -> None:
    # In both strata the shares are equal; together the exposed look three times as likely.
    found = matched_ratios([[80, 1]], [[160, 20]], [[100, 10]], [200, 200])
    assert found.ratio[0] == pytest.approx(1.0)
    assert found.p_value[0] == 1.0


def test_the_p_value_is_never_below_the_exact_one() -> None:
    rng = np.random.default_rng(3)
    total = rng.integers(20, 500, 3_000)
    first, second = rng.integers(1, total), rng.integers(1, total)
    joint = rng.hypergeometric(first, total - first, second)
    more = np.minimum(joint + rng.integers(0, 6, len(joint)), np.minimum(first, second))
    exact = fisher_greater(more, first, second, total)
    columns = [one[:, None] for one in (more, first, second, total)]
    assert (matched_ratios(*columns).p_value >= exact - 1e-9).all()


def test_intervals_cover_and_false_alarms_are_as_rare_as_said() -> None:
    rng = np.random.default_rng(5)
    totals, base, truth = np.array([400, 300, 500, 200]), np.array([0.02, 0.1, 0.2, 0.4]), 1.8
    exposed = rng.binomial(totals, [0.1, 0.3, 0.5, 0.2], (4_000, 4))
    others = rng.binomial(totals - exposed, base)
    for ratio in (1.0, truth):
        joint = rng.binomial(exposed, base * ratio)
        found = matched_ratios(joint, exposed, joint + others, totals)
        covered = np.mean((found.lower <= ratio) & (ratio <= found.upper))
        assert 0.935 < covered < 0.965
        if ratio == 1.0:
            assert np.mean(found.p_value <= 0.05) < 0.05


def test_without_a_case_among_the_one_or_the_other_it_is_missing() -> None:
    found = matched_ratios([[0], [5]], [[10], [10]], [[5], [5]], [100])
    for row in range(2):
        assert found.estimate(row).estimate is None
        assert "never happened" in str(found.estimate(row).reason)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(StatsError, match="cannot be"):
        matched_ratios([[11]], [[10]], [[20]], [100])
