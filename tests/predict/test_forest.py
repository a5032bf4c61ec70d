"""The random forest: it learns, the same seed gives the same trees, and a definition may ask for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import DefinitionError
from aimwell.predict.artifacts import load_model, save_model
from aimwell.predict.forest import ForestLearner
from aimwell.predict.propensity import PropensityModel, fit_propensity
from aimwell.predict.tables import FeatureTable
from aimwell.stats.discrimination import auc

HORIZON = timedelta(days=30)


def table(as_of: datetime, seed: int, people: int = 900) -> FeatureTable:
    """Who does it depends on two features together, which a straight line cannot tell."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(people, 4))
    values[rng.random((people, 4)) < 0.1] = np.nan
    both = np.nan_to_num(values[:, 0]) * np.nan_to_num(values[:, 1])
    outcome = rng.random(people) < 1 / (1 + np.exp(-3 * both))
    return FeatureTable(("a", "b", "c", "d"), values, as_of, HORIZON, outcome)


TRAIN = table(datetime(2026, 1, 1, tzinfo=UTC), 1)
LATER = table(datetime(2026, 2, 1, tzinfo=UTC), 2)


def test_it_learns_what_a_straight_line_cannot_and_is_calibrated(tmp_path: Path) -> None:
    result = fit_propensity(TRAIN, LATER, kinds=("logistic", "forest"), seed=3)
    assert [one.model.learner for one in result.candidates] == [
        "base rate by recency",
        "logistic regression",
        "random forest",
    ]
    assert result.model.learner == "random forest"
    later = result.chosen.later
    assert (later.auc.lower or 0) > 0.7
    assert later.mean_predicted == pytest.approx(later.positives / later.people, abs=0.05)
    hashes = save_model(result.model, tmp_path / "m")
    again = load_model(tmp_path / "m", PropensityModel, hashes=hashes)
    assert again.predict(LATER).tolist() == result.model.predict(LATER).tolist()


def test_the_same_seed_gives_the_same_trees_and_another_others() -> None:
    first, same, other = (
        ForestLearner(trees=30, seed=seed).fit(TRAIN.values, TRAIN.happened) for seed in (1, 1, 2)
    )
    assert first.text == same.text
    assert first.text != other.text
    chances = first.score(LATER.values)
    assert ((chances >= 0) & (chances <= 1)).all()
    assert auc(chances, LATER.happened).estimate == pytest.approx(
        auc(other.score(LATER.values), LATER.happened).estimate, abs=0.05
    )


def test_the_size_of_leaves_is_chosen_on_people_held_out() -> None:
    noise = np.random.default_rng(4).normal(size=(600, 3))
    coin = np.random.default_rng(5).random(600) < 0.4
    assert ForestLearner().tuned(noise, coin, seed=1).leaf == 100  # nothing to learn: large leaves
    assert ForestLearner().tuned(TRAIN.values, TRAIN.happened, seed=1).leaf < 100


def test_definitions_name_the_learners() -> None:
    found = check({"kind": "prediction", "name": "x", "learners": ["forest", "logistic"]})
    assert isinstance(found, Prediction)
    assert found.learners == ("forest", "logistic")
    with pytest.raises(DefinitionError, match="boosted"):
        check({"kind": "prediction", "name": "x", "learners": ["deep"]})
