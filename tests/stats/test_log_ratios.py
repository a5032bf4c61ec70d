"""Relative changes pooled as logarithms: none below −100 %, covered, and too wide a range is no figure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.log_ratios import MOST_FACTOR, as_changes, log_ratio
from aimwell.stats.meta_analysis import pool
from aimwell.stats.two_means import TwoMeans


def _change(lower: float, estimate: float, upper: float) -> Estimate:
    return Estimate(estimate=estimate, lower=lower, upper=upper, confidence=0.95, method="Fieller")


def test_a_halving_and_a_doubling_are_equally_far_from_nothing() -> None:
    down, up = log_ratio(_change(-0.6, -0.5, -0.375)), log_ratio(_change(0.6, 1.0, 1.5))
    assert down is not None
    assert up is not None
    assert down[0] == pytest.approx(-up[0]) == pytest.approx(math.log(0.5))
    assert down[1] == pytest.approx(up[1]) == pytest.approx(math.log(2.5 / 1.6) / (2 * 1.959964), rel=1e-6)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        _change(-1.0, 0.2, 3.0),
        _change(-1.4, -1.1, -0.8),
        _change(0.1, 0.1, 0.1),
        Estimate.missing("the held-out spent nothing", method="Fieller"),
    ],
)
def test_what_has_no_bounds_above_a_loss_of_everything_has_no_logarithm(change: Estimate) -> None:
    assert log_ratio(change) is None


@given(
    st.lists(
        st.tuples(st.floats(-0.98, 5.0), st.floats(0.01, 0.95), st.floats(1.01, 50.0)),
        min_size=1,
        max_size=6,
    )
)
def test_no_range_goes_below_a_loss_of_everything(
    rows: list[tuple[float, float, float]],
) -> None:
    changes = [
        _change((1 + middle) * low - 1, middle, (1 + middle) * high - 1)
        for middle, low, high in rows
    ]
    logs = [one for change in changes if (one := log_ratio(change)) is not None]
    found = as_changes(pool([one for one, _ in logs], [error for _, error in logs]))
    for one in (found.mean, found.next):
        assert "logarithm of ratios" in one.method
        if one.lower is not None and one.upper is not None:
            assert -1.0 < one.lower <= one.upper
            assert 1.0 + one.upper <= (1.0 + one.lower) * MOST_FACTOR * (1 + 1e-9)
        else:
            assert one.reason


def test_a_range_too_wide_to_say_anything_is_missing_with_that_reason() -> None:
    found = as_changes(pool([0.5, 0.1], [0.2, 0.2])).mean
    assert found.estimate is None
    assert "a halving and a doubling" in (found.reason or "")
    assert as_changes(pool([0.5, 0.1, 0.3], [0.02, 0.02, 0.02])).mean.defined


def _covered(runs: int, campaigns: int, *, differ: float) -> tuple[int, int, int, int]:
    """How many runs tell of two campaigns at least; in how many of them the mean of ratios holds the truth (ten per cent more); and how many ranges
    begin below −100 %, by logarithms and by changes as they stand. A campaign contacts 400 people and holds out 100 of a shop in which
    spend is lognormal."""
    rng = np.random.default_rng(30)
    told = held = below = plainly = 0
    for _ in range(runs):
        ratios = np.exp(rng.normal(math.log(1.1), differ, campaigns))
        changes = [_campaign(rng, one) for one in ratios]
        logs = [one for change in changes if (one := log_ratio(change)) is not None]
        if len(logs) < 2:
            continue
        mean = pool([one for one, _ in logs], [error for _, error in logs]).mean
        known = [one for one in changes if one.defined]
        plain = pool([one.estimate or 0.0 for one in known], [one.normal_error or 1.0 for one in known]).mean  # fmt: skip
        told += 1
        held += bool(mean.covers(math.log(1.1)))
        below += math.expm1(mean.lower or 0.0) < -1.0
        plainly += (plain.lower or 0.0) < -1.0
    return told, held, below, plainly


def _campaign(rng: np.random.Generator, ratio: float) -> Estimate:
    spend = rng.lognormal(3.0, 1.0, 500) * (rng.random(500) < 0.4)
    treated, control = ratio * spend[:400], spend[400:]
    return TwoMeans(
        treated=float(treated.mean()),
        control=float(control.mean()),
        treated_variance=float(treated.var(ddof=1)) / 400,
        control_variance=float(control.var(ddof=1)) / 100,
        covariance=0.0,
        degrees=150.0,
        method="Welch",
    ).relative()


def test_the_mean_of_ratios_is_covered_and_never_below_a_loss_of_everything() -> None:
    told, held, below, plainly = _covered(60, 2, differ=0.1)
    assert told > 50
    assert held / told > 0.88
    assert (below, plainly > 0) == (0, True)


@pytest.mark.long
@pytest.mark.parametrize("campaigns", [2, 3, 6])
@pytest.mark.parametrize("differ", [0.0, 0.2])
def test_two_thousand_means_of_ratios_are_covered(campaigns: int, differ: float) -> None:
    told, held, below, plainly = _covered(2000, campaigns, differ=differ)
    one = wilson(held, told).times(100.0)
    print(
        f"{campaigns} campaigns that differ by {differ}: {one.estimate:.1f} % ({one.lower:.1f} to {one.upper:.1f}) of {told}; begin below −100 %: "
        f"{below}, as they stand {plainly}"
    )
    assert held / told > 0.93
    assert below == 0
