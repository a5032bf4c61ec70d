"""The rule that chooses the method, and the whole answer."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import StatsError
from aimwell.stats.arms import Arm
from aimwell.stats.cuped import cuped
from aimwell.stats.intervals import welch
from aimwell.stats.lift import FEW_BUYERS, STRONG_SKEW, measure_lift
from aimwell.stats.randomisation import randomise


def _mild(seed: int, n: int, mean: float = 20.0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.0, mean / 4.0, n)


def _heavy(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.5, rng.lognormal(3.0, 1.8, n), 0.0)


def test_many_buyers_without_much_skew_get_welchs_interval():
    treated, control = _mild(1, 800, 22.0), _mild(2, 300)
    lift = measure_lift(Arm.of(treated), Arm.of(control), seed=1)
    assert lift.choice.method == "welch"
    assert "300 buyers" in lift.choice.because
    assert lift.difference.lower == pytest.approx(welch(treated, control).lower, rel=1e-12)
    assert lift.winsorised is None
    assert lift.adjustment.reason == "no covariate was given"


def test_with_a_covariate_it_is_cuped_before_welch():
    treated, control = _mild(1, 800, 22.0), _mild(2, 300)
    arms = (
        Arm.of(treated, 2 * treated + _mild(3, 800)),
        Arm.of(control, 2 * control + _mild(4, 300)),
    )
    lift = measure_lift(*arms, seed=1)
    assert lift.choice.method == "cuped_welch"
    expected, _ = cuped(arms[0].joint(), arms[1].joint())
    assert lift.difference.upper == pytest.approx(expected.upper, rel=1e-9)
    assert lift.adjustment.variance_reduction > 0.5


@pytest.mark.parametrize(("buyers", "method"), [(199, "randomisation"), (200, "welch")])
def test_the_randomisation_test_begins_under_200_buyers_in_the_smaller_arm(buyers, method):
    control = np.concatenate([_mild(2, buyers), np.zeros(100)])
    lift = measure_lift(Arm.of(_mild(1, 800)), Arm.of(control), seed=1)
    assert lift.choice.method == method
    assert lift.choice.smaller_arm_buyers == buyers
    assert ("under 200" in lift.choice.because) == (method == "randomisation")
    assert FEW_BUYERS == 200


def test_few_buyers_in_the_larger_arm_alone_do_not_matter():
    larger = np.concatenate([_mild(1, 150), np.zeros(400)])
    lift = measure_lift(Arm.of(larger), Arm.of(_mild(2, 300)), seed=1)
    assert lift.choice.method == "welch"


def test_strong_skew_of_both_arms_together_calls_for_the_randomisation_test():
    treated, control = _heavy(1, 2_000), _heavy(2, 900)
    lift = measure_lift(Arm.of(treated), Arm.of(control), seed=5)
    assert lift.choice.skew > STRONG_SKEW
    assert lift.choice.method == "randomisation"
    assert "strongly skewed" in lift.choice.because
    expected = randomise(Arm.of(treated), Arm.of(control), seed=5)
    assert lift.difference == expected.difference
    assert lift.relative == expected.relative
    assert lift.winsorised.difference == expected.winsorised
    assert lift.winsorised.limits.quantile == 0.99


def test_returns_that_skew_to_the_left_count_as_much():
    treated, control = _mild(1, 2_000), _mild(2, 900)
    treated[:3] = -5_000.0
    lift = measure_lift(Arm.of(treated), Arm.of(control), seed=5)
    assert lift.choice.skew < -STRONG_SKEW
    assert lift.choice.method == "randomisation"


def test_the_smaller_arm_may_be_the_treated_one():
    treated = np.concatenate([_mild(1, 150), np.zeros(50)])
    lift = measure_lift(Arm.of(treated), Arm.of(_mild(2, 800)), seed=1)
    assert lift.choice.smaller_arm_buyers == 150
    assert lift.choice.method == "randomisation"


def test_skew_that_only_the_covariate_brings_in_counts_too():
    """Past spend explains almost all, but a few people's was in error: what it leaves of the outcome is skewed."""
    rng = np.random.default_rng(3)
    outcomes = 10.0 * rng.normal(size=1_500)
    before = outcomes + 0.5 * rng.normal(size=1_500)
    before[::300] -= 12.0
    arms = Arm.of(outcomes[:1_000], before[:1_000]), Arm.of(outcomes[1_000:], before[1_000:])
    plain = measure_lift(*(arm.without_covariates() for arm in arms), seed=1)
    assert plain.choice.method == "welch"
    assert abs(plain.choice.skew) < 0.2
    lift = measure_lift(*arms, seed=1)
    assert lift.choice.method == "cuped_randomisation"
    assert lift.choice.skew > STRONG_SKEW


def test_the_choice_does_not_depend_on_who_is_in_which_arm():
    outcomes = _heavy(4, 400)
    rng = np.random.default_rng(5)
    skews = set()
    for _ in range(20):
        held = rng.permutation(400) < 80
        lift = measure_lift(
            Arm.of(outcomes[~held]), Arm.of(outcomes[held]), seed=1, permutations=39
        )
        skews.add(round(lift.choice.skew, 9))
        assert lift.choice.method == "randomisation"
    assert len(skews) == 1


