"""Wilson, Newcombe and Welch against published figures, statsmodels and SciPy.

Figures marked "statsmodels" were computed once with statsmodels 0.15.0 in an environment of its own.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_ind

from aimwell.errors import StatsError
from aimwell.stats.intervals import newcombe, satterthwaite, welch, welch_means, wilson
from aimwell.stats.samples import Sample

TREATED = [0, 0, 0, 12.5, 40, 7.25, 0, 99.9, 3, 15]
CONTROL = [0, 0, 5, 8, 0, 22.5, 0, 1.75]

# No tiny amounts whose squares vanish: money has a smallest coin.
spend = st.lists(
    st.one_of(st.just(0.0), st.integers(1, 10**7).map(lambda pence: pence / 100)),
    min_size=2,
    max_size=40,
)


@pytest.mark.parametrize(
    ("successes", "n", "confidence", "lower", "upper"),
    [  # statsmodels.stats.proportion.proportion_confint(method="wilson")
        (7, 40, 0.95, 0.0874541374603592, 0.3194999033178772),
        (0, 15, 0.90, 0.0, 0.1528077046101403),
        (15, 15, 0.95, 0.7961166989641513, 1.0),
    ],
)
def test_wilson_agrees_with_statsmodels(successes, n, confidence, lower, upper):
    found = wilson(successes, n, confidence=confidence)
    assert found.estimate == successes / n
    assert (found.lower, found.upper) == pytest.approx((lower, upper), rel=1e-12, abs=1e-15)
    assert found.p_value is None


@pytest.mark.parametrize(
    ("treated", "control", "lower", "upper"),
    [
        # Newcombe (1998), table II, contrast (a): 56/70 against 48/80, published as .0524 and .3339.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        # Contrast (c), 9/10 against 3/10: .1705 and .8090.
        ((9, 10), (3, 10), 0.1705, 0.8090),
        # Contrast (f), 0/10 against 0/20: −.1611 and .2775.
        ((0, 10), (0, 20), -0.1611, 0.2775),
    ],
)
def test_newcombe_gives_the_published_intervals(treated, control, lower, upper):
    found = newcombe(
        treated_successes=treated[0],
        treated_n=treated[1],
        control_successes=control[0],
        control_n=control[1],
    )
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=5.1e-5)


def test_newcombe_agrees_with_statsmodels():
    found = newcombe(treated_successes=56, treated_n=70, control_successes=48, control_n=80)
    expected = (0.05243147240236498, 0.33387265403690614)  # statsmodels, method "newcomb"
    assert (found.lower, found.upper) == pytest.approx(expected, rel=1e-12)


counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_newcombe_excludes_zero_exactly_when_its_p_value_is_small(treated, control, confidence):
    found = newcombe(
        treated_successes=treated[0],
        treated_n=treated[1],
        control_successes=control[0],
        control_n=control[1],
        confidence=confidence,
    )
    assume(abs(found.p_value - (1 - confidence)) > 1e-9)
    assert found.excludes_zero == (found.p_value < 1 - confidence)
    assert -1.0 <= found.lower <= found.estimate <= found.upper <= 1.0


@given(counts, counts)
def test_newcombe_turns_its_sign_when_the_arms_swap(treated, control):
    def between(first, second):
        return newcombe(
            treated_successes=first[0],
            treated_n=first[1],
            control_successes=second[0],
            control_n=second[1],
        )

    there, back = between(treated, control), between(control, treated)
    assert there.lower == pytest.approx(-back.upper, abs=1e-12)
    assert there.p_value == pytest.approx(back.p_value, rel=1e-9)


def test_proportions_of_nobody_are_missing_with_the_reason():
    assert "nobody" in wilson(0, 0).reason
    found = newcombe(treated_successes=0, treated_n=0, control_successes=1, control_n=3)
    assert found.reason == "there is nobody in the treated arm"


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (1.5, 5), (1, -5), (True, 5)])
def test_counts_that_cannot_be_are_refused(successes, n):
    with pytest.raises(StatsError):
        wilson(successes, n)


def test_welch_agrees_with_statsmodels_and_scipy():
    found = welch(TREATED, CONTROL)
    # statsmodels CompareMeans.tconfint_diff(usevar="unequal") and .ttest_ind
    assert found.estimate == pytest.approx(13.10875, rel=1e-12)
    assert (found.lower, found.upper) == pytest.approx(
        (-9.7351939275019, 35.9526939275019), rel=1e-10
    )
    assert found.p_value == pytest.approx(0.23098115219635557, rel=1e-10)
    test = ttest_ind(TREATED, CONTROL, equal_var=False)
    bounds = test.confidence_interval(0.9)
    tighter = welch(TREATED, CONTROL, confidence=0.9)
    assert (tighter.lower, tighter.upper) == pytest.approx((bounds.low, bounds.high), rel=1e-10)
    assert tighter.p_value == pytest.approx(test.pvalue, rel=1e-10)


@given(spend, spend)
def test_welch_from_aggregates_equals_welch_from_values(treated, control):
    assert welch(treated, control) == welch(Sample.of(treated), Sample.of(control))


@given(spend, spend, st.floats(-1e4, 1e4), st.floats(0.01, 100.0))
def test_welch_follows_a_shift_a_change_of_unit_and_a_swap_of_the_arms(
    treated, control, shift, unit
):
    found = welch(treated, control)
    assume(found.defined)
    width = found.upper - found.lower
    assume(width > 1e-6)
    moved = welch(np.array(treated) + shift, control)
    assert moved.lower - shift == pytest.approx(found.lower, abs=1e-6 * width + 1e-6)
    assert moved.upper - shift == pytest.approx(found.upper, abs=1e-6 * width + 1e-6)
    scaled = welch(np.array(treated) * unit, np.array(control) * unit)
    assert scaled.lower / unit == pytest.approx(found.lower, rel=1e-6, abs=1e-6 * width)
    swapped = welch(control, treated)
    assert (-swapped.upper, -swapped.lower) == pytest.approx((found.lower, found.upper))
    assert swapped.p_value == pytest.approx(found.p_value)


@pytest.mark.parametrize(
    ("treated", "control", "words"),
    [
        ([], [1.0, 2.0], "the treated arm has nobody"),
        ([1.0, 2.0], [3.0], "the control arm has one person"),
        ([0.0] * 5, [0.0] * 4, "does not vary"),
        ([3.0] * 5, [1.0] * 4, "does not vary"),
    ],
)
def test_welch_is_missing_with_the_reason_where_it_is_undefined(treated, control, words):
    found = welch(treated, control)
    assert found.estimate is None
    assert words in found.reason


def test_one_arm_without_variance_leaves_the_other_to_say_how_sure_we_are():
    found = welch([5.0, 5.0, 5.0], [0.0, 1.0, 2.0, 3.0])
    # Without variance the treated arm is a known number, so this is the test of one sample against it.
    assert found.p_value == pytest.approx(ttest_1samp([0.0, 1.0, 2.0, 3.0], 5.0).pvalue)


def test_degrees_of_freedom_survive_huge_and_tiny_amounts():
    plain = satterthwaite((2.0, 10), (3.0, 20))
    assert satterthwaite((2e200, 10), (3e200, 20)) == pytest.approx(plain)
    assert satterthwaite((2e-200, 10), (3e-200, 20)) == pytest.approx(plain)


@pytest.mark.parametrize("short", ["treated", "control"])
def test_means_of_one_person_are_refused(short):
    arms = {"treated": Sample.of([1.0, 2.0]), "control": Sample.of([1.0, 2.0])}
    arms[short] = Sample.of([1.0])
    with pytest.raises(StatsError, match=short):
        welch_means(**arms)
