"""Exploration: probabilities that add up, are those with which arms are drawn, and never vanish."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.decide.policies.exploring import (
    drawn,
    epsilon_greedy,
    thompson,
    thompson_rates,
    with_exploration,
)
from aimwell.errors import DecideError


def test_the_best_arm_gets_what_is_not_explored() -> None:
    found = epsilon_greedy(np.array([2, 0]), arms=4, epsilon=0.2)
    assert found.tolist() == [
        pytest.approx([0.05, 0.05, 0.85, 0.05]),
        pytest.approx([0.85, 0.05, 0.05, 0.05]),
    ]


def test_what_is_not_allowed_is_never_explored() -> None:
    allowed = np.array([[True, False, True]])
    found = with_exploration(np.array([[1.0, 0.0, 0.0]]), share=0.5, allowed=allowed)
    assert found[0].tolist() == pytest.approx([0.75, 0.0, 0.25])
    with pytest.raises(DecideError, match="not allowed"):
        with_exploration(np.array([[0.0, 1.0, 0.0]]), share=0.5, allowed=allowed)
    with pytest.raises(DecideError, match="no arm at all"):
        with_exploration(np.zeros((1, 3)), share=0.5, allowed=np.zeros((1, 3), bool))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_an_exploration_share_is_a_share(share: float) -> None:
    with pytest.raises(DecideError, match="between 0 and 1"):
        epsilon_greedy(np.array([0]), arms=2, epsilon=share)


def test_probabilities_of_thompson_add_up_and_follow_the_worth() -> None:
    rng = np.random.default_rng(7)
    mean, error = rng.uniform(-3, 3, (50, 4)), rng.uniform(0.3, 3, (50, 4))
    found = thompson(mean, error)
    assert found.sum(axis=1) == pytest.approx(np.ones(50))
    raised = mean.copy()
    raised[:, 1] += 1.0
    assert (thompson(raised, error)[:, 1] > found[:, 1]).all()


def test_thompsons_probabilities_are_those_of_drawing() -> None:
    mean, error = np.array([[0.0, 0.5, 0.3]]), np.array([[1.0, 0.4, 2.0]])
    rng = np.random.default_rng(1)
    best = (mean + error * rng.standard_normal((200_000, 3))).argmax(axis=1)
    often = np.bincount(best, minlength=3) / 200_000
    assert thompson(mean, error)[0] == pytest.approx(often, abs=0.005)


def test_with_two_arms_thompson_is_exact() -> None:
    found = thompson(np.array([[0.0, 1.0]]), np.array([[0.6, 0.8]]))
    assert found[0, 1] == pytest.approx(0.8413447, abs=1e-7)


def test_rates_of_arms_are_compared_exactly() -> None:
    # P(Beta(3, 1) > Beta(1, 2)) = 1 − B-integral = 0.9 (worked out: ∫ 3x² · (1 − (1 − x)²) dx = 9/10).
    found = thompson_rates(np.array([0, 2]), np.array([1, 2]))
    assert found[1] == pytest.approx(0.9, abs=1e-4)
    many = thompson_rates(np.array([100, 120, 90]), np.array([1_000, 1_000, 1_000]))
    assert many.sum() == pytest.approx(1.0)
    assert many.argmax() == 1
    with pytest.raises(DecideError, match="not more successes"):
        thompson_rates(np.array([3]), np.array([2]))


def test_worth_without_uncertainty_cannot_be_drawn() -> None:
    with pytest.raises(DecideError, match="how sure"):
        thompson(np.zeros((1, 2)), np.zeros((1, 2)))


def test_arms_are_drawn_as_often_as_is_logged_and_stay() -> None:
    chances = np.tile([0.1, 0.6, 0.3], (30_000, 1))
    uniform = np.random.default_rng(2).random(30_000)
    arm, logged = drawn(chances, uniform)
    assert np.bincount(arm) / 30_000 == pytest.approx([0.1, 0.6, 0.3], abs=0.01)
    assert logged == pytest.approx(chances[0][arm])
    assert (drawn(chances, uniform)[0] == arm).all()
    with pytest.raises(DecideError, match="add up to 1"):
        drawn(np.array([[0.5, 0.4]]), np.array([0.1]))