def test_the_total_is_the_difference_times_the_treated_people():
    lift = measure_lift(Arm.of(_mild(1, 800, 25.0)), Arm.of(_mild(2, 300)), seed=1)
    assert lift.total.estimate == pytest.approx(800 * lift.difference.estimate)
    assert lift.total.lower == pytest.approx(800 * lift.difference.lower)
    assert lift.total.p_value == lift.difference.p_value


def test_arms_are_shown_as_observed():
    lift = measure_lift(
        Arm.of([0.0, 5.0, 7.0], [1.0, 2.0, 4.0]), Arm.of([3.0, 0.0], [9.0, 1.0]), seed=1
    )
    assert (lift.treated.n, lift.treated.buyers, lift.treated.total) == (3, 2, 12.0)
    assert (lift.control.n, lift.control.buyers, lift.control.mean) == (2, 1, 1.5)


def test_a_constant_covariate_is_left_out_with_the_reason():
    arms = Arm.of(_mild(1, 800), np.zeros(800)), Arm.of(_mild(2, 300), np.zeros(300))
    lift = measure_lift(*arms, seed=1)
    assert lift.choice.method == "welch"
    assert "constant" in lift.adjustment.reason


@pytest.mark.parametrize(
    ("treated", "control", "words"),
    [
        ([], [], "treated arm has nobody"),
        ([4.0, 0.0], [], "control arm has nobody"),
        ([4.0], [4.0, 0.0], "treated arm has one person"),
        ([0.0] * 50, [0.0] * 10, "nobody in either arm has an outcome other than zero"),
        ([2.0] * 50, [2.0] * 10, "does not vary"),
        ([2.0, 3.0], [1.0, 9.0], "too small"),
    ],
)
def test_an_undefined_lift_is_missing_with_the_reason_and_never_zero(treated, control, words):
    lift = measure_lift(Arm.of(treated), Arm.of(control), seed=1)
    for figure in (lift.difference, lift.relative, lift.total):
        assert figure.estimate is None
        assert words in figure.reason
    assert lift.treated.n == len(treated)


def test_money_that_is_none_is_refused():
    with pytest.raises(StatsError, match="NaN or infinite"):
        Arm.of([1.0, float("nan")])
    with pytest.raises(StatsError, match="Both need the same"):
        measure_lift(Arm.of([1.0, 2.0], [1.0, 2.0]), Arm.of([1.0, 2.0]), seed=1)
    with pytest.raises(StatsError, match="confidence"):
        measure_lift(Arm.of([1.0, 2.0]), Arm.of([1.0, 2.0]), seed=1, confidence=95)


def test_the_order_of_rows_changes_nothing_and_the_seed_decides_the_rest():
    treated, control = _heavy(6, 400), _heavy(7, 100)
    rng = np.random.default_rng(1)
    one = measure_lift(Arm.of(treated), Arm.of(control), seed=1)
    shuffled = measure_lift(
        Arm.of(rng.permutation(treated)), Arm.of(rng.permutation(control)), seed=1
    )
    assert shuffled == one
    other = measure_lift(Arm.of(treated), Arm.of(control), seed=2)
    assert other.difference.estimate == one.difference.estimate
    assert other.difference.lower != one.difference.lower


def test_returns_may_make_the_lift_negative():
    treated, control = np.concatenate([_mild(1, 500), [-300.0] * 20]), _mild(2, 500)
    lift = measure_lift(Arm.of(treated), Arm.of(control), seed=1)
    assert lift.difference.estimate < 0


@pytest.mark.parametrize("draw", [_mild, _heavy])
def test_looked_at_while_it_runs_the_same_rule_gives_a_wider_interval_around_the_same_estimate(
    draw,
):
    arms = Arm.of(draw(1, 300) + 4.0), Arm.of(draw(2, 250))
    fixed = measure_lift(*arms, seed=1)
    watched = [measure_lift(*arms, seed=1, fraction=fraction) for fraction in (0.25, 1.0)]
    for lift in watched:
        assert lift.choice == fixed.choice
        assert lift.difference.estimate == pytest.approx(fixed.difference.estimate, rel=1e-6)
        assert lift.difference.lower < fixed.difference.lower
        assert lift.difference.upper > fixed.difference.upper
        assert lift.difference.p_value > fixed.difference.p_value
        assert lift.difference.confidence == lift.total.confidence == 0.95
        assert "always valid" in lift.difference.method
        assert (lift.winsorised is None) == (fixed.winsorised is None)
    width = [lift.difference.upper - lift.difference.lower for lift in watched]
    assert width[1] < width[0]
    ratio = width[1] / (fixed.difference.upper - fixed.difference.lower)
    # Of skewed outcomes the far quantiles of the randomisation test lie farther out than normal ones do.
    assert ratio < (1.6 if draw is _mild else 1.9)


def test_at_the_very_start_there_is_no_look_yet():
    lift = measure_lift(Arm.of(_mild(1, 300)), Arm.of(_mild(2, 250)), seed=1, fraction=0.05)
    assert "only 5 % of the planned time has passed" in lift.difference.reason
    assert lift.relative.reason == lift.total.reason == lift.difference.reason
