"""Of many people a fifth is held out for good: one fit, calibrated, judged as honestly, and as good as that of everybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aimwell.predict import propensity, training
from aimwell.predict.propensity import PropensityResult, fit_propensity
from aimwell.predict.tables import FeatureTable
from aimwell.predict.training import judges
from aimwell.predict.trees import TreesLearner, TreesScorer

PEOPLE = 6_000


def people(as_of: datetime, seed: int) -> tuple[FeatureTable, np.ndarray]:
    """With the true probabilities."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(PEOPLE, 6))
    truth = 1 / (1 + np.exp(1 - values[:, 0] - 1.5 * values[:, 1] * values[:, 2]))
    names = ("recency_days", "a", "b", "c", "d", "e")
    happened = rng.random(PEOPLE) < truth
    return FeatureTable(names, values, as_of, timedelta(days=30), happened), truth


TRAIN, _ = people(datetime(2026, 1, 1, tzinfo=UTC), 1)
LATER, TRUTH = people(datetime(2026, 2, 1, tzinfo=UTC), 2)


@pytest.fixture(scope="module")
def many() -> PropensityResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(propensity, "MANY_PEOPLE", PEOPLE - 1)
        return fit_propensity(TRAIN, LATER, recency="recency_days", seed=3)


def test_each_learner_fits_once_and_a_fifth_was_held_out(many: PropensityResult) -> None:
    for one in many.candidates:
        assert one.random_split.people == pytest.approx(PEOPLE / 5, abs=2)
        assert one.later.people == PEOPLE
    scorer = many.model.scorer
    assert isinstance(scorer, TreesScorer)


def test_probabilities_are_those_that_are_true(many: PropensityResult) -> None:
    chances = many.model.predict(LATER)
    assert many.chosen.later.calibration_error < 0.03
    assert np.corrcoef(chances, TRUTH)[0, 1] > 0.9
    for low in np.arange(0.1, 0.9, 0.2):
        those = (chances >= low) & (chances < low + 0.2)
        assert TRUTH[those].mean() == pytest.approx(chances[those].mean(), abs=0.05)


def test_it_is_nearly_as_good_as_with_everybody_held_out_in_turn(many: PropensityResult) -> None:
    few = fit_propensity(TRAIN, LATER, recency="recency_days", seed=3)
    assert many.model.learner == few.model.learner
    assert many.chosen.later.log_loss == pytest.approx(few.chosen.later.log_loss, abs=0.01)


def test_those_held_out_end_the_growth_of_trees() -> None:
    rows = np.arange(PEOPLE) < PEOPLE // 2
    learner, scorer = TreesLearner(rate=0.3).fit_watching(
        TRAIN.values[rows], TRAIN.happened[rows], TRAIN.values[~rows], TRAIN.happened[~rows], seed=1
    )
    assert 1 < learner.rounds < 100
    again = learner.fit(TRAIN.values[rows], TRAIN.happened[rows])
    assert scorer.score(LATER.values) == pytest.approx(again.score(LATER.values), abs=1e-12)


def test_of_very_many_later_people_some_judge_with_the_same_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert judges(LATER) is LATER
    monkeypatch.setattr(training, "JUDGES", 1_000)
    drawn = judges(LATER)
    assert len(drawn) == 1_000
    assert drawn.happened.mean() == pytest.approx(LATER.happened.mean(), abs=0.001)
    assert judges(LATER).values.tolist() == drawn.values.tolist()
