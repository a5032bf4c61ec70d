"""The check of the sum of lifetime values: what is more than chance, and how wide the sum is told."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from aimwell.predict.check_total import check_sum

TOTAL = {"estimate": 200.0, "lower": 190.0, "upper": 200.0**2 / 190.0, "confidence": 0.95}


def money(predicted: list[float], actual: list[float]) -> dict[str, Any]:
    one, other = np.array(predicted), np.array(actual)
    return {
        "people": len(one),
        "total_predicted": float(one.sum()),
        "total_actual": float(other.sum()),
        "rmse": float(np.sqrt(((one - other) ** 2).mean())),
    }


def test_chance_is_that_of_the_people_and_of_the_parameters_together() -> None:
    found = check_sum(money([10.0] * 4, [8.0, 12.0, 9.0, 13.0]), TOTAL)
    assert found is not None
    z = float(norm.ppf(0.975))
    people = 4 * np.var([8.0, 12.0, 9.0, 13.0])
    parameters = 40 * np.log(200 / 190) / z
    assert found.chance == pytest.approx(z * sqrt(people + parameters**2))
    assert found.ratio == pytest.approx(42 / 40)
    assert not found.beyond_chance


@pytest.mark.parametrize("times", [0.5, 2.0])
def test_the_range_is_widened_both_ways_by_what_the_check_missed(times: float) -> None:
    found = check_sum(money([10.0] * 100, [10.0 * times] * 100), TOTAL)
    assert found is not None
    assert found.beyond_chance
    assert found.lower == pytest.approx(190.0 / 2)
    assert found.upper == pytest.approx(TOTAL["upper"] * 2)


def test_a_check_that_met_the_sum_by_luck_still_leaves_chance_open() -> None:
    found = check_sum(money([10.0] * 4, [0.0, 20.0, 0.0, 20.0]), TOTAL)
    assert found is not None
    assert found.ratio == 1.0
    assert found.lower < 190.0 / 1.4


@pytest.mark.parametrize(
    ("predicted", "actual", "total"),
    [
        ([0.0], [1.0], TOTAL),
        ([1.0], [0.0], TOTAL),
        ([1.0], [-5.0], TOTAL),
        ([1.0], [1.0], {**TOTAL, "estimate": None, "lower": None, "upper": None}),
    ],
)
def test_nothing_is_said_where_a_ratio_says_nothing(
    predicted: list[float], actual: list[float], total: dict[str, Any]
) -> None:
    assert check_sum(money(predicted, actual), total) is None
