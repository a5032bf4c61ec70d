"""The people of one arm."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew

from aimwell.errors import StatsError
from aimwell.stats.arms import Arm, ArmSummary, pooled_skew


def test_a_summary_counts_people_buyers_and_money():
    arm = Arm.of([0.0, 0.0, 10.0, -2.5])
    assert arm.summary() == ArmSummary(n=4, mean=1.875, total=7.5, buyers=2)
    assert Arm.of([]).summary() == ArmSummary(n=0, mean=None, total=0.0, buyers=0)


def test_one_covariate_may_be_a_list_and_several_are_rows():
    assert Arm.of([1.0, 2.0], [3.0, 4.0]).covariates.shape == (2, 1)
    assert Arm.of([1.0, 2.0], [[3.0, 5.0], [4.0, 6.0]]).covariates.shape == (2, 2)
    assert Arm.of([1.0, 2.0], np.empty((2, 0))).covariates is None
    assert Arm.of([1.0]).without_covariates().covariates is None


def test_covariates_for_other_people_or_without_a_value_are_refused():
    with pytest.raises(StatsError, match="one row of covariates"):
        Arm.of([1.0, 2.0], [1.0])
    with pytest.raises(StatsError, match="covariates are NaN"):
        Arm.of([1.0, 2.0], [1.0, np.nan])


def test_ordering_moves_outcome_and_covariates_together_and_forgets_the_order_of_rows():
    outcomes, covariates = np.array([3.0, 0.0, 0.0, 7.0]), np.array([1.0, 9.0, 2.0, 4.0])
    arm = Arm.of(outcomes, covariates).ordered()
    assert arm.outcomes.tolist() == [0.0, 0.0, 3.0, 7.0]
    assert arm.covariates[:, 0].tolist() == [2.0, 9.0, 1.0, 4.0]
    other = Arm.of(outcomes[::-1], covariates[::-1]).ordered()
    np.testing.assert_array_equal(arm.covariates, other.covariates)


def test_skew_agrees_with_scipy_and_is_missing_where_nothing_varies():
    values = np.random.default_rng(3).lognormal(size=200)
    assert pooled_skew(values) == pytest.approx(skew(values), rel=1e-12)
    assert pooled_skew(np.array([5.0, 5.0])) is None
    assert pooled_skew(np.array([])) is None
