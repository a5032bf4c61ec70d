"""What features add is what the model says: with the base it adds up to the score, for each learner."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from aimwell.predict.base_rates import RecencyLearner
from aimwell.predict.contributions import contributions
from aimwell.predict.forest import ForestLearner
from aimwell.predict.learners import Learner, Scorer
from aimwell.predict.logistic import LogisticLearner
from aimwell.predict.trees import TreesLearner
from aimwell.stats.samples import FloatArray


def people(seed: int = 1, number: int = 1_500) -> tuple[FloatArray, np.ndarray]:
    """Three features, of which the first counts most and the last not at all; every fifth has no second one."""
    rng = np.random.default_rng(seed)
    values = np.column_stack(
        [rng.normal(size=number), rng.gamma(1, size=number), rng.normal(size=number)]
    )
    values[rng.random(number) < 0.2, 1] = np.nan
    odds = 1.5 * values[:, 0] - 0.6 * np.nan_to_num(values[:, 1], nan=3.0)
    return values, rng.random(number) < 1 / (1 + np.exp(-odds))


@pytest.fixture(scope="module")
def scorers() -> list[Scorer]:
    values, outcome = people()
    learners: list[Learner] = [
        RecencyLearner(0),
        LogisticLearner(),
        TreesLearner(rounds=60),
        ForestLearner(trees=60),
    ]
    return [learner.fit(values, outcome) for learner in learners]


@pytest.mark.parametrize("place", [0, 1, 2, 3], ids=["rule", "logistic", "trees", "forest"])
def test_all_together_are_the_score(scorers: list[Scorer], place: int) -> None:
    values, _ = people(2)
    missing = np.isnan(values).mean(axis=0)
    found = contributions(scorers[place], values, missing=missing)
    assert found.values.shape == values.shape
    assert found.log_odds == pytest.approx(logit(scorers[place].score(values)), abs=1e-6)


@pytest.mark.parametrize("place", [1, 2, 3], ids=["logistic", "trees", "forest"])
def test_the_feature_that_counts_adds_most_and_in_its_direction(
    scorers: list[Scorer], place: int
) -> None:
    values, _ = people(3)
    found = contributions(scorers[place], values, missing=np.isnan(values).mean(axis=0)).values
    sizes = np.abs(found).mean(axis=0)
    assert sizes[0] > sizes[1] > sizes[2]
    assert np.corrcoef(found[:, 0], values[:, 0])[0, 1] > 0.9
    # Against the average of people, so on average nothing.
    assert np.abs(found.mean(axis=0)).max() < 0.15


@settings(max_examples=25)
@given(st.lists(st.tuples(*[st.none() | st.floats(-50, 50)] * 3), min_size=1, max_size=20))
def test_of_any_values_they_add_up(
    scorers: list[Scorer], rows: list[tuple[float | None, ...]]
) -> None:
    values = np.array([[np.nan if one is None else one for one in row] for row in rows])
    for scorer in scorers:
        found = contributions(scorer, values, missing=np.full(3, 0.1))
        assert found.log_odds == pytest.approx(logit(scorer.score(values)), abs=1e-6)


def test_a_rule_of_one_band_has_nothing_to_add() -> None:
    values, outcome = people()
    scorer = RecencyLearner(None).fit(values, outcome)
    found = contributions(scorer, values[:5], missing=np.zeros(3))
    assert not found.values.any()
    assert found.base == pytest.approx(float(logit(outcome.mean())))
