"""Propensity and lifetime value on workspaces: nothing from the future, the same again, stored once, clear refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
import pytest

from aimwell.errors import ModelFileError, PredictError, TooLittleDataError
from aimwell.predict.judging import judge
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.registry import find_model, list_models, load_part
from aimwell.predict.service import (
    LifetimeValueFit,
    TrainedModel,
    fit_lifetime_value,
    score_propensity,
    train_propensity,
)
from aimwell.predict.training import feature_table
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from buyers import add_buyers, late_orders
from databases import shortly_on
from shop import add_events, add_orders, add_people, add_products, day, make_stores, online_retail

NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)
AS_OF = day(400)
HORIZON = 60


def rows_of_scores(stores: Stores) -> int:
    with stores.engine.session() as session:
        session.bind("scores", stores.lake.pin("scores").tables["scores"])
        found: int = session.rows(sql("SELECT count(*) FROM scores"))[0][0]
    return found


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A workspace of 500 buyers; tests add models to it, never data."""
    opened = make_stores(tmp_path_factory.mktemp("shop"), margin_default=0.4)
    add_buyers(opened, 500)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def trained(shop: Stores) -> TrainedModel:
    return train_propensity(shop, as_of=AS_OF, horizon_days=HORIZON, seed=1, now=NOW)


@pytest.fixture(scope="module")
def value(shop: Stores) -> LifetimeValueFit:
    return fit_lifetime_value(shop, as_of=AS_OF, horizon_days=90, seed=1, now=NOW)


@shortly_on("postgresql")
def test_training_and_scoring_work_on_each_control_database(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    add_buyers(stores, 400)
    steps: list[tuple[int, int, str]] = []
    trained = train_propensity(
        stores,
        as_of=AS_OF,
        horizon_days=HORIZON,
        seed=3,
        now=NOW,
        progress=lambda done, total, note: steps.append((done, total, note)),
    )
    assert find_model(stores, "buy-60d") == trained.entry
    assert [done for done, _total, _note in steps] == [0, 1, 2, 3, 4]
    stored = load_part(stores, trained.entry, "propensity", PropensityModel)
    assert stored == trained.result.model
    scores = score_propensity(stores, "buy-60d", as_of=AS_OF, now=NOW)
    ids, table = feature_table(stores, as_of=AS_OF, horizon=timedelta(days=HORIZON))
    assert scores.column("profile_id").combine_chunks() == ids
    assert scores.column("score").to_pylist() == stored.predict(table).tolist()
    value = fit_lifetime_value(stores, as_of=AS_OF, horizon_days=180, now=NOW)
    assert find_model(stores, "lifetime-value-180d") == value.entry
    assert rows_of_scores(stores) == scores.num_rows + value.people.num_rows
    stores.close()


def test_nothing_from_the_moment_on_changes_a_model_or_a_score(tmp_path: Path) -> None:
    found = []
    for name in ("without", "with"):
        stores = make_stores(tmp_path / name)
        add_buyers(stores, 400)
        add_products(stores, [{"sku": "mug", "unit_cost": 2}])
        if name == "with":
            add_orders(stores, late_orders(range(400), 400))
            add_orders(
                stores,
                [
                    {
                        "customer": "buyer 1",
                        "order_id": "back",
                        "ordered_at": day(401),
                        "kind": "return",
                        "original_order_id": "1-0",
                        "revenue": 5,
                    }
                ],
            )
            add_events(
                stores,
                [{"customer": "buyer 2", "event": "Product Viewed", "occurred_at": day(400)}],
            )
            add_people(stores, [{"customer": "stranger", "first_seen_at": day(400)}])
            add_products(stores, [{"sku": "mug", "unit_cost": 1, "set_at": day(400)}])
        trained = train_propensity(stores, as_of=AS_OF, horizon_days=HORIZON, seed=5, now=NOW)
        value = fit_lifetime_value(stores, as_of=AS_OF, horizon_days=180, seed=5, now=NOW)
        found.append(
            (
                trained.entry.files,
                trained.entry.metrics,
                score_propensity(stores, trained.entry, as_of=AS_OF, now=NOW).to_pylist(),
                value.entry.files,
                value.entry.metrics,
                value.people.to_pylist(),
            )
        )
        if name == "with":
            later = score_propensity(stores, trained.entry, as_of=day(420), now=NOW)
            assert later.num_rows == len(found[0][2]) + 1
            first = {row["profile_id"]: row["score"] for row in found[0][2]}
            moved = [
                row for row in later.to_pylist() if first.get(row["profile_id"]) != row["score"]
            ]
            assert len(moved) > 300  # the later orders do count where they may
        stores.close()
    assert found[0] == found[1]


def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    shop: Stores, trained: TrainedModel
) -> None:
    same, other = (
        train_propensity(shop, as_of=AS_OF, horizon_days=HORIZON, seed=seed, name="twice", now=NOW)
        for seed in (1, 2)
    )
    assert (same.entry.version, other.entry.version) == (1, 2)
    assert same.entry.files == trained.entry.files
    assert same.entry.metrics == trained.entry.metrics
    assert other.result.candidates[2].model.scorer != same.result.candidates[2].model.scorer


