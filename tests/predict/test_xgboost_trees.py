"""Trees of XGBoost: they learn, the same seed gives the same trees on any number of threads, and their file is not trusted."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logit

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import ModelFileError, PredictError
from aimwell.predict import artifacts
from aimwell.predict.artifacts import MANIFEST, XGBOOST, load_model, save_model
from aimwell.predict.contributions import contributions
from aimwell.predict.learners import check_installed
from aimwell.predict.propensity import PropensityModel, fit_propensity
from aimwell.predict.tables import FeatureTable
from aimwell.predict.xgboost_trees import XGBoostLearner, XGBoostScorer
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


@pytest.fixture(scope="module")
def model() -> PropensityModel:
    result = fit_propensity(TRAIN, LATER, kinds=("logistic", "xgboost"), seed=3)
    later = result.chosen.later
    assert result.model.learner == "XGBoost trees"
    assert (later.auc.lower or 0) > 0.7
    assert later.mean_predicted == pytest.approx(later.positives / later.people, abs=0.05)
    return result.model


def test_it_is_chosen_where_it_is_best_and_comes_back_whole(
    model: PropensityModel, tmp_path: Path
) -> None:
    hashes = save_model(model, tmp_path / "m")
    assert sorted(hashes) == [MANIFEST, XGBOOST]
    again = load_model(tmp_path / "m", PropensityModel, hashes=hashes)
    assert again == model
    assert again.predict(LATER).tolist() == model.predict(LATER).tolist()
    assert [name for name, _ in model.influences[:2]] in (["a", "b"], ["b", "a"])


def test_a_touched_file_is_refused_before_it_is_parsed(
    model: PropensityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = save_model(model, tmp_path / "m")
    file = tmp_path / "m" / XGBOOST
    file.write_bytes(file.read_bytes().replace(b"0", b"1", 1))

    def parsed(files: object) -> None:
        raise AssertionError("It was parsed.")

    monkeypatch.setattr(artifacts, "_read", parsed)
    with pytest.raises(ModelFileError, match=rf"{XGBOOST} of the model .* its hash differs"):
        load_model(tmp_path / "m", PropensityModel, hashes=hashes)


def test_files_that_do_not_belong_together_are_refused(
    model: PropensityModel, tmp_path: Path
) -> None:
    hashes = save_model(model, tmp_path / "m")
    with pytest.raises(ModelFileError, match="do not fit together"):
        load_model(tmp_path / "m", PropensityModel, hashes={MANIFEST: hashes[MANIFEST]})


def test_the_same_seed_gives_the_same_trees_on_any_number_of_threads() -> None:
    texts = [
        XGBoostLearner(rounds=20, seed=seed, threads=threads).fit(TRAIN.values, TRAIN.happened).text
        for seed, threads in ((1, 1), (1, 2), (2, 1))
    ]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_what_the_features_add_is_the_log_odds() -> None:
    scorer = XGBoostLearner(rounds=30).fit(TRAIN.values, TRAIN.happened)
    found = contributions(scorer, LATER.values, missing=np.zeros(4))
    assert found.log_odds == pytest.approx(logit(scorer.score(LATER.values)), abs=1e-4)
    assert np.abs(found.values[:, :2]).mean() > 2 * np.abs(found.values[:, 2:]).mean()


def test_those_held_out_end_its_growth_and_only_the_trees_until_then_are_kept() -> None:
    held = table(datetime(2026, 1, 1, tzinfo=UTC), 5)
    learner, scorer = XGBoostLearner(rate=0.3).fit_watching(
        TRAIN.values, TRAIN.happened, held.values, held.happened, seed=4
    )
    assert 1 < learner.rounds < 100
    again = learner.fit(TRAIN.values, TRAIN.happened)
    assert scorer.score(LATER.values) == pytest.approx(again.score(LATER.values), abs=1e-7)
    assert (auc(scorer.score(LATER.values), LATER.happened).estimate or 0) > 0.75


def test_numbers_beyond_single_precision_and_gaps_are_no_trouble() -> None:
    values = TRAIN.values.copy()
    values[:50, 2], values[:, 3] = 1e300, np.nan
    chances = XGBoostLearner(rounds=5).fit(values, TRAIN.happened).score(values)
    assert ((chances > 0) & (chances < 1)).all()


def test_without_the_library_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    check_installed(("logistic", "boosted"))
    with pytest.raises(PredictError, match=r'pip install "aimwell\[xgboost\]"'):
        check_installed(("logistic", "xgboost"))
    with pytest.raises(PredictError, match="not installed"):
        XGBoostScorer("{}").score(TRAIN.values)


def test_a_definition_may_ask_for_it() -> None:
    found = check({"kind": "prediction", "name": "x", "learners": ["xgboost"]})
    assert isinstance(found, Prediction)
    assert found.learners == ("xgboost",)
