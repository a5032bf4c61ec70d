"""Elasticities of a workspace: two categories whose truth is known, judged later, and a shop in which prices follow demand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.pricing.elasticities import PriceElasticities, price_elasticities
from aimwell.store.stores import Stores
from data_folder import data_path
from shop import add_products, append, day, make_stores, online_retail

FIRST_MONDAY, WEEKS = 4, 45  # 2026-01-05
AS_OF = day(FIRST_MONDAY + 7 * WEEKS)
TRUTH = {"care": -2.2, "deco": -0.4}


def line(sku: str, at: float, units: float, price: float, number: int) -> dict[str, Any]:
    return {
        "line_id": f"{sku}-{number}",
        "order_id": f"{sku}-{number}",
        "kind": "sale",
        "ordered_at": day(at),
        "sku": sku,
        "goods": True,
        "quantity": round(units, 4),
        "unit_price": round(price, 4),
        "discount": 0,
        "revenue": round(round(units, 4) * price, 4),
    }


def sold(*, demand_sets_prices: bool = False) -> list[dict[str, Any]]:
    """Some lines a week of each product; the season moves all units, and prices a little."""
    rng = np.random.default_rng(21)
    rows: list[dict[str, Any]] = []
    season = rng.normal(0, 0.4, WEEKS)
    for category, truth in TRUTH.items():
        for one in range(14):
            level, price = rng.normal(4, 0.5), float(rng.uniform(5, 20))
            for week in range(WEEKS):
                wish = rng.normal(0, 0.2)
                change = rng.normal(0, 0.12) - 0.1 * season[week]
                if demand_sets_prices:
                    change += 0.8 * wish
                    wish *= 3
                logs = level + season[week] + truth * change * (not demand_sets_prices) + wish
                units = float(np.exp(logs))
                lines = max(1, round(units / 8))
                at = FIRST_MONDAY + 7 * week
                rows += [
                    line(
                        f"{category}{one:02d}",
                        at + 6 * place / lines,
                        units / lines,
                        price * float(np.exp(change)),
                        1000 * week + place,
                    )
                    for place in range(lines)
                ]
    return rows


def filled(tmp_path: Path, rows: list[dict[str, Any]]) -> Stores:
    opened = make_stores(tmp_path)
    append(opened, "order_lines", rows)
    add_products(
        opened,
        [
            {"sku": sku, "name": f"Thing {sku}", "category": sku[:4]}
            for sku in sorted({row["sku"] for row in rows})
        ],
    )
    return opened


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    rows = sold()
    # A product whose price never moves, and one that is hardly ever sold, cannot teach.
    rows += [line("fixed", FIRST_MONDAY + 7 * week, 5, 3, week) for week in range(WEEKS)]
    rows += [line("rare", FIRST_MONDAY + 35 * week, 5, 3 + week, week) for week in range(9)]
    opened = filled(tmp_path_factory.mktemp("prices"), rows)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def found(stores: Stores) -> PriceElasticities:
    return price_elasticities(stores, as_of=AS_OF)


def test_each_category_has_its_elasticity(found: PriceElasticities) -> None:
    told = {one.category: one for one in found.categories}
    for category, truth in TRUTH.items():
        assert told[category].elasticity.covers(truth)
        assert told[category].products == 14
    assert (told["care"].verdict, told["deco"].verdict) == ("elastic", "inelastic")
    assert found.categories[0].category == "all categories"
    assert found.sold == 30


def test_only_products_whose_prices_vary_are_told(found: PriceElasticities) -> None:
    skus = found.products.column("sku").to_pylist()
    assert len(skus) == 28
    assert not {"fixed", "rare"} & set(skus)
    rows = found.products.to_pylist()
    hits = [row["lower"] <= TRUTH[row["category"]] <= row["upper"] for row in rows]
    assert np.mean(hits) >= 0.85


def test_later_weeks_are_foretold_better_than_by_no_change(found: PriceElasticities) -> None:
    nothing, category, product = found.judged
    assert (category.verdict, product.verdict) == ("better", "better")
    assert category.error < nothing.error
    assert nothing.rows == 28 * 8


def test_an_unfinished_week_is_not_read(stores: Stores, found: PriceElasticities) -> None:
    later = price_elasticities(stores, as_of=day(FIRST_MONDAY + 7 * WEEKS + 3))
    assert later.products.equals(found.products)
    earlier = price_elasticities(stores, as_of=day(FIRST_MONDAY + 7 * WEEKS - 2))
    assert earlier.products.column("weeks").to_pylist() == [WEEKS - 1] * 28


def test_prices_that_follow_demand_show_the_wrong_sign(tmp_path: Path) -> None:
    opened = filled(tmp_path, sold(demand_sets_prices=True))
    told = price_elasticities(opened, as_of=AS_OF)
    assert told.categories[0].verdict == "wrong sign"
    assert told.categories[0].against > 0.9
    opened.close()


def test_large_orders_at_lower_prices_show_in_units_and_not_in_lines(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows = []
    for one in range(14):
        for week in range(WEEKS):
            for place in range(int(rng.integers(2, 5))):
                large = rng.random() < 0.2
                at = FIRST_MONDAY + 7 * week + 1 + place / 10
                rows.append(
                    line(
                        f"care{one:02d}",
                        at,
                        50 if large else 3,
                        8 if large else 10,
                        10 * week + place,
                    )
                )
    opened = filled(tmp_path, rows)
    whole = price_elasticities(opened, as_of=AS_OF).categories[0]
    assert whole.verdict == "order sizes"
    assert (whole.elasticity.upper or 0) < -1
    opened.close()


def test_too_few_products_and_empty_shops_are_refused(tmp_path: Path, stores: Stores) -> None:
    opened = make_stores(tmp_path)
    with pytest.raises(PredictError, match="No goods with a product number"):
        price_elasticities(opened, as_of=AS_OF)
    append(opened, "order_lines", [row for row in sold() if row["sku"] < "care05"])
    with pytest.raises(TooLittleDataError, match="products whose price varies: 5 of at least 10"):
        price_elasticities(opened, as_of=AS_OF)
    opened.close()
    with pytest.raises(PredictError, match="1 to 520 weeks"):
        price_elasticities(stores, as_of=AS_OF, check_weeks=0)


@pytest.mark.long
def test_online_retails_prices_go_with_large_orders(tmp_path: Path) -> None:
    data_path("online-retail/online_retail.csv.gz")
    opened = make_stores(tmp_path)
    online_retail(opened)
    told = price_elasticities(opened, as_of=day(-21))
    whole = told.categories[0]
    assert whole.products > 500
    assert whole.verdict == "order sizes"
    assert (whole.elasticity.upper or 0) < -1
    opened.close()