def test_the_same_training_again_makes_no_new_version_unless_asked(
    shop: Stores, trained: TrainedModel, value: LifetimeValueFit
) -> None:
    later = NOW + timedelta(days=1)
    before = rows_of_scores(shop)
    again = train_propensity(shop, as_of=AS_OF, horizon_days=HORIZON, seed=1, now=later)
    assert again.entry == trained.entry
    # Its scores lie in the lake since, which is a newer version of a table that training pins.
    assert fit_lifetime_value(shop, as_of=AS_OF, horizon_days=90, seed=1, now=later).entry == (
        value.entry
    )
    assert rows_of_scores(shop) == before
    name = "asked-anew"
    made = [
        fit_lifetime_value(
            shop, as_of=AS_OF, horizon_days=90, seed=1, name=name, now=later, anew=True
        ).entry.version
        for _ in range(2)
    ]
    assert made == [1, 2]


def test_the_seed_of_a_value_moves_drawn_intervals_alone(
    shop: Stores, value: LifetimeValueFit
) -> None:
    same, other = (
        fit_lifetime_value(
            shop, as_of=AS_OF, horizon_days=90, seed=seed, name="value-twice", now=NOW
        )
        for seed in (1, 2)
    )
    assert same.people.equals(value.people)
    assert other.people.column("value").equals(value.people.column("value"))
    assert not other.people.column("upper").equals(value.people.column("upper"))


def test_a_version_scores_a_moment_once(shop: Stores, trained: TrainedModel) -> None:
    before = rows_of_scores(shop)
    first = score_propensity(shop, trained.entry, as_of=AS_OF, now=NOW)
    again = score_propensity(shop, trained.entry.label, as_of=AS_OF, now=NOW + timedelta(days=1))
    assert again.equals(first)
    assert rows_of_scores(shop) == before + first.num_rows
    score_propensity(shop, trained.entry, as_of=day(401), now=NOW)
    assert rows_of_scores(shop) == before + 2 * first.num_rows


def test_the_judging_period_is_later_and_ends_at_the_moment(trained: TrainedModel) -> None:
    metrics = trained.entry.metrics
    assert datetime.fromisoformat(metrics["judge"]["as_of"]) == day(400 - HORIZON)
    assert datetime.fromisoformat(metrics["train"]["as_of"]) == day(400 - 2 * HORIZON)
    assert {one["learner"] for one in metrics["candidates"]} == {
        "base rate by recency",
        "logistic regression",
        "boosted trees",
    }
    assert metrics["learner"] != "base rate by recency"


