"""Recommendations on workspaces: nothing from the future, kept whole, bulk and one alike, clear refusals, real data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aimwell.predict.recommend.judging as judging
from aimwell.errors import ModelFileError, PredictError, TooLittleDataError
from aimwell.history.moment import open_moment
from aimwell.predict.cards import card_text, model_card
from aimwell.predict.recommend.files import facts_of, recommender_of, tables_of
from aimwell.predict.recommend.interactions import Interactions
from aimwell.predict.recommend.reading import read_interactions, read_truth
from aimwell.predict.recommend.rules import Rules
from aimwell.predict.recommend.service import (
    TrainedRecommender,
    load_recommender,
    newest_recommender,
    ready_recommender,
    recommend,
    similar_products,
    train_recommender,
)
from aimwell.predict.recommend.serving import Purchase
from aimwell.predict.registry import promote
from aimwell.predict.service import score_propensity
from aimwell.store.stores import Stores
from shop import (
    add_events,
    add_orders,
    add_people,
    add_products,
    add_traits,
    day,
    make_stores,
    online_retail,
    origin,
)
from tastes import LAST_DAY, TASTES, add_tastes, taste_of

NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)
AS_OF = day(LAST_DAY)
HORIZON = 40


def train(stores: Stores, **options: object) -> TrainedRecommender:
    given: dict[str, object] = {"as_of": AS_OF, "horizon_days": HORIZON, "k": 5, "now": NOW}
    return train_recommender(stores, **(given | options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("shop"))
    add_tastes(opened, 240, stock=True)
    add_people(opened, [{"customer": "new"}])
    add_traits(
        opened,
        [
            {"customer": f"buyer {number}", "name": "club", "value": TASTES[number % 3]}
            for number in range(240)
        ],
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def trained(shop: Stores) -> TrainedRecommender:
    return train(shop, by="trait:club")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path)
    yield opened
    opened.close()


def test_tastes_are_found_and_popularity_loses(trained: TrainedRecommender) -> None:
    contest = trained.learnt.contests["new"]
    assert contest.chosen != "popularity"
    assert contest.judged[0].worse_by is not None
    assert contest.judged[0].worse_by.lower > 0
    assert trained.learnt.contests["again"].chosen in ("bought most often", "due again")
    text = card_text(model_card(trained.entry))
    assert "popularity is worse by" in text
    assert "of 240 people" not in text


def test_everybody_gets_their_taste_and_a_newcomer_what_is_popular(
    shop: Stores, trained: TrainedRecommender
) -> None:
    found = recommend(shop, trained.entry, as_of=AS_OF, rules=Rules(k=3))
    assert found.people == 241
    assert found.table.num_rows == found.rows
    wanted = {origin(shop, f"buyer {number}"): TASTES[number % 3] for number in range(240)}
    fits = [
        wanted[row["profile_id"]] == taste_of(row["sku"])
        for row in found.table.to_pylist()
        if row["profile_id"] in wanted
    ]
    assert sum(fits) / len(fits) > 0.8
    newcomer = recommend(shop, trained.entry, as_of=AS_OF, profiles=[origin(shop, "new")])
    assert newcomer.table.num_rows == 10
    assert set(newcomer.table.column("why").to_pylist()) == {"popular of late"}


def test_a_few_people_get_what_they_get_among_all_and_again_the_same(
    shop: Stores, trained: TrainedRecommender
) -> None:
    rules = Rules(kind="next-best", k=4, price_band=3.0, least_margin=0.2, most_per_category=2)
    everybody = recommend(shop, trained.entry, as_of=AS_OF, rules=rules).table
    blocks: list[pa.RecordBatch] = []
    again = recommend(shop, trained.entry, as_of=AS_OF, rules=rules, write=blocks.append)
    assert again.table.num_rows == 0
    assert pa.Table.from_batches(blocks).equals(everybody)
    few = sorted(set(everybody.column("profile_id").to_pylist()))[5:9]
    theirs = recommend(shop, trained.entry, as_of=AS_OF, rules=rules, profiles=few).table
    expected = [row for row in everybody.to_pylist() if row["profile_id"] in few]
    for one, other in zip(theirs.to_pylist(), expected, strict=True):
        assert one | {"score": 0} == other | {"score": 0}
        assert one["score"] == pytest.approx(other["score"], rel=1e-4)


def test_blocks_change_no_row(
    shop: Stores, trained: TrainedRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = recommend(shop, trained.entry, as_of=AS_OF)
    monkeypatch.setattr(judging, "CELLS_MOST", 36 * 7)
    parts = recommend(shop, trained.entry, as_of=AS_OF)
    assert parts.exclusions.to_dict() == whole.exclusions.to_dict()
    names = ["profile_id", "rank", "sku", "why"]
    assert parts.table.select(names).equals(whole.table.select(names))


def test_one_person_at_hand_gets_what_the_lake_gives(
    shop: Stores, trained: TrainedRecommender
) -> None:
    ready = ready_recommender(shop, trained.entry, as_of=AS_OF, rules=Rules(k=5))
    found = ready.one([Purchase("cook-01"), Purchase("cook-02"), Purchase("nonsense")], "cook")
    skus = found.column("sku").to_pylist()
    assert len(skus) == 5
    assert {taste_of(sku) for sku in skus} == {"cook"}
    assert not {"cook-00", "cook-01", "cook-02"} & set(skus)
    assert ready.one([]).num_rows == 5


def test_rules_are_applied_and_counted(shop: Stores, trained: TrainedRecommender) -> None:
    found = recommend(
        shop,
        trained.entry,
        as_of=AS_OF,
        rules=Rules(without=("cook-01",), without_categories=("ride",)),
    )
    assert found.exclusions.products == {
        "left out by name": 1,
        "left out by category": 12,
        "out of stock": 2,
    }
    skus = set(found.table.column("sku").to_pylist())
    assert not skus & {"cook-00", "cook-01", "read-00"}
    assert {taste_of(sku) for sku in skus} == {"cook", "read"}


def test_what_goes_with_a_product_is_of_its_taste(
    shop: Stores, trained: TrainedRecommender
) -> None:
    found = similar_products(shop, trained.entry, "read-03", k=5)
    assert Counter(map(taste_of, found.column("sku").to_pylist()))["read"] >= 4
    assert found.column("name")[0].as_py().startswith("Thing ")
    with pytest.raises(PredictError, match=r"no product 'read-3'.*Did you mean 'read-"):
        similar_products(shop, trained.entry, "read-3")


def test_the_same_data_and_seed_give_the_same_files(
    shop: Stores, trained: TrainedRecommender
) -> None:
    same = train(shop, by="trait:club")
    assert same.entry.version == trained.entry.version
    anew = train(shop, by="trait:club", anew=True)
    assert anew.entry.version == trained.entry.version + 1
    assert anew.entry.files == trained.entry.files


def test_a_model_comes_back_whole_and_a_changed_file_is_refused(
    shop: Stores, trained: TrainedRecommender
) -> None:
    entry = train(shop, name="changed").entry
    model = trained.learnt.model
    back = recommender_of(facts_of(model), tables_of(model))
    assert tables_of(back) == tables_of(model)
    assert facts_of(back) == facts_of(model)
    folder = shop.root / "models" / "changed" / "1" / "recommender"
    for name in ("products.arrow", "model.json"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1] + b"!")
        with pytest.raises(ModelFileError, match="its hash differs"):
            load_recommender(shop, entry)
        (folder / name).write_bytes(whole)
    assert load_recommender(shop, entry)[0].label == "changed@1"
    with pytest.raises(ModelFileError, match=r"lack neighbours\.arrow"):
        recommender_of(facts_of(model), {"products.arrow": tables_of(model)["products.arrow"]})
    with pytest.raises(ModelFileError, match="no Arrow table"):
        recommender_of(facts_of(model), tables_of(model) | {"popular.arrow": b"nonsense"})


def test_the_future_is_refused(shop: Stores, trained: TrainedRecommender) -> None:
    with pytest.raises(PredictError, match="would know their own future"):
        recommend(shop, trained.entry, as_of=day(LAST_DAY - 1))
    with pytest.raises(PredictError, match="is a recommender, not a propensity"):
        score_propensity(shop, trained.entry, as_of=AS_OF, now=NOW)
    with pytest.raises(PredictError, match="1 of the 2 profiles asked for are not known"):
        recommend(shop, trained.entry, as_of=AS_OF, profiles=["nobody", origin(shop, "buyer 1")])


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(after=st.floats(0, 50), customer=st.integers(0, 300), sku=st.sampled_from(["cook-01", "x"]))
def test_what_comes_after_the_moment_changes_nothing(
    shop: Stores, trained: TrainedRecommender, after: float, customer: int, sku: str
) -> None:
    rules = Rules(kind="next-best", k=3)
    before = recommend(shop, trained.entry, as_of=AS_OF, rules=rules).table
    tag = f"{after}-{customer}-{sku}"
    add_orders(
        shop,
        [
            {
                "customer": f"buyer {customer}",
                "order_id": f"late {tag}",
                "ordered_at": day(LAST_DAY + after),
                "lines": [(sku, 3, 9), ("cook-02", 1, 9)],
            }
        ],
    )
    add_events(
        shop,
        [
            {
                "customer": f"buyer {customer}",
                "event": "Product Viewed",
                "sku": sku,
                "occurred_at": day(LAST_DAY + after),
            }
        ],
    )
    add_products(shop, [{"sku": "cook-05", "name": "later", "set_at": day(LAST_DAY + after)}])
    assert train(shop, by="trait:club").entry.files == trained.entry.files
    assert recommend(shop, trained.entry, as_of=AS_OF, rules=rules).table.equals(before)


def orders(stores: Stores, people: int, skus: list[str], *, times: int = 4) -> None:
    add_orders(
        stores,
        [
            {
                "customer": f"c{person}",
                "order_id": f"{person}-{time}",
                "ordered_at": day(time * 30 + person % 7),
                "lines": [(sku, 1, 5) for sku in skus],
            }
            for person in range(people)
            for time in range(times)
        ],
    )


def test_one_product_is_too_few(small: Stores) -> None:
    orders(small, 60, ["mug"])
    with pytest.raises(TooLittleDataError, match=r"products .*: 1 of at least 5.*show all of them"):
        train(small, as_of=day(130))


def test_one_customer_is_too_few(small: Stores) -> None:
    orders(small, 1, [f"s{number}" for number in range(9)])
    with pytest.raises(TooLittleDataError, match="0 of at least 50"):
        train(small, as_of=day(130))


def test_a_short_history_is_refused(small: Stores) -> None:
    orders(small, 60, [f"s{number}" for number in range(9)], times=1)
    with pytest.raises(TooLittleDataError, match="days of history: 70 of at least 80"):
        train(small, as_of=day(70))


def test_no_orders_at_all_are_refused(small: Stores) -> None:
    with pytest.raises(PredictError, match="No known person did 'Order Completed'"):
        train(small)


def test_where_everybody_has_bought_everything_only_buying_again_is_told(small: Stores) -> None:
    orders(small, 60, [f"s{number}" for number in range(6)])
    found = train(small, as_of=day(130))
    assert list(found.learnt.contests) == ["again"]
    assert "0 of at least 50" in found.learnt.unjudged["new"]
    nothing = recommend(small, found.entry, as_of=day(130))
    assert (nothing.rows, nothing.none, nothing.people) == (0, 60, 60)
    assert recommend(small, found.entry, as_of=day(130), rules=Rules(kind="again")).rows == 360
    with pytest.raises(PredictError, match="could judge only one of the two"):
        recommend(small, found.entry, as_of=day(130), rules=Rules(kind="next-best"))


def test_without_a_name_the_version_in_use_recommends(small: Stores) -> None:
    orders(small, 60, [f"s{number}" for number in range(6)])
    used = train(small, as_of=day(130)).entry
    newer = train(small, as_of=day(131)).entry
    assert (used.version, newer.version) == (1, 2)
    assert newest_recommender(small) == newer
    promote(small, used, by="ann", reason="proved", now=NOW)
    assert newest_recommender(small) == used


def test_nothing_in_stock_leaves_nobody_anything_and_says_so(small: Stores) -> None:
    add_tastes(small, 150)
    add_products(
        small,
        [
            {"sku": f"{taste}-{number:02}", "properties": {"stock": 0}, "set_at": day(1)}
            for taste in TASTES
            for number in range(12)
        ],
    )
    found = recommend(small, train(small).entry, as_of=AS_OF)
    assert (found.rows, found.none) == (0, 150)
    assert found.exclusions.products == {"out of stock": 36}
    anyway = recommend(small, "recommend-40d", as_of=AS_OF, rules=Rules(in_stock=False))
    assert anyway.none == 0


def test_returned_goods_do_not_count_as_bought(small: Stores) -> None:
    add_tastes(small, 150)
    add_orders(
        small,
        [
            {
                "customer": "buyer 1",
                "order_id": "r",
                "ordered_at": day(100),
                "lines": [("sent-back", 2, 5)],
            },
            {
                "customer": "buyer 1",
                "order_id": "R",
                "ordered_at": day(110),
                "kind": "return",
                "original_order_id": "r",
                "lines": [("sent-back", 2, 5)],
            },
        ],
    )
    assert "sent-back" not in train(small).learnt.model.skus.to_pylist()


def test_what_judges_is_in_no_list(small: Stores) -> None:
    add_tastes(small, 20)
    seen = []
    for number in range(2):
        with open_moment(small, as_of=day(160), horizon=timedelta(days=40)) as moment:
            before = read_interactions(moment)
            truth = read_truth(moment, before)
        seen.append((tables_of_interactions(before), truth.toarray()))
        add_orders(
            small,
            [
                {
                    "customer": "buyer 3",
                    "order_id": f"within {number} {when}",
                    "ordered_at": day(when),
                    "lines": [(before.skus[0].as_py(), 1, 5), ("never before", 1, 5)],
                }
                for when in (160, 199.9, 200)
            ],
        )
    assert seen[0][0] == seen[1][0]
    person = before.people.index(origin(small, "buyer 3")).as_py()
    assert seen[1][1][person, 0] == 1
    seen[0][1][person, 0] = 1
    assert (seen[0][1] == seen[1][1]).all()


def tables_of_interactions(found: Interactions) -> list[object]:
    """Everything of it, to compare."""
    pairs = found.pairs()
    names = ("person", "product", "days", "looked")
    return [found.people, found.skus, *(getattr(pairs, name).tolist() for name in names)]


def test_views_and_carts_weigh_less_than_purchases_and_machines_nothing(small: Stores) -> None:
    orders(small, 1, ["a", "b"])
    add_events(
        small,
        [
            {"customer": "c0", "event": event, "sku": sku, "occurred_at": day(50 + number), **more}
            for event, sku, times, more in (
                ("Product Viewed", "b", 1, {}),
                ("Product Viewed", "c", 2, {}),
                ("Product Added", "d", 1, {}),
                ("Product Added", "e", 9, {}),
                ("Product Viewed", "f", 1, {"machine": "user_agent"}),
                ("Page Viewed", "g", 1, {}),
            )
            for number in range(times)
        ],
    )
    with open_moment(small, as_of=day(60)) as moment:
        found = read_interactions(moment)
    assert found.skus.to_pylist() == ["a", "b", "c", "d", "e"]
    assert found.pairs().weight == pytest.approx([1, 1, 0.2, 0.3, 0.8])
    assert found.pairs().days.tolist() == [2, 2, 0, 0, 0]
    assert found.pairs().since[:2] == pytest.approx([30, 30])
    assert found.pairs().span[:2] == pytest.approx([30, 30])


@pytest.mark.slow
def test_a_person_with_20000_orders_does_no_harm(small: Stores) -> None:
    add_tastes(small, 150)
    add_orders(
        small,
        [
            {
                "customer": "reseller",
                "order_id": f"bulk {number}",
                "ordered_at": day(number / 120),
                "lines": [(f"bulk-{number % 4_000}", 1, 5)],
            }
            for number in range(20_000)
        ],
    )
    found = train(small)
    rows = recommend(small, found.entry, as_of=AS_OF, rules=Rules(k=3)).table.to_pylist()
    others = [row["sku"] for row in rows if row["profile_id"] != origin(small, "reseller")]
    assert not [sku for sku in others if sku.startswith("bulk-")]


@pytest.mark.long
def test_online_retail_beats_popularity_on_later_time(small: Stores) -> None:
    online_retail(small)
    as_of = datetime(2011, 9, 1, tzinfo=UTC)
    found = train(small, as_of=as_of, horizon_days=30, k=10)
    contest = found.learnt.contests["new"]
    assert contest.chosen == "item-to-item, jaccard"
    by_method = {one.method: one.plain for one in contest.judged}
    assert by_method["popularity"]["worse_by"]["lower"] > 0.05
    assert 0.10 < by_method["item-to-item, jaccard"]["ndcg"]["estimate"] < 0.15
    again = found.learnt.contests["again"]
    assert again.chosen == "due again"
