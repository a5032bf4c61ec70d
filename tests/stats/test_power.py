"""Sample sizes and detectable lifts against published figures and statsmodels (0.15.0, computed once)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats.power import (
    cohens_h,
    mean_power,
    mean_sample_size,
    proportion_power,
    proportion_sample_size,
    smallest_mean_lift,
    smallest_proportion_lift,
)


def test_ten_to_twelve_per_cent_needs_3835_an_arm():
    assert cohens_h(0.12, 0.10) == pytest.approx(0.0639821, abs=5e-8)
    size = proportion_sample_size(treated_rate=0.12, control_rate=0.10)
    assert size.treated == size.control == pytest.approx(3834.595739884031, rel=1e-8)


@pytest.mark.parametrize(
    ("d", "power", "n"), [(0.2, 0.8, 393.4056930002526), (0.1, 0.9, 2102.4447100825073)]
)
def test_means_need_as_many_people_as_the_noncentral_t_law_says(d, power, n):
    assert mean_sample_size(d, power=power).control == pytest.approx(n, rel=1e-7)
    assert mean_sample_size(-d, power=power).control == pytest.approx(n, rel=1e-7)


def test_unequal_arms_agree_with_statsmodels():
    size = mean_sample_size(0.3, treated_per_control=4.0)
    assert size.control == pytest.approx(109.39742692772745, rel=1e-7)
    assert size.treated == pytest.approx(4 * size.control)
    assert mean_power(0.3, treated_n=28, control_n=112) == pytest.approx(
        0.2915426216564941, rel=1e-9
    )
    assert proportion_power(0.15, treated_n=150, control_n=300) == pytest.approx(
        0.32304115977680475, rel=1e-9
    )
    # h = 0.15 at 90 % and alpha 1 %, three in one arm for each in the other: 881.74 in the smaller.
    reached = proportion_power(
        0.15, treated_n=3 * 881.7414640099865, control_n=881.7414640099865, alpha=0.01
    )
    assert reached == pytest.approx(0.9, rel=1e-9)


def test_detectable_lifts_agree_with_statsmodels():
    mean = smallest_mean_lift(10.0, treated_n=2_640, control_n=660)
    assert mean.value == pytest.approx(10.0 * 0.12195870793509649, rel=1e-7)
    share = smallest_proportion_lift(0.10, treated_n=2_640, control_n=660)
    # statsmodels' own search stops at a power of 0.8000015 here.
    assert cohens_h(0.10 + share.value, 0.10) == pytest.approx(0.12192342490393239, rel=3e-6)


@given(st.floats(0.001, 0.9), st.integers(50, 10**6), st.integers(50, 10**6))
def test_the_detectable_share_is_detected_with_just_that_power(base, treated_n, control_n):
    found = smallest_proportion_lift(base, treated_n=treated_n, control_n=control_n)
    if found.value is None:
        assert proportion_power(cohens_h(1.0, base), treated_n=treated_n, control_n=control_n) < 0.8
        return
    power = proportion_power(
        cohens_h(min(base + found.value, 1.0), base), treated_n=treated_n, control_n=control_n
    )
    assert power == pytest.approx(0.8, abs=1e-6)


@given(st.floats(0.01, 1e6), st.integers(2, 10**7), st.integers(2, 10**7))
def test_the_detectable_mean_is_detected_with_just_that_power(deviation, treated_n, control_n):
    found = smallest_mean_lift(deviation, treated_n=treated_n, control_n=control_n)
    power = mean_power(found.value / deviation, treated_n=treated_n, control_n=control_n)
    assert power == pytest.approx(0.8, abs=1e-6)


@given(st.floats(0.02, 3.0), st.floats(0.2, 5.0), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_planned_people_have_the_planned_power(d, ratio, power):
    size = mean_sample_size(d, power=power, treated_per_control=ratio)
    reached = mean_power(d, treated_n=size.treated, control_n=size.control)
    assert reached >= power - 1e-6
    if min(size.treated, size.control) > 2.0 + 1e-6:
        assert reached == pytest.approx(power, abs=1e-6)


@pytest.mark.parametrize("d", [0.0, 1.0, 5.0, 20.0, 100.0])
@pytest.mark.parametrize("n", [2, 5, 30, 10_000])
def test_power_never_turns_into_nan_or_leaves_its_range(d, n):
    power = mean_power(d, treated_n=n, control_n=n)
    assert 0.05 - 1e-12 <= power <= 1.0


@pytest.mark.parametrize("degrees", [5, 1_000, 100_000])
def test_power_is_there_where_scipy_cannot_compute_the_far_tail(degrees):
    """An effect of ten standard errors: the chance of a finding on the wrong side is NaN in SciPy 1.17."""
    n = (degrees + 2) / 2
    power = mean_power(10.0 * np.sqrt(2 / n), treated_n=n, control_n=n)
    assert power == pytest.approx(1.0, abs=1e-6)


def test_power_with_an_empty_arm_is_the_false_alarm_rate():
    assert mean_power(0.5, treated_n=0, control_n=10) == 0.05
    assert proportion_power(0.5, treated_n=10, control_n=0) == 0.05


def test_simulated_experiments_detect_as_often_as_planned():
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(1)
    treated, control = rng.normal(0.5, 1.0, (4_000, 90)), rng.normal(0.0, 1.0, (4_000, 40))
    detected = (ttest_ind(treated, control, axis=1).pvalue < 0.05).mean()
    assert mean_power(0.5, treated_n=90, control_n=40) == pytest.approx(detected, abs=0.02)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (smallest_mean_lift(5.0, treated_n=1, control_n=9), "under two people"),
        (smallest_mean_lift(0.0, treated_n=9, control_n=9), "does not vary"),
        (smallest_proportion_lift(0.1, treated_n=0, control_n=9), "nobody"),
        (smallest_proportion_lift(0.5, treated_n=4, control_n=4), "so small"),
    ],
)
def test_a_lift_that_cannot_be_detected_is_missing_with_the_reason(found, words):
    assert found.value is None
    assert words in found.reason


@pytest.mark.parametrize(
    "call",
    [
        lambda: cohens_h(1.2, 0.1),
        lambda: cohens_h(0.1, float("nan")),
        lambda: proportion_sample_size(treated_rate=0.1, control_rate=0.1),
        lambda: mean_sample_size(0.0),
        lambda: mean_sample_size(float("nan")),
        lambda: mean_sample_size(1e-12),
        lambda: mean_sample_size(0.2, power=0.04),
        lambda: mean_sample_size(0.2, power=1.0),
        lambda: mean_sample_size(0.2, treated_per_control=0.0),
        lambda: mean_power(0.2, treated_n=-1, control_n=5),
        lambda: smallest_mean_lift(-1.0, treated_n=5, control_n=5),
        lambda: smallest_mean_lift(float("inf"), treated_n=5, control_n=5),
    ],
)
def test_plans_that_make_no_sense_are_refused(call):
    with pytest.raises(StatsError):
        call()