def test_another_event_has_a_model_of_its_own(stores: Stores) -> None:
    add_buyers(stores, 400)
    add_events(
        stores,
        [
            {"customer": f"buyer {n}", "event": "Product Viewed", "occurred_at": day(t + n / 1000)}
            for n in range(0, 400, 2)
            for t in (5, 230, 300, 350)
        ],
    )
    trained = train_propensity(
        stores,
        as_of=AS_OF,
        horizon_days=HORIZON,
        question=Question.of_event("Product Viewed"),
        now=NOW,
    )
    assert trained.entry.name == "product-viewed-60d"
    assert (trained.result.chosen.later.auc.estimate or 0) > 0.9
    with pytest.raises(PredictError, match="stands for another model"):
        train_propensity(
            stores, as_of=AS_OF, horizon_days=HORIZON, name="product-viewed-60d", now=NOW
        )
    with pytest.raises(PredictError, match="Did you mean 'Product Viewed'"):
        train_propensity(
            stores,
            as_of=AS_OF,
            horizon_days=HORIZON,
            question=Question.of_event("Product View"),
            now=NOW,
        )


def test_a_model_does_not_score_a_time_that_it_has_seen(
    shop: Stores, trained: TrainedModel, value: LifetimeValueFit
) -> None:
    with pytest.raises(PredictError, match="know their own future"):
        score_propensity(shop, trained.entry, as_of=day(399), now=NOW)
    with pytest.raises(
        PredictError, match=r"is a model of lifetime value, not a propensity.*predict score"
    ):
        score_propensity(shop, value.entry, as_of=AS_OF, now=NOW)
    with pytest.raises(PredictError, match=r"no model 'by-60d'.*'buy-60d'"):
        score_propensity(shop, "by-60d", as_of=AS_OF, now=NOW)


def test_scores_of_files_that_were_changed_are_refused(stores: Stores) -> None:
    add_buyers(stores, 400)
    entry = train_propensity(stores, as_of=AS_OF, horizon_days=HORIZON, now=NOW).entry
    score_propensity(stores, entry, as_of=AS_OF, now=NOW)
    for path in (one for one in entry.files if one.startswith("propensity/")):
        file = stores.root / "models" / entry.name / "1" / path
        whole = file.read_bytes()
        file.write_bytes(whole + b" ")
        # Also where the scores stand already.
        with pytest.raises(ModelFileError, match="its hash differs"):
            score_propensity(stores, entry, as_of=AS_OF, now=NOW)
        file.write_bytes(whole)


def test_a_horizon_longer_than_the_history_is_refused_in_days(shop: Stores) -> None:
    known = len(list_models(shop))
    with pytest.raises(TooLittleDataError, match="one horizon to look back") as propensity:
        train_propensity(shop, as_of=AS_OF, horizon_days=365, now=NOW)
    assert propensity.value.needed == {"days of history": 1095}
    assert propensity.value.present["days of history"] in (398, 399, 400)
    with pytest.raises(TooLittleDataError, match="shorter horizon"):
        fit_lifetime_value(shop, as_of=AS_OF, horizon_days=1000, now=NOW)
    for days in (0, 40_000):
        with pytest.raises(PredictError, match="must be 1 to"):
            train_propensity(shop, as_of=AS_OF, horizon_days=days, now=NOW)
        with pytest.raises(PredictError, match="must be 1 to"):
            fit_lifetime_value(shop, as_of=AS_OF, horizon_days=days, now=NOW)
    assert len(list_models(shop)) == known


def test_a_moment_long_after_the_last_order_is_refused_with_its_day(shop: Stores) -> None:
    with pytest.raises(TooLittleDataError, match="The last 'Order Completed' was on 2027-02-0"):
        train_propensity(shop, as_of=day(900), horizon_days=HORIZON, now=NOW)
    with pytest.raises(PredictError, match="The last purchase was on 2027-02-0"):
        fit_lifetime_value(shop, as_of=day(900), horizon_days=100, now=NOW)


def weekly(stores: Stores, people: int) -> None:
    """Everybody buys each week."""
    add_orders(
        stores,
        [
            {
                "customer": f"buyer {n}",
                "order_id": f"{n}-{week}",
                "ordered_at": day(7 * week + n / 1000),
                "revenue": 10 + n,
            }
            for n in range(people)
            for week in range(58)
        ],
    )


