"""Shares over times of the week: the strength that made the people is found, and thin evidence stays everybody's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import dirichlet_multinomial

from aimwell.errors import PredictError
from aimwell.predict.timing.habits import Habits, fit_habits
from aimwell.stats.samples import FloatArray

SHARES = np.array([0.1, 0.2, 0.3, 0.4])


def drawn(strength: float, people: int = 3_000, seed: int = 3) -> FloatArray:
    rng = np.random.default_rng(seed)
    own = rng.dirichlet(strength * SHARES, people)
    return np.array([rng.multinomial(6, one) for one in own], dtype=np.float64)


@pytest.mark.parametrize("strength", [1.0, 5.0, 30.0])
def test_the_strength_that_made_the_people_is_found(strength: float) -> None:
    habits = fit_habits(drawn(strength))
    assert habits.strength == pytest.approx(strength, rel=0.25)
    assert habits.shares == pytest.approx(SHARES, abs=0.03)


def test_the_strength_is_that_of_maximum_likelihood() -> None:
    counts = drawn(4.0, people=200)
    habits = fit_habits(counts)

    def likelihood(strength: float) -> float:
        return float(
            np.sum(dirichlet_multinomial.logpmf(counts.astype(int), strength * habits.shares, 6))
        )

    best = likelihood(habits.strength)
    assert best >= max(likelihood(habits.strength * by) for by in (0.9, 1.1))


def test_where_people_do_not_differ_each_looks_like_everybody() -> None:
    rng = np.random.default_rng(4)
    counts = rng.multinomial(5, SHARES, size=2_000).astype(np.float64)
    habits = fit_habits(counts)
    assert habits.strength > 50
    assert not habits.chosen(counts, own_times=True).own.mean() > 0.02


def test_a_single_act_makes_no_time_of_ones_own_and_many_do() -> None:
    habits = Habits(SHARES, 5.0)
    counts = np.array([[1.0, 0, 0, 0], [30, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 30]])
    chosen = habits.chosen(counts, own_times=True)
    assert chosen.times.tolist() == [3, 0, 3, 3]
    assert chosen.own.tolist() == [False, True, False, False]
    assert not habits.chosen(counts, own_times=False).own.any()


def test_how_sure_it_is_agrees_with_draws() -> None:
    habits = Habits(SHARES, 5.0)
    counts = np.array([[4.0, 0, 0, 1]])
    found, sure = habits.best(counts)
    draws = np.random.default_rng(5).dirichlet((5 * SHARES + counts)[0], 40_000)
    assert found[0] == 0
    assert sure[0] == pytest.approx((draws[:, 0] > draws[:, 3]).mean(), abs=0.01)


@given(
    counts=st.lists(st.integers(0, 50), min_size=4, max_size=4),
    strength=st.floats(0.01, 1_000),
)
def test_expected_shares_lie_between_everybodys_and_the_persons(
    counts: list[int], strength: float
) -> None:
    row = np.array([counts], dtype=np.float64)
    expected = Habits(SHARES, strength).expected(row)[0]
    own = row[0] / row.sum() if row.sum() else SHARES
    assert expected.sum() == pytest.approx(1)
    assert np.all(expected >= np.minimum(own, SHARES) - 1e-9)
    assert np.all(expected <= np.maximum(own, SHARES) + 1e-9)


def test_nobodys_acts_are_refused() -> None:
    with pytest.raises(PredictError, match="Nobody acted"):
        fit_habits(np.zeros((3, 7)))
