"""A learner that is believed only where it is clear."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.decide.policies.candidates import People, Training, UpliftPolicy
from aimwell.decide.policies.cautious import Cautious
from aimwell.decide.uplift.learners import UpliftLearner
from aimwell.decide.uplift.problem import Problem


def training(effects: np.ndarray, seed: int, *, noise: float = 3.0) -> Training:
    """An experiment with two offers whose effects (people × 2) are a line of the one feature."""
    rng = np.random.default_rng(seed)
    n = len(effects)
    x = np.linspace(-1.7, 1.7, n)[:, None]
    arm = rng.integers(3, size=n)
    added = np.column_stack([np.zeros(n), effects])[np.arange(n), arm]
    outcome = 10 + added + rng.normal(0, noise, n)
    problem = Problem(x, arm, np.full((n, 3), 1 / 3), outcome)
    return Training(problem, People(("x",), x, x), outcome, seed)


def line(n: int, middle: float, slope: float) -> np.ndarray:
    return middle + slope * np.linspace(-1.7, 1.7, n)


def test_only_who_clearly_loses_by_the_best_offer_does_not_get_it() -> None:
    # The first offer adds 0.7 on average and costs the leftmost fifth something; the second adds nothing.
    effects = np.column_stack([line(6_000, 0.7, 0.7), np.zeros(6_000)])
    made = training(effects, 1)
    bold = UpliftPolicy(UpliftLearner("DR")).learn(made).decide(made.people)
    careful = UpliftPolicy(Cautious()).learn(made).decide(made.people)
    assert 0 < (careful != 1).sum() <= (bold != 1).sum()
    assert (bold[careful != 1] == careful[careful != 1]).all()
    assert effects[careful != 1, 0].mean() < effects[bold != 1, 0].mean() + 1e-9


def test_where_all_respond_alike_hardly_anybody_departs() -> None:
    departed = []
    for seed in range(10):
        made = training(np.column_stack([np.full(3_000, 0.9), np.full(3_000, 0.1)]), seed)
        got = UpliftPolicy(Cautious()).learn(made).decide(made.people)
        departed.append((got != 1).mean())
    assert np.mean(departed) < 0.1


def test_what_it_expects_has_the_decision_as_its_best_arm_and_keeps_the_learners_where_clear() -> (
    None
):
    effects = np.column_stack([line(6_000, 0.7, 0.7), line(6_000, 0.2, -0.5)])
    made = training(effects, 2)
    values = made.people.values
    model = Cautious().fit(made.problem, seed=2)
    plain = UpliftLearner("DR").fit(made.problem, seed=2).effects(values)
    found = model.effects(values)
    advantage = np.maximum(plain.max(axis=1), 0.0) - plain[:, 0]
    stays = advantage < model.edge
    assert model.constant == 1
    assert (found[stays, 0] > found[stays, 1]).all()
    assert (found[stays, 0] > 0).all()
    assert found[~stays] == pytest.approx(plain[~stays])


def test_nobody_is_the_constant_where_offers_cost_more_than_they_bring() -> None:
    made = training(np.full((3_000, 2), -0.8), 3)
    assert Cautious().fit(made.problem, seed=3).constant == 0
    assert (UpliftPolicy(Cautious()).learn(made).decide(made.people) == 0).mean() > 0.95
