"""CUPED against least squares, tea-tasting and its own algebra.

Figures marked "statsmodels" (0.15.0) and "tea-tasting" (1.14.0) were computed once in an environment of their own.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats.cuped import adjusted_means, cuped, plan_adjustment
from aimwell.stats.intervals import welch
from aimwell.stats.samples import JointSample

TREATED = [0, 0, 0, 12.5, 40, 7.25, 0, 99.9, 3, 15]
CONTROL = [0, 0, 5, 8, 0, 22.5, 0, 1.75]
BEFORE_T = [1, 2, 0, 10, 30, 9, 4, 60, 2, 20]
BEFORE_C = [0, 3, 6, 5, 1, 25, 2, 4]
VISITS_T = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
VISITS_C = [5, 8, 9, 7, 9, 3, 2, 3]


def _joint(outcomes, *covariates):
    return JointSample.of(outcomes, np.column_stack(covariates).astype(float))


def _random(seed: int, n: int, covariates: int, effect: float = 0.0):
    rng = np.random.default_rng(seed)
    known = rng.lognormal(size=(n, covariates))
    return known @ np.arange(1, covariates + 1) + rng.normal(size=n) + effect, known


def test_the_adjusted_difference_is_the_coefficient_of_least_squares():
    found, adjustment = cuped(_joint(TREATED, BEFORE_T), _joint(CONTROL, BEFORE_C))
    assert found.estimate == pytest.approx(0.6275314116777544, rel=1e-9)  # statsmodels OLS
    assert adjustment.theta == pytest.approx((1.5504619364375467,), rel=1e-9)  # statsmodels OLS
    # Residual mean squares 33.9955 with and 580.7336 without the covariate, statsmodels OLS.
    reduction = 1.0 - 33.99551053215077 / 580.73358984375
    assert adjustment.variance_reduction == pytest.approx(reduction, rel=1e-9)
    assert adjustment.reason is None


def test_two_covariates_give_the_coefficients_of_least_squares():
    found, adjustment = cuped(
        _joint(TREATED, BEFORE_T, VISITS_T), _joint(CONTROL, BEFORE_C, VISITS_C)
    )
    assert found.estimate == pytest.approx(1.7066959346523252, rel=1e-9)  # statsmodels OLS
    assert adjustment.theta == pytest.approx((1.536924557638302, 0.524426283049005), rel=1e-9)
    assert adjustment.used == (0, 1)


def test_with_equal_spread_the_standard_error_is_that_of_least_squares():
    """Both arms hold the same residuals, so pooling them or not makes no difference."""
    rng = np.random.default_rng(5)
    known = rng.normal(size=(40, 2))
    noise = rng.normal(size=40)
    outcomes = known @ [2.0, -1.0] + noise
    arms = [JointSample.of(outcomes + shift, known + shift) for shift in (0.0, 0.7)]
    adjustment = plan_adjustment(*arms)
    found = adjusted_means(*arms, adjustment)
    values = np.concatenate([outcomes, outcomes + 0.7])
    design = np.column_stack(
        [np.ones(80), np.repeat([1.0, 0.0], 40), np.concatenate([known, known + 0.7])]
    )
    solution, squares, *_ = np.linalg.lstsq(design, values, rcond=None)
    variance = float(squares[0]) / (80 - 4) * np.linalg.inv(design.T @ design)[1, 1]
    assert found.treated - found.control == pytest.approx(solution[1], rel=1e-9)
    # Welch divides each arm's squares by 39, least squares by 78: the same for equal arms.
    assert found.variance == pytest.approx(variance, rel=1e-9)
    assert found.degrees == pytest.approx(80 - 4)


def test_on_two_thousand_people_tea_tasting_gives_the_same():
    """tea-tasting pools theta around the common mean; the difference is of the order of one in n."""
    rng = np.random.default_rng(20110901)
    n = 2_000
    spend = np.where(rng.random(n) < 0.4, rng.lognormal(3, 1, n), 0).round(2)
    known = np.where(rng.random(n) < 0.5, rng.lognormal(3, 0.8, n), 0)
    before = (spend * 0.6 + known).round(2)
    assert (spend.sum(), before.sum()) == pytest.approx((26434.53, 43142.20), abs=1e-6)
    chosen = np.arange(n) % 4 == 0
    treated, control = spend[chosen], spend[~chosen]
    plain = welch(treated, control)
    assert plain.estimate == pytest.approx(0.2214866666666655, rel=1e-9)
    assert (plain.lower, plain.upper) == pytest.approx((-2.836425150, 3.279398484), rel=1e-8)
    assert plain.p_value == pytest.approx(0.8869934802704705, rel=1e-8)
    found, adjustment = cuped(_joint(treated, before[chosen]), _joint(control, before[~chosen]))
    assert found.estimate == pytest.approx(-0.5473199456702496, rel=2e-3)
    assert found.lower == pytest.approx(-3.082809292932243, rel=2e-3)
    assert found.upper == pytest.approx(1.988169401591744, rel=2e-3)
    assert adjustment.variance_reduction > 0.3


@pytest.mark.parametrize("constant", [0.0, 0.1, 1234.56])
def test_a_constant_covariate_falls_back_to_welch_with_the_reason(constant):
    arms = _joint(TREATED, [constant] * 10), _joint(CONTROL, [constant] * 8)
    found, adjustment = cuped(*arms)
    assert found == welch(TREATED, CONTROL)
    assert not adjustment.active
    assert adjustment.variance_reduction is None
    assert adjustment.reason == "the covariate is constant, so the correlation is undefined"


def test_a_covariate_that_only_tells_the_arms_apart_is_not_used():
    found, adjustment = cuped(_joint(TREATED, [1.0] * 10), _joint(CONTROL, [0.0] * 8))
    assert found == welch(TREATED, CONTROL)
    assert not adjustment.active


def test_a_covariate_that_repeats_another_is_left_out_and_said_so():
    twice = [2.0 * value + 1.0 for value in BEFORE_T], [2.0 * value + 1.0 for value in BEFORE_C]
    found, adjustment = cuped(
        _joint(TREATED, BEFORE_T, twice[0], [4.0] * 10),
        _joint(CONTROL, BEFORE_C, twice[1], [4.0] * 8),
    )
    alone, _ = cuped(_joint(TREATED, BEFORE_T), _joint(CONTROL, BEFORE_C))
    assert found == alone
    assert adjustment.used == (0,)
    assert "1 of 3 covariates: constant" in adjustment.reason
    assert "1 of 3 covariates: repeated" in adjustment.reason


def test_outcomes_that_do_not_vary_have_no_correlation():
    adjustment = plan_adjustment(_joint([2.0] * 10, BEFORE_T), _joint([2.0] * 8, BEFORE_C))
    assert not adjustment.active
    assert "does not vary" in adjustment.reason


def test_too_few_people_are_not_adjusted():
    arms = _joint([1.0, 2.0], [1.0, 5.0], [4.0, 2.0]), _joint([2.0, 5.0], [7.0, 5.0], [2.0, 9.0])
    assert "too few" in plan_adjustment(*arms).reason
    found, adjustment = cuped(_joint([1.0], [1.0]), _joint(CONTROL, BEFORE_C))
    assert not found.defined
    assert adjustment.reason == found.reason


def test_no_covariate_is_said_and_unlike_arms_are_refused():
    plain = JointSample.of(TREATED), JointSample.of(CONTROL)
    assert cuped(*plain)[1].reason == "no covariate was given"
    with pytest.raises(StatsError, match="Both need the same"):
        cuped(_joint(TREATED, BEFORE_T), plain[1])


seeds = st.integers(0, 10_000)


@given(seeds, st.integers(1, 3), st.floats(-50.0, 50.0), st.floats(0.01, 100.0))
def test_cuped_follows_a_shift_a_change_of_units_and_a_swap(seed, covariates, shift, unit):
    treated, known_t = _random(seed, 25, covariates, 1.0)
    control, known_c = _random(seed + 1, 15, covariates)
    found, adjustment = cuped(JointSample.of(treated, known_t), JointSample.of(control, known_c))
    assert adjustment.active
    moved, _ = cuped(JointSample.of(treated + shift, known_t), JointSample.of(control, known_c))
    assert moved.lower - shift == pytest.approx(found.lower, abs=1e-8)
    scaled, _ = cuped(
        JointSample.of(treated * unit, known_t), JointSample.of(control * unit, known_c)
    )
    assert scaled.upper / unit == pytest.approx(found.upper, abs=1e-8)
    # The unit and the zero of a covariate are of no account.
    other, _ = cuped(
        JointSample.of(treated, known_t * unit + shift),
        JointSample.of(control, known_c * unit + shift),
    )
    assert other.upper == pytest.approx(found.upper, abs=1e-6)
    swapped, _ = cuped(JointSample.of(control, known_c), JointSample.of(treated, known_t))
    assert swapped.lower == pytest.approx(-found.upper, abs=1e-8)


@given(seeds, st.integers(1, 24))
def test_cuped_of_merged_parts_equals_cuped_of_the_whole(seed, cut):
    treated, known_t = _random(seed, 25, 2, 1.0)
    control, known_c = _random(seed + 1, 15, 2)
    parts = JointSample.merge(
        [JointSample.of(treated[:cut], known_t[:cut]), JointSample.of(treated[cut:], known_t[cut:])]
    )
    whole = JointSample.of(treated, known_t)
    there, here = (cuped(arm, JointSample.of(control, known_c))[0] for arm in (parts, whole))
    assert (there.lower, there.estimate, there.upper) == pytest.approx(
        (here.lower, here.estimate, here.upper), abs=1e-8
    )


def test_a_useless_covariate_costs_next_to_nothing():
    rng = np.random.default_rng(8)
    treated, control = rng.normal(size=(500, 2)), rng.normal(size=(500, 2))
    found, adjustment = cuped(_joint(*treated.T), _joint(*control.T))
    plain = welch(treated[:, 0], control[:, 0])
    assert adjustment.variance_reduction == pytest.approx(0.0, abs=0.01)
    assert found.upper - found.lower == pytest.approx(plain.upper - plain.lower, rel=0.01)


def test_small_arms_with_several_covariates_still_cover_the_truth():
    """Theta is estimated from few people; Welch's interval on the adjusted values, as if theta were known, covers 85 %."""
    covered, trials, truth = 0, 2_000, 1.5
    rng = np.random.default_rng(11)
    for _ in range(trials):
        known = rng.normal(size=(20, 5))
        outcomes = known.sum(axis=1) + rng.normal(size=20)
        outcomes[:10] += truth
        found, _ = cuped(
            JointSample.of(outcomes[:10], known[:10]), JointSample.of(outcomes[10:], known[10:])
        )
        covered += bool(found.covers(truth))
    assert covered / trials == pytest.approx(0.95, abs=0.015)


@given(seeds)
def test_the_mean_of_both_arms_together_is_left_where_it_was(seed):
    treated, known_t = _random(seed, 25, 2, 1.0)
    control, known_c = _random(seed + 1, 15, 2)
    arms = JointSample.of(treated, known_t), JointSample.of(control, known_c)
    adjustment = plan_adjustment(*arms)
    assume(adjustment.active)
    found = adjusted_means(*arms, adjustment)
    together = (25 * found.treated + 15 * found.control) / 40
    assert together == pytest.approx(np.concatenate([treated, control]).mean(), rel=1e-9)
