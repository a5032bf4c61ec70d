"""Real data by their written sources, asked as a user asks: the figures of docs/benchmarks.md, and what is too little."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.collect.service import collect
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.leaves.acts import Acts
from aimwell.definitions.reading import read_documents
from aimwell.errors import TooLittleDataError
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.questions import question_of
from aimwell.predict.folds import folds
from aimwell.predict.judging import losses
from aimwell.predict.learners import LogisticLearner, TreesLearner
from aimwell.predict.paired import paired_difference
from aimwell.predict.questions import Question
from aimwell.predict.service import predict_churn, train_propensity
from aimwell.predict.training import feature_table, span_days
from aimwell.stats.discrimination import auc
from aimwell.store.stores import Stores
from aimwell.unify.service import unify
from data_folder import data_path
from shop import make_stores

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def taken_in(tmp_path: Path, folder: str, *names: str, **settings: str) -> Stores:
    """A workspace of a data set, by its definitions."""
    root = data_path(folder)
    stores = make_stores(tmp_path, **settings)
    found = [check(one.body) for one in read_documents([EXAMPLES / name for name in names])]
    definitions.apply(stores.control, found, now=NOW, by="test")
    for source in found:
        if isinstance(source, Source):
            collect(stores, source, root=root, now=NOW)
    unify(stores, now=NOW)
    return stores


def later(metrics: Mapping[str, Any], learner: str) -> Mapping[str, Any]:
    """How a learner did on the later people."""
    found: Mapping[str, Any] = next(
        one["later"] for one in metrics["candidates"] if one["learner"] == learner
    )
    return found


@pytest.mark.parametrize(
    ("name", "logistic", "boosted"),
    [
        pytest.param("visit-buys", 0.810, 0.840, marks=pytest.mark.long),
        ("visit-buys-unvalued", 0.692, 0.669),
    ],
)
def test_visits_to_a_shop_are_told_in_later_months(
    name: str, logistic: float, boosted: float, tmp_path: Path
) -> None:
    stores = taken_in(tmp_path, "online-shoppers-intention", "predictions/online-shoppers.yaml")
    wanted = definitions.find(stores.control, Prediction, name)
    metrics = train_defined(stores, wanted, as_of=datetime(2018, 4, 3, tzinfo=UTC), now=NOW).metrics
    # All visits of May to September, and of October to December.
    assert (metrics["train"]["people"], metrics["judge"]["people"]) == (4_965, 5_274)
    assert metrics["judge"]["positives"] == 1_091
    for learner, was in (("logistic regression", logistic), ("boosted trees", boosted)):
        assert later(metrics, learner)["auc"]["estimate"] == pytest.approx(was, abs=0.02)
    # The rule knows of nobody when they came last, so it has one share for all.
    assert later(metrics, "base rate by recency")["auc"]["estimate"] == pytest.approx(0.5)
    chosen = later(metrics, metrics["learner"])
    assert chosen["log_loss"] < chosen["log_loss_of_base_rate"]
    # Autumn's visitors buy more, and the card must say that the level was too low.
    assert chosen["mean_predicted"] < chosen["base_rate"]["lower"]
    stores.close()


def test_who_responds_to_a_campaign_is_told_of_people_held_out_at_random(tmp_path: Path) -> None:
    stores = taken_in(
        tmp_path,
        "customer-personality",
        "sources/customer-personality.yaml",
        "predictions/customer-personality.yaml",
    )
    own = tuple(name for _, name in definitions.names(stores.control, "feature"))
    question = question_of(stores, Prediction(name="responds", columns=("tenure_days",), own=own))
    _, table = feature_table(
        stores, as_of=datetime(2026, 1, 2, tzinfo=UTC), horizon=span_days(1), question=question
    )
    stores.close()
    place = table.names.index("own:responded")
    responded, values = table.values[:, place] == 1, np.delete(table.values, place, axis=1)
    assert (len(responded), responded.sum()) == (2_240, 334)
    told = {}
    for learner in (LogisticLearner(), TreesLearner()):
        chances = np.empty(len(responded))
        for learn, held in folds(responded, count=5, seed=0):
            scorer = learner.tuned(values[learn], responded[learn], seed=0).fit(
                values[learn], responded[learn]
            )
            chances[held] = scorer.score(values[held])
        told[learner.name] = chances
    found = {name: auc(chances, responded).estimate for name, chances in told.items()}
    assert found["logistic regression"] == pytest.approx(0.801, abs=0.015)
    assert found["boosted trees"] == pytest.approx(0.846, abs=0.015)
    more = losses(told["logistic regression"], responded) - losses(told["boosted trees"], responded)
    assert (paired_difference(more).lower or 0) > 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("category", "was"),
    [
        ("SOFT DRINKS", 0.718),
        ("FLUID MILK PRODUCTS", 0.720),
        ("CHEESE", 0.721),
        ("BAKED BREAD/BUNS/ROLLS", 0.729),
    ],
)
def test_who_buys_of_a_category_at_a_grocer_is_told_better_than_by_recency(
    category: str, was: float, tmp_path: Path
) -> None:
    stores = taken_in(
        tmp_path,
        "complete-journey",
        "sources/complete-journey.yaml",
        currency="USD",
        timezone="America/New_York",
    )
    acts = {"event": "Order Completed", "where": {"category": {"is": category}}}
    metrics = train_propensity(
        stores,
        as_of=datetime(2017, 12, 31, tzinfo=UTC),
        horizon_days=60,
        question=Question(Acts.model_validate(acts)),
        name="category",
        now=NOW,
    ).entry.metrics
    stores.close()
    found = later(metrics, "logistic regression")
    assert found["auc"]["estimate"] == pytest.approx(was, abs=0.02)
    assert metrics["learner"] != "base rate by recency"
    assert found["base_rate"]["lower"] - 0.03 < found["mean_predicted"]
    assert found["mean_predicted"] < found["base_rate"]["upper"] + 0.03


@pytest.mark.long
def test_who_leaves_a_grocer_is_told_by_a_law_of_buying_as_well_as_by_all_features(
    tmp_path: Path,
) -> None:
    stores = taken_in(
        tmp_path,
        "complete-journey",
        "sources/complete-journey.yaml",
        currency="USD",
        timezone="America/New_York",
    )
    fit = predict_churn(stores, as_of=datetime(2017, 12, 31, tzinfo=UTC), now=NOW)
    stores.close()
    assert fit.entry.settings["horizon_days"] == 38
    found = {one.learner: one.later.auc.estimate for one in fit.result.candidates}
    assert found["BG/NBD"] == pytest.approx(0.809, abs=0.015)
    assert found["logistic regression"] == pytest.approx(0.818, abs=0.015)
    assert found["base rate by recency"] == pytest.approx(0.652, abs=0.02)
    assert fit.result.chosen.learner == "BG/NBD"


@pytest.mark.long
def test_a_marketplace_of_which_people_buy_once_is_refused_with_the_numbers(
    tmp_path: Path,
) -> None:
    stores = taken_in(
        tmp_path, "olist-sample", "sources/olist.yaml", currency="BRL", timezone="America/Sao_Paulo"
    )
    as_of = datetime(2018, 9, 1, tzinfo=UTC)
    with pytest.raises(TooLittleDataError, match="people who did it: 0 of at least 50"):
        train_propensity(
            stores,
            as_of=as_of,
            horizon_days=90,
            question=Question(among="buyers"),
            name="again",
            now=NOW,
        )
    with pytest.raises(TooLittleDataError, match="people at risk who came back: 1 of at least 50"):
        predict_churn(stores, as_of=as_of, horizon_days=180, now=NOW)
    stores.close()
