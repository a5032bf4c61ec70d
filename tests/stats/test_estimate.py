"""An answer comes whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import StatsError
from aimwell.stats.estimate import Estimate, Figure, checked_share


def _estimate(**changes):
    given = {"estimate": 2.0, "lower": -1.0, "upper": 5.0, "confidence": 0.95, "method": "by hand"}
    return Estimate(**{**given, **changes})


def test_a_missing_estimate_carries_its_reason_and_no_number():
    missing = Estimate.missing("nobody came", method="by hand")
    assert (missing.estimate, missing.lower, missing.upper, missing.p_value) == (None,) * 4
    assert missing.reason == "nobody came"
    assert not missing.defined
    assert missing.excludes_zero is None
    assert missing.covers(0.0) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"lower": None},
        {"estimate": None},
        {"estimate": None, "lower": None, "upper": None},
        {"upper": float("inf")},
        {"estimate": float("nan")},
        {"lower": 6.0},
        {"reason": "none"},
        {"confidence": 95},
        {"confidence": 1.0},
        {"p_value": 1.2},
        {"p_value": float("nan")},
    ],
)
def test_half_an_estimate_is_refused(changes):
    with pytest.raises(StatsError):
        _estimate(**changes)


def test_an_interval_covers_its_bounds_and_tells_whether_it_excludes_zero():
    estimate = _estimate()
    assert estimate.covers(-1.0)
    assert estimate.covers(5.0)
    assert not estimate.covers(5.1)
    assert estimate.excludes_zero is False
    assert _estimate(lower=0.5).excludes_zero is True
    assert _estimate(estimate=-2.0, lower=-3.0, upper=-1.0).excludes_zero is True


def test_the_total_for_many_people_scales_figure_and_bounds_and_keeps_the_p_value():
    total = _estimate(p_value=0.3).times(100)
    assert (total.estimate, total.lower, total.upper, total.p_value) == (200.0, -100.0, 500.0, 0.3)
    turned = _estimate().times(-1)
    assert (turned.estimate, turned.lower, turned.upper) == (-2.0, -5.0, 1.0)
    missing = Estimate.missing("nobody came", method="by hand")
    assert missing.times(100) == missing


def test_numbers_of_numpy_become_numbers_that_json_knows():
    estimate = _estimate(estimate=np.float64(2.0), lower=np.int64(-1), p_value=np.float32(0.5))
    assert {type(getattr(estimate, name)) for name in ("estimate", "lower", "p_value")} == {float}
    assert type(Figure(value=np.float64(1.0)).value) is float


@pytest.mark.parametrize(
    "given",
    [{"value": None}, {"value": 1.0, "reason": "x"}, {"value": float("nan")}],
)
def test_a_figure_has_a_value_or_a_reason_and_not_both(given):
    with pytest.raises(StatsError):
        Figure(**given)


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.1, float("nan"), "0.5", None])
def test_a_share_outside_zero_and_one_is_refused_by_name(value):
    with pytest.raises(StatsError, match="confidence"):
        checked_share(value, name="confidence")
