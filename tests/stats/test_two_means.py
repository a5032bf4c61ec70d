"""The ratio of two means by Fieller's interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aimwell.stats.intervals import welch_means
from aimwell.stats.samples import Sample
from aimwell.stats.two_means import TwoMeans

means = st.builds(
    TwoMeans,
    treated=st.floats(0.5, 50.0),
    control=st.floats(0.5, 50.0),
    treated_variance=st.floats(0.01, 4.0),
    control_variance=st.floats(0.01, 4.0),
    covariance=st.floats(-0.005, 0.005),
    degrees=st.floats(3.0, 1e6),
    method=st.just("by hand"),
)


@given(means)
def test_each_bound_of_the_ratio_is_a_ratio_that_the_test_just_does_not_reject(both):
    found = both.relative()
    assume(found.defined)
    for bound in (found.lower, found.upper):
        ratio = 1.0 + bound
        gap = both.treated - ratio * both.control
        variance = (
            both.treated_variance - 2.0 * ratio * both.covariance + ratio**2 * both.control_variance
        )
        quantile = both.difference().upper - both.difference().estimate
        quantile /= np.sqrt(both.variance)
        assert abs(gap) / np.sqrt(variance) == pytest.approx(quantile, rel=1e-4)


@given(means)
def test_the_relative_lift_excludes_zero_exactly_when_the_difference_does(both):
    difference, relative = both.difference(), both.relative()
    assume(relative.defined)
    assume(min(abs(difference.lower), abs(difference.upper)) > 1e-6)
    assert relative.excludes_zero == difference.excludes_zero
    assert relative.p_value == difference.p_value
    assert relative.lower <= relative.estimate <= relative.upper


def test_fieller_gives_the_figures_worked_out_by_hand():
    # Means 12 and 10, variances of the means 1 and 0.25, a normal quantile of 1.959964:
    # (100 − .960365) R² − 240 R + (144 − 3.841459) = 0 has the roots .981667 and 1.441605.
    both = TwoMeans(
        treated=12.0,
        control=10.0,
        treated_variance=1.0,
        control_variance=0.25,
        covariance=0.0,
        degrees=1e12,
        method="by hand",
    )
    found = both.relative()
    assert found.estimate == pytest.approx(0.2)
    assert (found.lower, found.upper) == pytest.approx((-0.018333, 0.441605), abs=1e-6)


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ([0.0, 0.0, 0.0, 9.0], "not clearly away from zero"),
        ([0.0, 0.0, 0.0, 0.0], "a share of nothing or of a loss"),
        ([-5.0, -5.5, -6.0, -5.0], "a share of nothing or of a loss"),
    ],
)
def test_a_ratio_to_a_mean_near_zero_is_missing_with_the_reason(control, words):
    both = welch_means(Sample.of([3.0, 8.0, 1.0, 4.0]), Sample.of(control))
    assert both.difference().defined
    found = both.relative()
    assert not found.defined
    assert words in found.reason


def test_without_variance_both_figures_are_missing():
    both = welch_means(Sample.of([3.0, 3.0]), Sample.of([2.0, 2.0]))
    assert not both.difference().defined
    assert both.relative().reason == both.difference().reason
