"""A next campaign beside few earlier ones: Student's law where campaigns differ by much, never bolder than it says where they differ by little."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aimwell.errors import StatsError
from aimwell.stats.effect_axes import Axes
from aimwell.stats.next_effect import betweens, chance_of_less


def test_where_measurement_is_exact_it_is_students_law() -> None:
    effects = np.array([0.2, -0.4, 0.9, 0.1])
    tiny = np.full(4, 1e-12)
    for value in (-60.0, -9.0, -2.0, 0.3, 1.5):
        scaled = (value - effects.mean()) / (effects.std(ddof=1) * np.sqrt(1 + 1 / 4))
        found = chance_of_less(value, 1e-12, effects=effects, variances=tiny)
        assert found == pytest.approx(stats.t.cdf(scaled, 3), rel=0.01)


def test_where_campaigns_are_alike_beyond_chance_it_is_nearly_the_normal_law() -> None:
    effects, variances = np.zeros(5), np.full(5, 0.04)
    found = chance_of_less(-0.3, 0.04, effects=effects, variances=variances)
    assert found == pytest.approx(stats.norm.cdf(-0.3 / np.sqrt(0.04 * 1.2)), rel=1e-9)


def test_the_generalised_q_at_a_variance_found_is_the_quantile() -> None:
    effects, variances = np.array([0.1, 0.9, -0.5]), np.array([0.01, 0.03, 0.02])
    (found,) = betweens(Axes(effects, np.ones(len(effects)), variances), np.array([1.386]))
    weights = 1 / (variances + found)
    mean = (weights * effects).sum() / weights.sum()
    assert (weights * (effects - mean) ** 2).sum() == pytest.approx(1.386, rel=1e-9)


def test_two_campaigns_do_not_tell_how_much_they_differ() -> None:
    with pytest.raises(StatsError, match="3 are needed"):
        chance_of_less(0.0, 1.0, effects=np.zeros(2), variances=np.ones(2))


@pytest.mark.long
@pytest.mark.parametrize("campaigns", [3, 4, 6])
@pytest.mark.parametrize("between", [0.0, 1.0, 3.0, 30.0])
def test_a_healthy_next_one_is_called_unlikely_no_more_often_than_promised(
    campaigns: int, between: float
) -> None:
    # 20,000 runs: at a true 0.1 % more than 0.15 % comes about once in sixty times.
    rng = np.random.default_rng(3)
    variances = rng.uniform(0.5, 2.0, campaigns)
    found = np.empty(20_000)
    for run in range(len(found)):
        effects = rng.normal(0.0, np.sqrt(variances + between))
        now = rng.normal(0.0, np.sqrt(1.0 + between))
        found[run] = chance_of_less(now, 1.0, effects=effects, variances=variances)
    assert (found <= 0.05).mean() <= 0.053
    assert (found <= 0.01).mean() <= 0.0116
    assert (found <= 0.001).mean() <= 0.0015
