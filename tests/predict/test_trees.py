"""Boosted trees: interactions found, rounds chosen, the same text whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from aimwell.predict.trees import TreesLearner
from aimwell.stats.discrimination import auc


def people(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """It happens where exactly one of two features is high: no straight line can tell."""
    rng = np.random.default_rng([seed, 82])
    values = rng.uniform(size=(size, 4))
    values[rng.random(size) < 0.1, 2] = np.nan
    values[:, 3] = 7.0
    odd = (values[:, 0] > 0.5) != (values[:, 1] > 0.5)
    return values, rng.random(size) < expit(np.where(odd, 1.5, -1.5))


def trees(text: str) -> str:
    """The trees alone: settings, as the number of threads, stand below them."""
    return text.split("parameters:")[0]


def test_an_interaction_is_found(seed: int) -> None:
    values, outcome = people(3000, seed)
    fitted = TreesLearner().tuned(values, outcome, seed=1).fit(values, outcome)
    later_values, later_outcome = people(3000, seed + 1)
    found = auc(fitted.score(later_values), later_outcome)
    assert found.lower is not None
    assert found.lower > 0.75
    influences = fitted.influences(4)
    assert influences[:2].sum() > 0.85
    assert influences[3] == 0
    assert influences.sum() == pytest.approx(1)


def test_rounds_are_few_for_noise_and_more_for_signal(seed: int) -> None:
    rng = np.random.default_rng([seed, 83])
    noise = TreesLearner().tuned(rng.random((500, 5)), rng.random(500) < 0.3, seed=1)
    signal = TreesLearner().tuned(*people(5000, seed), seed=1)
    assert 1 <= noise.rounds < signal.rounds < 500


def test_the_same_seed_gives_the_same_trees_and_threads_change_nothing(seed: int) -> None:
    values, outcome = people(3000, seed)
    one = TreesLearner(rounds=30, seed=3, threads=1).fit(values, outcome).text
    two = TreesLearner(rounds=30, seed=3, threads=2).fit(values, outcome).text
    other = TreesLearner(rounds=30, seed=4, threads=1).fit(values, outcome).text
    assert one == TreesLearner(rounds=30, seed=3, threads=1).fit(values, outcome).text
    assert trees(one) == trees(two)
    assert trees(one) != trees(other)


def test_people_with_gaps_everywhere_get_a_score(seed: int) -> None:
    values, outcome = people(1000, seed)
    scores = TreesLearner(rounds=20).fit(values, outcome).score(np.full((2, 4), np.nan))
    assert ((scores > 0) & (scores < 1)).all()
