"""Random effects on the BCG vaccine trials against metafor's published output and statsmodels 0.15.0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats.meta_analysis import homogeneity, interaction, pool
from aimwell.stats.two_means import TwoMeans

# Colditz and others (1994): vaccinated ill and well, others ill and well; log risk ratios.
TRIALS = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
        (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892),
        (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ]
)  # fmt: skip
ILL, WELL, ILL_0, WELL_0 = TRIALS.T
EFFECTS = np.log((ILL / (ILL + WELL)) / (ILL_0 / (ILL_0 + WELL_0)))
ERRORS = np.sqrt(1 / ILL - 1 / (ILL + WELL) + 1 / ILL_0 - 1 / (ILL_0 + WELL_0))


def test_reml_on_the_bcg_trials_is_that_of_metafor():
    found = pool(EFFECTS, ERRORS)
    assert found.between == pytest.approx(0.3132, abs=1e-4)
    assert found.mean.estimate == pytest.approx(-0.7145, abs=1e-4)
    assert found.error == pytest.approx(0.1808, abs=1e-4)  # test="knha"
    assert (found.mean.lower, found.mean.upper) == pytest.approx((-1.1084, -0.3206), abs=1e-4)
    assert found.next.lower < found.mean.lower
    assert found.next.upper > 0.0 > found.mean.upper


def test_dersimonian_and_laird_on_the_bcg_trials_are_those_of_statsmodels():
    found = pool(EFFECTS, ERRORS, method="dersimonian_laird")
    assert found.between == pytest.approx(0.30876026286237634, rel=1e-9)
    assert found.mean.estimate == pytest.approx(-0.7141172220732269, rel=1e-9)
    assert found.error == pytest.approx(0.18069662833554745, rel=1e-9)  # HKSJ
    same = found.homogeneity
    assert same.q == pytest.approx(152.23300808237337, rel=1e-9)
    assert same.p_value == pytest.approx(1.996764590845891e-26, rel=1e-6)
    assert same.i_squared == pytest.approx(0.9211734685456205, rel=1e-9)


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0.05, 2)), min_size=2, max_size=12),
    st.floats(-3, 3),
)
def test_a_shift_of_all_effects_shifts_the_mean_alone(trials, shift):
    effects, errors = (np.array(column) for column in zip(*trials, strict=True))
    first, moved = pool(effects, errors), pool(effects + shift, errors)
    assert moved.mean.estimate == pytest.approx(first.mean.estimate + shift, abs=1e-5)
    assert moved.between == pytest.approx(first.between, abs=1e-5)
    assert effects.min() - 1e-9 <= first.mean.estimate <= effects.max() + 1e-9


def test_alike_effects_have_nothing_between_them():
    found = pool([0.1, 0.1, 0.1], [0.05, 0.04, 0.06])
    assert found.between == 0.0
    assert found.homogeneity.i_squared == 0.0
    # Never shorter than what the errors themselves allow: 1 / √Σ(1 / v).
    assert found.error == pytest.approx(1 / np.sqrt(sum(1 / e**2 for e in (0.05, 0.04, 0.06))))


def test_few_campaigns_say_what_is_missing():
    assert "one campaign" in pool([0.1], [0.05]).mean.reason
    assert "no campaigns" in pool([], []).mean.reason
    assert "three are needed" in pool([0.1, 0.2], [0.05, 0.05]).next.reason
    assert "one effect" in homogeneity([0.1], [0.05]).reason
    with pytest.raises(StatsError, match="above 0"):
        pool([0.1, 0.2], [0.0, 0.1])
    with pytest.raises(StatsError, match="standard errors"):
        pool([0.1, 0.2], [0.1])


def _means(gap, variance):
    return TwoMeans(
        treated=gap,
        control=0.0,
        treated_variance=variance,
        control_variance=0.0,
        covariance=0.0,
        degrees=50.0,
        method="by hand",
    )


def test_an_interaction_is_the_difference_of_two_effects():
    found = interaction(_means(3.0, 0.5), _means(1.0, 0.5)).difference()
    assert found.estimate == 2.0
    assert (found.upper - found.lower) / 2 == pytest.approx(1.984, abs=1e-3)  # t of 100 degrees
    q = homogeneity([3.0, 1.0], [0.5**0.5, 0.5**0.5]).q
    assert q == pytest.approx(2.0**2 / 1.0)


def test_intervals_of_mean_and_next_campaign_cover():
    rng, runs, held, ahead = np.random.default_rng(1), 300, 0, 0
    for _ in range(runs):
        errors = rng.uniform(0.05, 0.3, 8)
        effects = 0.1 + 0.2 * rng.normal(size=8) + errors * rng.normal(size=8)
        found = pool(effects, errors)
        held += bool(found.mean.covers(0.1))
        ahead += bool(found.next.covers(0.1 + 0.2 * rng.normal()))
    assert held / runs == pytest.approx(0.95, abs=0.038)
    assert ahead / runs == pytest.approx(0.95, abs=0.038)


def test_the_test_of_homogeneity_keeps_its_level():
    rng, runs = np.random.default_rng(2), 1_000
    errors = np.linspace(0.05, 0.3, 10)
    alarms = sum(
        homogeneity(errors * rng.normal(size=10), errors).p_value <= 0.05 for _ in range(runs)
    )
    assert alarms / runs == pytest.approx(0.05, abs=0.021)
