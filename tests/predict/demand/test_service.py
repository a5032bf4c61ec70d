"""Demand of a workspace: units by the firm's days, categories beside the sum of their products, refusals, real orders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.demand.service import DemandForecast, forecast_demand
from aimwell.store.stores import Stores
from data_folder import data_path
from shop import add_orders, add_products, append, day, make_stores, online_retail

AS_OF = day(140)
LEVELS = {"mug": 6.0, "soap": 3.0, "pen": 0.3}


def orders(days: int = 150, seed: int = 2) -> list[dict[str, object]]:
    """A basket an hour before noon of each day but Sundays, by nobody who is known."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for number in range(days):
        if day(number).weekday() == 6:
            continue
        lines = [(sku, int(rng.poisson(level)), 5) for sku, level in LEVELS.items()]
        rows.append(
            {
                "customer": None,
                "order_id": str(number),
                "ordered_at": day(number + 11 / 24),
                "lines": [line for line in lines if line[1]],
            }
        )
    return rows


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("demand"), timezone="Europe/Berlin")
    add_orders(opened, orders())
    add_products(
        opened,
        [
            {"sku": "mug", "name": "Mug, blue", "category": "kitchen"},
            {"sku": "soap", "category": "care"},
            {"sku": "pen", "category": "kitchen"},
        ],
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def found(stores: Stores) -> DemandForecast:
    return forecast_demand(stores, as_of=AS_OF, horizon_days=14)


def test_each_product_is_near_what_is_sold(found: DemandForecast) -> None:
    rows = {row["series"]: row for row in found.series.to_pylist()}
    assert list(rows) == ["mug", "soap", "pen"]
    assert rows["mug"]["name"] == "Mug, blue"
    for sku, level in LEVELS.items():
        assert rows[sku]["total"] == pytest.approx(12 * level, rel=0.35)
        assert rows[sku]["lower"] <= rows[sku]["total"] <= rows[sku]["upper"]


def test_the_horizon_begins_on_the_day_of_the_moment_and_sundays_are_closed(
    found: DemandForecast,
) -> None:
    assert (found.first, found.last) == (date(2026, 5, 21), date(2026, 6, 3))
    assert found.closed == (date(2026, 5, 24), date(2026, 5, 31))
    rows = found.periods.to_pylist()
    assert len(rows) == 3 * 14
    for row in rows:
        if row["period"] in found.closed:
            assert (row["forecast"], row["lower"], row["upper"]) == (0, 0, 0)
    mug = sum(row["forecast"] for row in rows if row["series"] == "mug")
    assert mug == pytest.approx(found.series.to_pylist()[0]["total"])


def test_a_category_stands_beside_the_sum_of_its_products(
    stores: Stores, found: DemandForecast
) -> None:
    rows = {
        row["series"]: row
        for row in forecast_demand(
            stores, as_of=AS_OF, level="category", horizon_days=14
        ).series.to_pylist()
    }
    products = {row["series"]: row["total"] for row in found.series.to_pylist()}
    assert set(rows) == {"kitchen", "care"}
    assert rows["kitchen"]["products_total"] == pytest.approx(products["mug"] + products["pen"])
    assert rows["kitchen"]["total"] == pytest.approx(rows["kitchen"]["products_total"], rel=0.2)


def test_weeks_add_up_to_about_the_days(stores: Stores, found: DemandForecast) -> None:
    weekly = forecast_demand(stores, as_of=AS_OF, horizon_days=14, step="week")
    assert weekly.periods.num_rows == 3 * 2
    assert (weekly.first, weekly.last) == (found.first, found.last)
    days = found.series.to_pylist()[0]["total"]
    assert weekly.series.to_pylist()[0]["total"] == pytest.approx(days, rel=0.25)


def test_nothing_from_the_moment_on_is_seen(stores: Stores, tmp_path: Path) -> None:
    before = make_stores(tmp_path, timezone="Europe/Berlin")
    add_orders(before, [row for row in orders() if row["ordered_at"] < AS_OF])
    past = forecast_demand(before, as_of=AS_OF, horizon_days=14)
    known = forecast_demand(stores, as_of=AS_OF, horizon_days=14)
    assert past.periods == known.periods
    before.close()


def test_the_same_again_gives_the_same(stores: Stores, found: DemandForecast) -> None:
    again = forecast_demand(stores, as_of=AS_OF, horizon_days=14)
    assert again.series == found.series
    assert again.to_dict() == found.to_dict()


def test_a_day_that_is_half_over_does_not_count(stores: Stores, found: DemandForecast) -> None:
    zone = ZoneInfo("Europe/Berlin")
    noon = datetime(2026, 5, 21, 12, 30, tzinfo=zone)
    assert forecast_demand(stores, as_of=noon, horizon_days=14).periods == found.periods


def test_returns_take_no_demand_away_and_fees_are_no_goods(tmp_path: Path) -> None:
    rows = orders()
    extra: list[dict[str, object]] = [
        {
            "customer": None,
            "order_id": f"R{number}",
            "ordered_at": day(number + 0.6),
            "kind": "return",
            "lines": [("mug", 5, 5)],
        }
        for number in range(20, 60)
    ] + [
        {
            "customer": None,
            "order_id": f"P{number}",
            "ordered_at": day(number + 0.6),
            "lines": [{"sku": "POST", "unit_price": 3, "goods": False}],
        }
        for number in range(20, 60)
    ]
    tables = []
    for name, given in (("plain", rows), ("more", rows + extra)):
        opened = make_stores(tmp_path / name)
        add_orders(opened, given)
        tables.append(forecast_demand(opened, as_of=AS_OF, horizon_days=14).series)
        opened.close()
    assert tables[0] == tables[1]


def test_series_that_are_new_or_rare_are_left_out_and_counted(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    late: list[dict[str, object]] = [
        {
            "customer": None,
            "order_id": f"n{n}",
            "ordered_at": day(110 + n + 0.5),
            "lines": [("new", 2, 5)],
        }
        for n in range(20)
    ]
    rare = {
        "customer": None,
        "order_id": "rare",
        "ordered_at": day(3.5),
        "lines": [("rare", 1, 5)],
    }
    add_orders(opened, [*orders(), *late, rare])
    told = forecast_demand(opened, as_of=AS_OF, horizon_days=14)
    assert set(told.series.column("series").to_pylist()) == set(LEVELS)
    assert sorted(told.left_out.values()) == [1, 1]
    opened.close()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"level": "categry"}, PredictError, "Did you mean 'category'"),
        ({"horizon_days": 10, "step": "week"}, PredictError, "multiple of 7"),
        ({"horizon_days": 0}, PredictError, "1 to 36,525"),
        ({"horizon_days": 28}, TooLittleDataError, "days of history: 140 of at least 168"),
    ],
)
def test_what_cannot_be_forecast_is_refused(
    stores: Stores, options: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        forecast_demand(stores, as_of=AS_OF, **options)


def test_orders_that_end_long_before_the_moment_are_refused(stores: Stores) -> None:
    with pytest.raises(TooLittleDataError, match="The last sale was on 2026-05-30"):
        forecast_demand(stores, as_of=day(400), horizon_days=14)


def test_without_categories_or_sales_it_says_what_to_do(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    with pytest.raises(PredictError, match="Nothing was sold before"):
        forecast_demand(opened, as_of=AS_OF)
    add_orders(opened, orders())
    with pytest.raises(PredictError, match="No product that was sold has a category"):
        forecast_demand(opened, as_of=AS_OF, level="category", horizon_days=14)
    opened.close()


def test_a_shop_that_sells_the_same_every_day_has_no_scale_and_says_so(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    add_orders(
        opened,
        [
            {
                "customer": None,
                "order_id": str(number),
                "ordered_at": day(number + 0.5),
                "lines": [("mug", 3, 5)],
            }
            for number in range(140)
        ],
    )
    told = forecast_demand(opened, as_of=AS_OF, horizon_days=14)
    (row,) = told.series.to_pylist()
    assert row["total"] == pytest.approx(42)
    assert row["mase"] is None
    assert told.check.rmsse.chosen is None
    assert told.check.verdict == "cannot tell"
    assert told.check.gain.reason
    opened.close()


def test_a_single_young_series_is_forecast_and_not_judged(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    add_orders(opened, [row for row in orders() if row["order_id"] in ("0", "1")])
    young: list[dict[str, object]] = [
        {
            "customer": None,
            "order_id": f"y{number}",
            "ordered_at": day(number + 0.5),
            "lines": [("young", 1 + number % 3, 5)],
        }
        for number in range(82, 140)
    ]
    add_orders(opened, young)
    told = forecast_demand(opened, as_of=AS_OF, horizon_days=14)
    (row,) = told.series.to_pylist()
    assert (row["series"], row["coverage"]) == ("young", None)
    assert row["total"] == pytest.approx(28, rel=0.2)
    assert (told.check.series, told.check.verdict) == (0, "cannot tell")
    opened.close()


@pytest.mark.slow
def test_online_retail_against_seasonal_naive(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="Europe/London")
    online_retail(opened)
    check = forecast_demand(opened, as_of=datetime(2011, 9, 1, tzinfo=UTC)).check
    assert check.series > 2_000
    assert check.verdict == "better"
    assert (check.wape.chosen or 9) < (check.wape.naive or 0)
    assert 0.8 <= (check.covered.estimate or 0) <= 0.95
    assert 0.8 <= (check.total_covered.estimate or 0) <= 0.95
    opened.close()


@pytest.mark.long
def test_complete_journey_by_category(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="America/New_York")
    complete_journey(opened)
    told = forecast_demand(
        opened, as_of=datetime(2017, 12, 1, tzinfo=UTC), level="category", horizon_days=28
    )
    check = told.check
    assert check.series > 80
    assert check.verdict == "better"
    assert 0.85 <= (check.covered.estimate or 0) <= 0.97
    assert 0.8 <= (check.total_covered.estimate or 0) <= 0.97
    opened.close()


def complete_journey(stores: Stores) -> None:
    """The lines of the sample with the category of each product."""
    lines = data_path("complete-journey/transactions_sample.parquet")
    products = data_path("complete-journey/products.parquet")
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(
            """
            SELECT row_number() OVER () AS n, basket_id, transaction_timestamp AS at, product_id, quantity
            FROM read_parquet($file) WHERE quantity > 0 AND quantity < 1000
            """,
            {"file": str(lines)},
        ).fetchall()
        categories = connection.execute(
            "SELECT product_id, product_category FROM read_parquet($file) WHERE product_category IS NOT NULL",
            {"file": str(products)},
        ).fetchall()
    append(
        stores,
        "order_lines",
        [
            {
                "line_id": str(n),
                "order_id": basket,
                "kind": "sale",
                "ordered_at": at.replace(tzinfo=UTC),
                "sku": sku,
                "goods": True,
                "quantity": quantity,
                "unit_price": 1,
                "discount": 0,
                "revenue": quantity,
            }
            for n, basket, at, sku, quantity in rows
        ],
    )
    add_products(stores, [{"sku": sku, "category": category} for sku, category in categories])
