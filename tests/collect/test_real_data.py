"""Real data sets through their written definitions, with the counts that their publishers give."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aimwell.collect import DataReport, collect, explain
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.definitions.service import apply
from aimwell.simulate import Dirt, ShopSpec, open_shop, write_sources
from aimwell.store.sql import sql
from aimwell.store.stores import Stores, create_stores, open_stores
from collecting import NOW, Shop, balanced
from data_folder import data_path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "sources"


def example(name: str) -> Source:
    """A written definition."""
    checked = [check(document.body) for document in read_documents([EXAMPLES / f"{name}.yaml"])]
    [source] = [one for one in checked if isinstance(one, Source)]
    return source


def rows(stores: Stores, table: str, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query over one table of the lake, called `t`."""
    with stores.engine.session() as session:
        session.bind("t", stores.lake.pin(table).tables[table])
        return session.rows(sql(query))


@pytest.fixture(scope="module")
def workspace(empty_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes a workspace in a currency."""

    def make(currency: str) -> Stores:
        root = tmp_path_factory.mktemp("real") / "workspace"
        if currency == "GBP":
            return open_stores(shutil.copytree(empty_workspace, root))
        return create_stores(root, currency=currency)

    return make


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
def test_each_example_reads_back_as_it_was_written(name: str) -> None:
    source = example(name)
    assert check(source.document()) == source


# --- Online Retail ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def retail(workspace: Any) -> Iterator[tuple[Stores, DataReport]]:
    """Online Retail, collected."""
    root = data_path("online-retail/online_retail.csv.gz").parent
    stores = workspace("GBP")
    yield stores, collect(stores, example("online-retail"), root=root, now=NOW)
    stores.close()


def test_online_retail_has_the_published_counts(retail: tuple[Stores, DataReport]) -> None:
    _, report = retail
    [load] = report.loads
    assert balanced(load)
    assert load.rows_read == 541_909
    assert load.duplicates == 5_268
    assert load.gaps == {"customer_id": 135_080, "description": 1_454}
    assert load.people == 4_372
    # 10,624 lines have no positive quantity: 9,288 cancellations, and 1,336 adjustments of the stock without
    # customer and price, which are no sales. Two bad debts (A...) have a negative price, but the code B of
    # adjustments, so they are taken as lines without goods.
    assert load.quarantined_by_reason == {"negative_quantity": 1_336}
    assert load.rows_taken == 541_909 - 5_268 - 1_336
    # 37 of the 9,288 cancelled lines are among the duplicates.
    assert load.return_lines == 9_288 - 37
    assert (load.first_at, load.last_at) == (
        datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
        datetime(2011, 12, 9, 12, 50, tzinfo=UTC),
    )


def test_online_retail_sums_are_those_of_a_plain_query(retail: tuple[Stores, DataReport]) -> None:
    stores, _ = retail
    import duckdb

    path = data_path("online-retail/online_retail.csv.gz")
    with duckdb.connect(":memory:") as connection:
        # fetchall: the fetch of one row reports an error of DuckDB's Python package as a warning
        [(lines, revenue, invoices)] = connection.execute(
            """
            SELECT count(*), sum(CAST(Quantity AS decimal(18, 4)) * CAST(UnitPrice AS decimal(18, 4))),
                   count(DISTINCT InvoiceNo)
            FROM (SELECT DISTINCT * FROM read_csv(?, all_varchar = true))
            WHERE NOT (CAST(Quantity AS integer) <= 0 AND InvoiceNo NOT LIKE 'C%')
            """,
            [str(path)],
        ).fetchall()
    [(ours, total, anonymous)] = rows(
        stores, "order_lines", "SELECT count(*), sum(revenue), count(*) - count(origin_id) FROM t"
    )
    assert (ours, total) == (lines, revenue)
    assert anonymous == 133_701
    assert rows(stores, "orders", "SELECT count(DISTINCT order_id) FROM t") == [(invoices,)]
    # Goods of the lines are goods of the orders.
    assert rows(stores, "orders", "SELECT sum(revenue) FROM t") == rows(
        stores, "order_lines", "SELECT sum(revenue) FROM t WHERE goods"
    )


def test_online_retail_names_its_products_and_countries(retail: tuple[Stores, DataReport]) -> None:
    stores, _ = retail
    assert rows(stores, "products", "SELECT name FROM t WHERE sku = '85123A'") == [
        ("WHITE HANGING HEART T-LIGHT HOLDER",)
    ]
    assert rows(
        stores,
        "traits",
        "SELECT count(DISTINCT origin_id) FROM t WHERE name = 'country' AND value = 'GB'",
    ) == [(3_950,)]
    assert rows(stores, "traits", "SELECT count(DISTINCT value) FROM t") == [(37,)]


# --- CDNOW ------------------------------------------------------------------------------------------------


def test_cdnow_is_cut_at_white_space(workspace: Any) -> None:
    root = data_path("cdnow-sample/CDNOW_sample.txt").parent
    stores = workspace("USD")
    [load] = collect(stores, example("cdnow"), root=root, now=NOW).loads
    assert (load.rows_read, load.rows_taken, load.people) == (6_919, 6_919, 2_357)
    # 21 lines equal others; they are purchases of their own (keep_repeats). 223 purchases share their day with
    # another one of the same customer and are one order with it.
    assert load.duplicates == 0
    assert load.sales == 6_696
    [(revenue, units, free)] = rows(
        stores,
        "order_lines",
        "SELECT sum(revenue), sum(quantity), count(*) FILTER (WHERE revenue = 0) FROM t",
    )
    assert (revenue, units, free) == (Decimal("244091.9400"), 16_479, 8)
    stores.close()


# --- Olist ------------------------------------------------------------------------------------------------


def test_olist_joins_its_linked_files(workspace: Any) -> None:
    root = data_path("olist-sample/olist_orders_dataset.csv.gz").parent
    stores = workspace("BRL")
    report = collect(stores, example("olist"), root=root, now=NOW)
    products, customers, orders, payments, reviews, sellers, places = report.loads
    assert all(balanced(load) for load in report.loads)
    assert (products.rows_taken, products.gaps["category"]) == (2_452, 37)
    # customer_id is new with each order; 3,000 of them are 2,995 people.
    assert (customers.rows_read, customers.people) == (3_000, 2_995)
    # 24 of the 3,000 orders have no item, and 17 with 18 items were cancelled.
    assert (orders.rows_read, orders.ignored, orders.rows_taken) == (3_397, 18, 3_379)
    assert orders.sales == 3_000 - 24 - 17
    assert rows(stores, "products", "SELECT count(*) FROM t WHERE category = 'health_beauty'") != [
        (0,)
    ]
    [(revenue, shipping)] = rows(stores, "orders", "SELECT sum(revenue), sum(shipping) FROM t")
    assert (revenue, shipping) == (Decimal("389748.3700"), Decimal("68566.1600"))
    # Several payments to an order, one of a type that nobody defined.
    assert (payments.rows_taken, payments.quarantined) == (3_170, 0)
    assert rows(stores, "payments", "SELECT count(*) FROM t WHERE method = 'not_defined'") == [(1,)]
    # 14 orders have two reviews and 21 none; 1,252 have words, which are in the vault.
    assert (reviews.rows_taken, reviews.statements) == (2_993, 2_993)
    marks = "SELECT CAST(rating AS integer), count(*) FROM t GROUP BY 1 ORDER BY 1"
    assert [n for _, n in rows(stores, "reviews", marks)] == [355, 98, 247, 576, 1_717]
    [(of_orders,)] = rows(stores, "reviews", "SELECT count(DISTINCT order_id) FROM t")
    assert of_orders == 3_000 - 21
    [(worded,)] = rows(stores, "reviews", "SELECT count(text_id) FROM t")
    with stores.control.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM vault_texts").scalar_one()
    assert kept == worded >= 1_252
    assert sellers.statements == 938
    # 1,280 of the 8,940 rows repeat others; 1,414 do but for the spelling of the city, with accents and without.
    assert (places.rows_read, places.duplicates) == (8_940, 1_414)
    stores.close()


# --- Starbucks --------------------------------------------------------------------------------------------


@pytest.mark.long
def test_starbucks_comes_from_nested_json(workspace: Any) -> None:
    root = data_path("starbucks-rewards/transcript.json.gz").parent
    stores = workspace("USD")
    report = collect(stores, example("starbucks"), root=root, now=NOW)
    customers, orders, events, touches, offers = report.loads
    assert all(balanced(load) for load in report.loads)
    assert (touches.rows_taken, touches.duplicates) == (76_277 + 57_725, 0)
    assert offers.statements == 10 * 4
    assert (customers.rows_read, customers.people) == (17_000, 17_000)
    # 2,175 people have the age 118, which stands for none, and neither gender nor income.
    assert {customers.gaps[f"traits.{n}"] for n in ("age", "gender", "income")} == {2_175}
    assert rows(
        stores, "traits", "SELECT max(CAST(value AS integer)) FROM t WHERE name = 'age'"
    ) == [(101,)]
    # 114 of the lines of the file are blank.
    assert (orders.rows_read, orders.rows_taken) == (306_534, 138_953)
    assert (events.rows_taken, events.duplicates) == (76_277 + 57_725 + 33_579 - 397, 397)
    assert rows(stores, "events", "SELECT event, count(*) FROM t GROUP BY 1 ORDER BY 1")[1:] == [
        ("Offer Received", 76_277),
        ("Offer Viewed", 57_725),
    ]
    [(first, last)] = rows(stores, "orders", "SELECT min(ordered_at), max(ordered_at) FROM t")
    assert (last - first).total_seconds() == 714 * 3_600
    assert rows(stores, "orders", "SELECT max(revenue) FROM t") == [(Decimal("1062.2800"),)]
    [(unmapped,)] = rows(
        stores, "events", "SELECT count(*) FROM t WHERE properties NOT LIKE '%offer%'"
    )
    assert unmapped == 0
    stores.close()


# --- the simulated shop -----------------------------------------------------------------------------------


def test_the_simulated_shop_is_collected_exactly(workspace: Any, tmp_path: Path) -> None:
    dirt = Dirt(
        mixed_dates=40,
        unreadable_dates=7,
        text_quantities=8,
        zero_quantities=5,
        negative_quantities=6,
        absurd_quantities=4,
        duplicate_lines=9,
    )
    shop = open_shop(ShopSpec(people=400, seed=11, dirt=dirt))
    written = write_sources(shop, tmp_path)
    stores = workspace("GBP")
    report = collect(
        stores, example("simulated-shop"), root=tmp_path, now=datetime(2030, 1, 1, tzinfo=UTC)
    )
    products, customers, orders, events = report.loads
    assert all(balanced(load) for load in report.loads)
    assert (products.rows_taken, customers.rows_taken) == (written.products, written.customers)
    assert orders.rows_read == written.order_rows
    assert orders.duplicates == dirt.duplicate_lines
    assert orders.quarantined_by_reason == {
        "negative_quantity": 6,
        "not_a_number": 8,
        "not_a_time": 7,
        "quantity_out_of_range": 4,
        "zero_quantity": 5,
    }
    assert orders.rows_taken == written.order_lines + written.return_lines - 30
    assert orders.return_lines == written.return_lines
    assert events.rows_taken == written.events
    assert customers.consents["email granted"] == written.email_opt_ins
    assert collect(stores, example("simulated-shop"), root=tmp_path, now=NOW).already_collected
    stores.close()


def test_money_of_a_clean_simulated_shop_is_exact(workspace: Any, tmp_path: Path) -> None:
    written = write_sources(open_shop(ShopSpec(people=300, seed=3)), tmp_path)
    stores = workspace("GBP")
    report = collect(
        stores, example("simulated-shop"), root=tmp_path, now=datetime(2030, 1, 1, tzinfo=UTC)
    )
    orders = report.loads[2]
    assert (orders.quarantined, orders.duplicates) == (0, 0)
    assert orders.sales == written.orders
    assert orders.anonymous_lines == written.anonymous_lines + sum(
        count
        for (count,) in rows(
            stores,
            "order_lines",
            "SELECT count(*) FROM t WHERE origin_id IS NULL AND kind = 'return'",
        )
    )
    [(revenue,)] = rows(stores, "orders", "SELECT sum(revenue) FROM t")
    assert revenue * 100 == written.revenue_minor
    originals = rows(
        stores,
        "orders",
        "SELECT count(*) FROM t WHERE kind = 'return' AND original_order_id NOT IN "
        "(SELECT order_id FROM t WHERE kind = 'sale')",
    )
    assert originals == [(0,)]
    stores.close()


@pytest.mark.parametrize(
    ("name", "file", "currency"),
    [
        ("online-retail", "online-retail/online_retail.csv.gz", "GBP"),
        ("cdnow", "cdnow-sample/CDNOW_sample.txt", "USD"),
        ("olist", "olist-sample/olist_orders_dataset.csv.gz", "BRL"),
    ],
)
def test_explaining_a_real_source_shows_ten_rows_and_writes_nothing(
    workspace: Any, name: str, file: str, currency: str
) -> None:
    source, stores = example(name), workspace(currency)
    explanation = explain(stores, source, root=data_path(file).parent, now=NOW)
    assert [entity.entity for entity in explanation.entities] == [e.entity for e in source.entities]
    assert all(len(entity.rows) == 10 for entity in explanation.entities)
    for table in ("orders", "order_lines", "products", "traits", "quarantine"):
        assert rows(stores, table, "SELECT * FROM t") == []
    stores.close()


def test_explaining_tells_that_a_rate_is_missing(shop: Shop) -> None:
    folder = data_path("cdnow-sample/CDNOW_sample.txt").parent
    [entity] = explain(shop.stores, example("cdnow"), root=folder, now=NOW).entities
    assert entity.rows == ()
    assert entity.refused == {"no_rate": entity.sample_rows}


# --- other things than orders -----------------------------------------------------------------------------


@pytest.mark.long
def test_the_complete_journey_comes_in_with_its_eight_tables(workspace: Any) -> None:
    root = data_path("complete-journey/campaigns.parquet").parent
    stores = workspace("USD")
    report = collect(stores, example("complete-journey"), root=root, now=NOW)
    products, people, orders, campaigns, redeemed, coupons, placed = report.loads
    assert all(balanced(load) for load in report.loads)
    assert (products.rows_taken, products.gaps["category"]) == (92_331, 540)
    assert products.gaps["properties.size"] == 30_586
    assert people.people == 801
    assert (people.gaps["traits.home_ownership"], people.gaps["traits.marital_status"]) == (
        233,
        137,
    )
    # 416 lines with quantity 0; one of them has a basket written 4.0128e+10, as R does, and waits for that.
    assert orders.rows_read == 75_000
    assert orders.quarantined_by_reason == {"zero_quantity": 415, "id_shortened": 1}
    assert rows(stores, "orders", "SELECT count(DISTINCT shop_id) FROM t")[0][0] <= 293
    assert (campaigns.rows_taken, campaigns.statements) == (6_589, 6_589)
    assert redeemed.rows_taken + redeemed.duplicates == 2_102
    assert (coupons.rows_read, coupons.duplicates) == (116_204, 4_872)
    assert placed.rows_read == 360_535
    assert rows(stores, "touches", "SELECT count(DISTINCT campaign) FROM t") == [(27,)]
    stores.close()


def test_rees46_keeps_its_long_ids_and_tells_purchases_from_views(workspace: Any) -> None:
    root = data_path("rees46-events-sample/2019-Oct-sample.csv.gz").parent
    stores = workspace("USD")
    events, orders = collect(stores, example("rees46"), root=root, now=NOW).loads
    assert (events.rows_read, events.ignored, orders.rows_taken) == (1_000, 10, 10)
    assert events.rows_taken + events.duplicates == 990
    counts = rows(stores, "events", "SELECT event, count(*) FROM t GROUP BY 1 ORDER BY 1")
    assert counts[0] == ("Product Added", 3)
    numbered = "SELECT count(*) FROM t WHERE regexp_full_match(category, '[0-9]{19}')"
    assert rows(stores, "events", numbered)[0][0] > 300
    stores.close()


def test_touchpoints_and_conversions_come_apart(workspace: Any) -> None:
    root = data_path("multi-touch-attribution/attribution_data.csv.gz").parent
    stores = workspace("USD")
    touches, events = collect(stores, example("multi-touch-attribution"), root=root, now=NOW).loads
    assert touches.rows_taken + touches.duplicates == 60_645
    assert events.rows_taken + events.duplicates == 1_838
    by_channel = dict(rows(stores, "touches", "SELECT channel, count(*) FROM t GROUP BY 1"))
    assert len(by_channel) == 5
    assert rows(stores, "events", "SELECT max(revenue) FROM t") == [(Decimal("8.5000"),)]
    stores.close()


@pytest.mark.long
def test_hillstrom_is_an_experiment_of_64000_people_without_ids(workspace: Any) -> None:
    root = data_path("hillstrom-email/hillstrom.csv.gz").parent
    stores = workspace("USD")
    people, arms, outcomes = collect(stores, example("hillstrom"), root=root, now=NOW).loads
    # 6,562 rows repeat others and are still other people.
    assert (people.people, people.duplicates, arms.rows_taken) == (64_000, 0, 64_000)
    assert outcomes.statements == 3 * 64_000
    counts = dict(rows(stores, "assignments", "SELECT arm, count(*) FROM t GROUP BY 1"))
    assert counts == {"Womens E-Mail": 21_387, "Mens E-Mail": 21_307, "control": 21_306}
    with stores.engine.session() as session:
        for name in ("assignments", "outcomes"):
            session.bind(name, stores.lake.pin(name).tables[name])
        found = session.rows(
            sql(
                """
                SELECT a.arm, o.name, round(avg(o.value), 4) FROM assignments AS a
                JOIN outcomes AS o ON o.origin_id = a.origin_id AND o.experiment = a.experiment
                GROUP BY ALL ORDER BY ALL
                """
            )
        )
    means = {(arm, name): mean for arm, name, mean in found}
    assert means["Mens E-Mail", "visit"] == 0.1828
    assert means["control", "visit"] == 0.1062
    assert means["Womens E-Mail", "conversion"] == 0.0088
    assert round(means["Mens E-Mail", "spend"], 3) == 1.423
    areas = rows(stores, "traits", "SELECT DISTINCT value FROM t WHERE name = 'area' ORDER BY 1")
    assert areas == [("Rural",), ("Suburban",), ("Urban",)]
    stores.close()


@pytest.mark.slow
def test_the_airline_survey_knows_what_does_not_apply(workspace: Any, tmp_path: Path) -> None:
    path = data_path("airline-satisfaction-survey/airline_passenger_satisfaction.csv.gz")
    # Every sixth row of the 129,880, so that the test is quick.
    with gzip.open(path, "rt", encoding="utf-8") as file:
        head, *body = file.read().splitlines()
    kept = body[::6]
    (tmp_path / path.name).write_bytes(gzip.compress("\n".join([head, *kept, ""]).encode()))
    stores = workspace("GBP")
    documents = [
        check(one.body) for one in read_documents([EXAMPLES / "airline-satisfaction.yaml"])
    ]
    apply(stores.control, documents, now=NOW, by="test")
    people, answers = collect(stores, example("airline-satisfaction"), root=tmp_path, now=NOW).loads
    assert (len(body), people.people) == (129_880, len(kept))
    places = {name: place for place, name in enumerate(head.split(","))}
    table = [line.split(",") for line in kept]

    def zeros(column: str) -> int:
        return sum(row[places[column]] == "0" for row in table)

    assert people.gaps == {
        "traits.arrival_delay_minutes": sum(row[places["Arrival Delay"]] == "" for row in table)
    }
    assert answers.statements == 15 * len(kept)
    aside = "SELECT question, count(*) FROM t WHERE NOT applicable GROUP BY 1"
    not_applicable = dict(rows(stores, "answers", aside))
    for question, column in (
        ("time convenience", "Departure and Arrival Time Convenience"),
        ("online booking", "Ease of Online Booking"),
        ("wifi", "In-flight Wifi Service"),
    ):
        assert not_applicable[question] == zeros(column) > 500
    satisfied = sum(row[places["Satisfaction"]] == "Satisfied" for row in table)
    total = "SELECT sum(number) FROM t WHERE question = 'satisfaction'"
    assert rows(stores, "answers", total) == [(float(satisfied),)]
    lowest = "SELECT min(number), max(number) FROM t WHERE question = 'wifi'"
    assert rows(stores, "answers", lowest) == [(1.0, 5.0)]
    stores.close()


def test_reviews_of_nobody_keep_their_words_in_the_vault(workspace: Any) -> None:
    root = data_path("womens-clothing-reviews/Womens_Clothing_E-Commerce_Reviews.csv.gz").parent
    stores = workspace("USD")
    [load] = collect(stores, example("clothing-reviews"), root=root, now=NOW).loads
    assert (load.rows_read, load.duplicates, load.quarantined) == (23_486, 21, 0)
    assert (load.gaps["title"], load.gaps["text"]) == (3_810, 845)
    assert load.gaps["properties.division"] == 14
    marks = "SELECT count(*) FILTER (WHERE rating = 1), count(*) FILTER (WHERE recommended) FROM t"
    [(worst, recommended)] = rows(stores, "reviews", marks)
    assert 842 - 21 <= worst <= 842
    assert round(recommended / 23_465, 2) == 0.82
    found = "SELECT DISTINCT json_extract_string(properties, '$.division') FROM t ORDER BY 1"
    assert ("Initmates",) not in rows(stores, "reviews", found)
    stores.close()


def test_telco_customers_have_subscriptions_and_some_ended(workspace: Any) -> None:
    root = data_path("telco-churn/Telco-Customer-Churn.csv.gz").parent
    stores = workspace("USD")
    people, subscriptions = collect(stores, example("telco-churn"), root=root, now=NOW).loads
    assert (people.people, subscriptions.rows_taken) == (7_043, 7_043)
    # Eleven customers of the first month have no charges in all yet.
    assert people.gaps == {"traits.total_charges": 11}
    states = dict(rows(stores, "subscriptions", "SELECT state, count(*) FROM t GROUP BY 1"))
    assert states == {"ended": 1_869, "active": 5_174}
    # Nothing tells when they left, so nobody before today could know that they would.
    assert rows(stores, "subscriptions", "SELECT DISTINCT set_at FROM t") == [(NOW,)]
    stores.close()
