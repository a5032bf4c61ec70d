"""Weighed contrasts: by hand, against the unweighted ones, and what people in two experiments do to their covariance."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import StatsError
from aimwell.stats.arms import Arm
from aimwell.stats.contrasts import contrast, coverage, effective_people
from aimwell.stats.intervals import welch


def test_weights_and_their_robust_variance_by_hand():
    # y = 1, 3, 8 with weights 1, 2, 1: mean 15 / 4; held-out 2, 4.
    found = contrast(Arm.of([1.0, 3.0, 8.0]), Arm.of([2.0, 4.0]), weights=np.array([1.0, 2.0, 1.0]))
    means = found.means
    assert means.treated == pytest.approx(3.75)
    share = np.array([0.25, 0.5, 0.25])
    away = np.array([1.0, 3.0, 8.0]) - 3.75
    assert means.treated_variance == pytest.approx(float((share**2 * away**2 / (1 - share)).sum()))
    assert means.control_variance == pytest.approx(1.0)
    assert found.treated == pytest.approx(share * away)
    assert found.control == pytest.approx([0.5, -0.5])


def test_equal_weights_are_none_and_welchs_variance():
    rng = np.random.default_rng(1)
    first, second = rng.gamma(2, 5, 40), rng.gamma(2, 4, 25)
    arms = Arm.of(first), Arm.of(second)
    plain, weighed = contrast(*arms), contrast(*arms, weights=np.full(40, 7.0))
    assert weighed.means.variance == pytest.approx(plain.means.variance)
    assert weighed.means.degrees == pytest.approx(plain.means.degrees)
    assert plain.means.difference().estimate == pytest.approx(welch(first, second).estimate)
    assert plain.means.variance == pytest.approx(first.var(ddof=1) / 40 + second.var(ddof=1) / 25)


def test_influences_of_the_same_people_in_two_waves_add_up_to_their_covariance():
    rng = np.random.default_rng(2)
    n, drawn = 400, []
    for _ in range(600):
        held = rng.random(n) < 0.3
        person = rng.normal(0, 2, n)
        pair = [
            contrast(Arm.of(y[~held]), Arm.of(y[held]))
            for y in (person + rng.normal(0, 1, n), person + rng.normal(0, 1, n))
        ]
        gaps = [one.means.treated - one.means.control for one in pair]
        moved = [
            float(pair[0].treated @ pair[1].treated + pair[0].control @ pair[1].control),
            float(pair[0].treated @ pair[0].treated + pair[0].control @ pair[0].control),
        ]
        drawn.append((*gaps, *moved, pair[0].means.variance))
    table = np.array(drawn)
    assert table[:, 2].mean() == pytest.approx(np.cov(table[:, 0], table[:, 1])[0, 1], rel=0.15)
    assert table[:, 3].mean() == pytest.approx(table[:, 4].mean(), rel=0.02)


def test_coverage_says_whether_everybody_could_get_into_the_arm():
    rng = np.random.default_rng(3)
    chance = rng.uniform(0.1, 0.9, 5000)
    got = rng.random(5000) < chance
    assert coverage(chance[got], of=5000).all_of_them
    able = got & (chance > 0.3)
    assert not coverage(chance[able], of=5000).all_of_them
    pairs = np.repeat(chance[:2500], 2)
    both = np.repeat(rng.random(2500) < chance[:2500], 2)
    owners = np.arange(5000) // 2
    alone = coverage(pairs[both], of=5000)
    grouped = coverage(pairs[both], of=5000, owners=owners[both])
    assert grouped.error == pytest.approx(alone.error * np.sqrt(2.0))


def test_the_effective_number_is_that_of_kish():
    assert effective_people(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)
    assert effective_people(np.empty(0)) == 0.0


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, np.inf]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(StatsError, match="weights"):
        contrast(Arm.of([1.0, 2.0]), Arm.of([1.0, 2.0]), weights=np.array(weights))


def test_an_arm_of_one_gives_a_reason_and_moves_nothing():
    found = contrast(Arm.of([1.0]), Arm.of([1.0, 2.0]))
    assert isinstance(found.means, str)
    assert not found.treated.any()
    assert not found.control.any()
