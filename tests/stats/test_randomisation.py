"""The inverted randomisation test: exactness by enumeration, SciPy as a witness, and its algebra."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from aimwell.errors import StatsError
from aimwell.stats.arms import Arm
from aimwell.stats.cuped import cuped
from aimwell.stats.hypotheses import pooled_residuals
from aimwell.stats.intervals import welch
from aimwell.stats.randomisation import randomisation_interval, randomise

TREATED = [0, 0, 0, 12.5, 40, 7.25, 0, 99.9, 3, 15]
CONTROL = [0, 0, 5, 8, 0, 22.5, 0, 1.75]


def _studentised(x, y, axis=-1):
    error = np.sqrt(
        x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis]
    )
    return (x.mean(axis=axis) - y.mean(axis=axis)) / error


def _spend(seed: int, n: int, *, buying: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < buying, rng.lognormal(3.0, 1.3, n), 0.0).round(2)


@pytest.mark.parametrize("shift", [0.0, 1.5, -8.0])
def test_the_p_value_over_all_divisions_is_that_of_scipy(shift):
    treated, control = _spend(1, 9, buying=0.9) + shift, _spend(2, 6, buying=0.9)
    found = randomisation_interval(treated, control, seed=0, permutations=6_000, confidence=0.8)
    witness = permutation_test(
        (treated, control), _studentised, n_resamples=np.inf, vectorized=True
    )  # all 5,005 divisions; two-sided as twice the smaller tail, as here
    assert found.p_value == pytest.approx(witness.pvalue, abs=1e-12)


def test_each_bound_is_where_scipys_test_of_the_shift_begins_to_reject():
    treated, control = _spend(3, 8, buying=0.9), _spend(4, 6, buying=0.9)
    found = randomisation_interval(treated, control, seed=0, permutations=4_000, confidence=0.9)

    def one_sided(shift: float, alternative: str) -> float:
        return permutation_test(
            (treated - shift, control),
            _studentised,
            n_resamples=np.inf,
            vectorized=True,
            alternative=alternative,
        ).pvalue

    step = 1e-4 * (found.upper - found.lower)
    assert one_sided(found.lower + step, "greater") > 0.05
    assert one_sided(found.lower - step, "greater") <= 0.05
    assert one_sided(found.upper - step, "less") > 0.05
    assert one_sided(found.upper + step, "less") <= 0.05


@pytest.mark.parametrize("covariate", [False, True])
@pytest.mark.parametrize("discrete", [False, True])
def test_without_effect_the_test_is_exact_over_all_assignments(covariate, discrete):
    """Of the 56 ways to assign these eight people, at most a share p gets a p-value of p."""
    rng = np.random.default_rng(3)
    outcomes = _spend(3, 8, buying=0.9) if not discrete else rng.integers(0, 3, 8).astype(float)
    before = (outcomes * rng.random(8) + rng.lognormal(2, 1, 8)).round(1)
    p_values, above, below = [], 0, 0
    for chosen in combinations(range(8), 3):
        held = np.isin(np.arange(8), chosen)
        arms = [
            Arm.of(outcomes[rows], before[rows] if covariate else None) for rows in (~held, held)
        ]
        found = randomise(*arms, seed=0, confidence=0.8).difference
        p_values.append(found.p_value if found.defined else 1.0)
        above += bool(found.defined and found.lower > 0)
        below += bool(found.defined and found.upper < 0)
    shares = np.array(p_values)
    for level in (0.05, 0.1, 0.2, 0.3, 0.5, 0.8):
        assert (shares <= level + 1e-9).mean() <= level + 1e-9
    # One in ten of 56 is 5.6, so five may lie wholly above zero and five wholly below.
    assert above <= 5
    assert below <= 5
    if not discrete:
        assert above == below == 5


def test_studentising_agrees_with_welch_where_means_are_normal():
    rng = np.random.default_rng(6)
    treated, control = rng.normal(1.0, 1.0, 400), rng.normal(0.8, 3.0, 150)
    found = randomisation_interval(treated, control, seed=1, permutations=9_999)
    normal = welch(treated, control)
    width = normal.upper - normal.lower
    assert found.estimate == pytest.approx(normal.estimate, rel=1e-9)
    assert found.lower == pytest.approx(normal.lower, abs=0.03 * width)
    assert found.upper == pytest.approx(normal.upper, abs=0.03 * width)
    assert found.p_value == pytest.approx(normal.p_value, abs=0.03)


def test_the_estimate_with_covariates_is_that_of_cuped():
    treated, control = _spend(7, 80), _spend(8, 20)
    arms = (
        Arm.of(treated, np.column_stack([_spend(9, 80) + 0.4 * treated, _spend(10, 80)])),
        Arm.of(control, np.column_stack([_spend(11, 20) + 0.4 * control, _spend(12, 20)])),
    )
    found = randomise(*arms, seed=1)
    normal, adjustment = cuped(arms[0].joint(), arms[1].joint())
    assert found.difference.estimate == pytest.approx(normal.estimate, rel=1e-9)
    assert found.adjustment.theta == pytest.approx(adjustment.theta, rel=1e-9)
    assert "CUPED" in found.difference.method


def test_a_covariate_that_explains_much_makes_the_interval_shorter():
    rng = np.random.default_rng(1)
    before = rng.lognormal(3, 1, 300)
    outcomes = before + rng.normal(size=300)
    arms = Arm.of(outcomes[:240], before[:240]), Arm.of(outcomes[240:], before[240:])
    with_it = randomise(*arms, seed=1).difference
    without = randomise(*(arm.without_covariates() for arm in arms), seed=1).difference
    assert with_it.upper - with_it.lower < 0.2 * (without.upper - without.lower)


def test_without_usable_covariates_both_functions_agree():
    found = randomise(Arm.of(TREATED, [1.0] * 10), Arm.of(CONTROL, [1.0] * 8), seed=3)
    plain = randomisation_interval(TREATED, CONTROL, seed=3)
    assert found.difference == plain
    assert "constant" in found.adjustment.reason


# An example takes some milliseconds, so a third of what the profile asks for.
a_third = settings(max_examples=settings().max_examples // 3)
sizes = st.tuples(st.integers(12, 60), st.integers(8, 30))
seeds = st.integers(0, 5_000)


@a_third
@given(seeds, sizes, st.floats(-500.0, 500.0), st.floats(0.01, 100.0), st.booleans())
def test_the_interval_follows_a_shift_a_change_of_unit_and_a_swap(
    seed, size, shift, unit, covariate
):
    treated, control = _spend(seed, size[0]), _spend(seed + 1, size[1])
    known = [_spend(seed + 2, n) if covariate else None for n in size]

    def interval(first, second, covariates):
        arms = [Arm.of(*pair) for pair in zip((first, second), covariates, strict=True)]
        return randomise(*arms, seed=seed, permutations=199).difference

    found = interval(treated, control, known)
    assume(found.defined)
    slack = 1e-6 * (found.upper - found.lower)
    moved = interval(treated + shift, control, known)
    assert moved.lower - shift == pytest.approx(found.lower, abs=slack)
    assert moved.upper - shift == pytest.approx(found.upper, abs=slack)
    scaled = interval(treated * unit, control * unit, known)
    assert scaled.lower / unit == pytest.approx(found.lower, abs=slack)
    assert scaled.p_value == found.p_value
    swapped = interval(control, treated, known[::-1])
    assert -swapped.upper == pytest.approx(found.lower, abs=slack)
    assert -swapped.lower == pytest.approx(found.upper, abs=slack)
    assert swapped.p_value == found.p_value


@pytest.mark.parametrize("shift", [-300.0, 300.0])
def test_arms_of_equal_size_follow_a_shift_and_a_swap_too(shift):
    """Either could be the drawn one; the choice must not turn with the shift."""
    treated, control = _spend(1, 15), _spend(2, 15)
    found = randomisation_interval(treated, control, seed=1, permutations=199)
    moved = randomisation_interval(treated + shift, control, seed=1, permutations=199)
    swapped = randomisation_interval(control, treated, seed=1, permutations=199)
    assert moved.lower - shift == pytest.approx(found.lower, abs=1e-6)
    assert moved.upper - shift == pytest.approx(found.upper, abs=1e-6)
    assert swapped.upper == pytest.approx(-found.lower, abs=1e-6)


@a_third
@given(seeds, sizes, st.sampled_from([0.8, 0.9, 0.95]))
def test_the_interval_excludes_zero_exactly_when_the_p_value_is_small(seed, size, confidence):
    arms = [Arm.of(_spend(seed + i, n), _spend(seed + 7 + i, n)) for i, n in enumerate(size)]
    found = randomise(*arms, seed=seed, confidence=confidence, permutations=199)
    for figure in (found.difference, found.relative):
        assume(figure.defined)
        assert figure.lower <= figure.estimate <= figure.upper
        assert figure.excludes_zero == (figure.p_value <= 1 - confidence + 1e-12)


@a_third
@given(seeds, st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_people_is_of_no_account(seed, random, covariate):
    outcomes, before = _spend(seed, 60), _spend(seed + 1, 60)
    order = list(range(60))
    random.shuffle(order)

    def answer(rows):
        held = [row for row in rows if row % 4 == 0]
        rest = [row for row in rows if row % 4]
        return randomise(
            *(Arm.of(outcomes[part], before[part] if covariate else None) for part in (rest, held)),
            seed=seed,
            permutations=199,
        )

    assert answer(order) == answer(range(60))


def test_ties_and_yes_or_no_outcomes_are_handled_by_number():
    rng = np.random.default_rng(4)
    treated, control = (
        (rng.random(900) < 0.13).astype(float),
        (rng.random(300) < 0.10).astype(float),
    )
    found = randomisation_interval(treated, control, seed=2, permutations=9_999)
    normal = welch(treated, control)
    assert found.lower == pytest.approx(normal.lower, abs=0.006)
    assert found.upper == pytest.approx(normal.upper, abs=0.006)
    # No difference at all: every division is at least as far out on both sides.
    even = randomisation_interval([0.0, 1.0] * 30, [0.0, 1.0] * 30, seed=2)
    assert even.p_value == 1.0
    assert even.estimate == 0.0


def test_a_huge_effect_beside_a_small_spread_loses_no_digits():
    rng = np.random.default_rng(5)
    treated, control = rng.normal(size=80), rng.normal(size=20)
    near = randomisation_interval(treated, control, seed=1)
    far = randomisation_interval(treated + 1e9, control, seed=1)
    assert far.lower - 1e9 == pytest.approx(near.lower, abs=1e-5)
    # No division comes near, but one never did happen: one more than none of one more than 9,999, twice.
    assert far.p_value == 2 / 10_000


def test_doubling_every_treated_outcome_doubles_the_ratio_and_its_bounds():
    """The ratio family by its own algebra: R is multiplied when the treated outcomes are."""
    treated, control = _spend(20, 300), _spend(21, 300)
    one = randomise(Arm.of(treated), Arm.of(control), seed=1).relative
    two = randomise(Arm.of(2.0 * treated), Arm.of(control), seed=1).relative
    assert one.defined
    assert two.estimate == pytest.approx(2.0 * one.estimate + 1.0)
    assert two.lower == pytest.approx(2.0 * one.lower + 1.0, abs=0.05)
    assert two.upper == pytest.approx(2.0 * one.upper + 1.0, abs=0.05)


def test_each_bound_of_the_ratio_is_where_scipys_test_of_the_ratio_begins_to_reject():
    treated, control = _spend(30, 8, buying=1.0), _spend(31, 6, buying=1.0)
    found = randomise(
        Arm.of(treated), Arm.of(control), seed=0, permutations=4_000, confidence=0.8
    ).relative
    assert found.defined

    def one_sided(relative: float, alternative: str) -> float:
        return permutation_test(
            (treated / (1.0 + relative), control),
            _studentised,
            n_resamples=np.inf,
            vectorized=True,
            alternative=alternative,
        ).pvalue

    step = 1e-4 * (found.upper - found.lower)
    assert one_sided(found.lower + step, "greater") > 0.1
    assert one_sided(found.lower - step, "greater") <= 0.1
    assert one_sided(found.upper - step, "less") > 0.1
    assert one_sided(found.upper + step, "less") <= 0.1


@pytest.mark.parametrize(
    ("treated", "control", "words"),
    [
        ([], [1.0, 2.0], "treated arm has nobody"),
        ([1.0, 2.0], [2.0], "control arm has one person"),
        ([0.0] * 20, [0.0] * 9, "does not vary"),
        ([7.0] * 20, [2.0] * 9, "does not vary"),
        ([1.0, 5.0, 9.0], [2.0, 3.0, 30.0], r"divided in only 20 ways"),
    ],
)
def test_what_cannot_be_inverted_is_missing_with_the_reason(treated, control, words):
    found = randomise(Arm.of(treated), Arm.of(control), seed=1)
    for figure in (found.difference, found.relative):
        assert figure.estimate is None
    assert re.search(words, found.difference.reason)
    assert randomisation_interval(treated, control, seed=1).reason == found.difference.reason


@pytest.mark.parametrize(
    ("treated", "control", "words"),
    [
        ([0.0, 4.0, 9.0, 1.0] * 5, [0.0] * 19 + [0.5], "not clearly away from zero"),
        ([0.0, 4.0, 9.0, 1.0] * 5, [-1.0, -2.0, -3.0] * 5, "of a loss"),
        ([0.0] * 20, [0.0, 4.0, 9.0, 1.0] * 5, "treated mean is 0"),
    ],
)
def test_a_ratio_that_has_no_meaning_is_missing_although_the_difference_is_there(
    treated, control, words
):
    found = randomise(Arm.of(treated), Arm.of(control), seed=1)
    assert found.difference.defined
    assert not found.relative.defined
    assert words in found.relative.reason


def test_one_buyer_among_many_gives_a_wide_interval_that_holds_zero():
    found = randomise(Arm.of([0.0] * 111 + [250.0]), Arm.of([0.0] * 28), seed=1)
    assert found.difference.covers(0.0)
    assert found.difference.p_value > 0.5


def test_the_winsorised_figure_stands_on_the_same_people_pulled_in():
    treated, control = _spend(40, 400), _spend(41, 100)
    treated[0] = 50_000.0
    found = randomise(Arm.of(treated), Arm.of(control), seed=1, winsor_quantile=0.98)
    capped = np.clip(treated, found.limits.low, found.limits.high)
    expected = randomisation_interval(
        capped, np.clip(control, found.limits.low, found.limits.high), seed=1
    )
    assert found.winsorised.estimate == pytest.approx(expected.estimate, rel=1e-9)
    assert found.winsorised.upper == pytest.approx(expected.upper, rel=0.15)
    assert "98 %" in found.winsorised.method
    assert found.winsorised.upper < found.difference.upper


@pytest.mark.parametrize("permutations", [0, 38])
def test_too_few_permutations_for_the_confidence_are_refused(permutations):
    with pytest.raises(StatsError, match="Use 39"):
        randomisation_interval(TREATED, CONTROL, seed=1, permutations=permutations)


def test_the_fewest_permutations_that_are_allowed_give_an_interval():
    assert randomisation_interval(_spend(1, 40), _spend(2, 20), seed=1, permutations=39).defined


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_amounts_that_are_none_are_refused(wrong):
    with pytest.raises(StatsError, match="NaN or infinite"):
        randomisation_interval([1.0, wrong], CONTROL, seed=1)


def test_pooled_residuals_are_those_of_least_squares():
    rng = np.random.default_rng(9)
    known, values = rng.lognormal(size=(50, 2)) * [1.0, 1e6], rng.normal(size=(50, 3))
    design = np.column_stack([np.ones(50), known / [1.0, 1e6]])
    expected = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    np.testing.assert_allclose(pooled_residuals(values, known), expected, atol=1e-9)
    np.testing.assert_allclose(pooled_residuals(values, None), values - values.mean(axis=0))