def test_five_customers_are_too_few(stores: Stores) -> None:
    weekly(stores, 5)
    with pytest.raises(TooLittleDataError) as propensity:
        train_propensity(stores, as_of=AS_OF, horizon_days=HORIZON, now=NOW)
    assert propensity.value.present["people"] == 5
    assert propensity.value.needed["people"] == 200
    with pytest.raises(TooLittleDataError, match="customers: 5 of at least 100"):
        fit_lifetime_value(stores, as_of=AS_OF, horizon_days=HORIZON, now=NOW)
    assert list_models(stores) == ()


def test_outcomes_that_are_all_alike_teach_nothing(stores: Stores) -> None:
    weekly(stores, 250)
    with pytest.raises(TooLittleDataError, match="people who did not: 0 of at least 50"):
        train_propensity(stores, as_of=AS_OF, horizon_days=HORIZON, now=NOW)


def test_an_empty_workspace_says_that_nobody_bought(stores: Stores) -> None:
    for train in (train_propensity, fit_lifetime_value):
        with pytest.raises(PredictError, match="No known person did 'Order Completed' before"):
            train(stores, as_of=AS_OF, horizon_days=30, now=NOW)


def test_online_retail_as_of_september_2011(stores: Stores) -> None:
    online_retail(stores)
    as_of = datetime(2011, 9, 1, tzinfo=ZoneInfo("Europe/London"))
    trained = train_propensity(stores, as_of=as_of, horizon_days=90, now=NOW)
    metrics, chosen = trained.entry.metrics, trained.result.chosen
    assert (metrics["train"]["people"], metrics["judge"]["people"]) == (1826, 2782)
    later = chosen.later.auc
    assert later.estimate == pytest.approx(0.755, abs=0.01)
    assert later.lower is not None
    assert later.upper is not None
    assert 0.72 < later.lower < later.estimate < later.upper < 0.78  # type: ignore[operator]
    # Nothing to choose between logistic regression and trees but noise, and both beat the rule by recency.
    rule, *others = (one.later.auc.estimate or 0 for one in trained.result.candidates)
    assert min(others) > rule + 0.08
    assert chosen.random_split.auc.estimate == pytest.approx(0.70, abs=0.03)
    # What nobody could know on that day: the 90 days that really followed.
    scores = score_propensity(stores, trained.entry, as_of=as_of, now=NOW)
    ids, really = feature_table(stores, as_of=as_of, horizon=timedelta(days=90), outcome=True)
    assert scores.column("profile_id").combine_chunks() == ids
    truth = judge(scores.column("score").to_numpy(), really.happened)
    assert truth.auc.estimate == pytest.approx(0.737, abs=0.015)
    # Half a year of winter, spring and summer does not know how much this shop sells in autumn: too few are foretold.
    assert 0.1 < (truth.level.estimate or 0) < 0.2
    _check_value_of_online_retail(stores, as_of)


def _check_value_of_online_retail(stores: Stores, as_of: datetime) -> None:
    fit = fit_lifetime_value(stores, as_of=as_of, horizon_days=365, now=NOW)
    assert fit.values.measure == "revenue"
    assert "margin is not known" in fit.margin.reason
    assert fit.people.num_rows == fit.buying.customers_ == 3317
    assert fit.check is not None
    assert fit.check.purchases.correlation.value == pytest.approx(0.80, abs=0.02)
    assert fit.check.purchases.total_predicted == pytest.approx(3966, rel=0.02)
    assert fit.check.purchases.total_actual == 3936
    assert fit.check.money.inside == pytest.approx(0.967, abs=0.02)
    assert any("only 273 days back" in text for text in fit.entry.metrics["warnings"])
    assert pc.sum(fit.people.column("value")).as_py() == pytest.approx(
        fit.values.total.estimate or 0
    )
