"""A shop whose records grow and in which nothing changes is told to be as it was; a change in it is noticed all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.history.features import features
from aimwell.history.moment import open_moment
from aimwell.predict.care import monitoring
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.equally_long import came_since, equally_long
from aimwell.predict.care.model import Monitored
from aimwell.predict.care.service import monitor
from shop import add_orders, add_traits, day, make_stores
from steady import growing_orders

GROWS = ["orders", "revenue", "customer_days", "tenure_days", "recency_days", "gap_mean_days"]
COLUMNS = [*GROWS, "orders_30d", "revenue_90d", "average_order_value"]
SHOPS = {
    "begins with its records": {"opened": 0, "stays": 200.0},
    "began long before": {"opened": -600, "stays": 60.0},
    "keeps everybody": {"opened": 0, "stays": 1e6},
}
TRAINED, LOOKED_AT = 200, 400


def looked_after(tmp_path: Path, *, asks: str = "propensity", **shop: Any) -> Monitored:
    """A version of day 200, looked after as of day 400."""
    stores = make_stores(tmp_path, margin_default=0.4)
    add_orders(stores, growing_orders(arrivals=4, days=LOOKED_AT, **shop))
    columns = {"columns": COLUMNS} if asks == "propensity" else {}
    wanted = check({"kind": "prediction", "name": "it", "asks": asks, "horizon": "45d", **columns})
    assert isinstance(wanted, Prediction)
    train_defined(stores, wanted, as_of=day(TRAINED), now=day(TRAINED))
    found = monitor(stores, "it", as_of=day(LOOKED_AT))
    stores.close()
    return found


def shifted(found: Monitored) -> set[str]:
    return {one.name for one in found.shifts if one.shift in ("noticeable", "large")}


@pytest.mark.parametrize("shop", list(SHOPS.values()), ids=list(SHOPS))
def test_a_growing_shop_in_which_nothing_changes_is_told_to_be_as_it_was(
    tmp_path: Path, shop: dict[str, Any]
) -> None:
    found = looked_after(tmp_path, **shop)
    assert shifted(found) == set(), [(one.name, one.drift.psi) for one in found.shifts]
    assert found.people > 700


def test_with_records_of_other_lengths_it_would_seem_to_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "equally_long", lambda *_stores, **_moments: None)
    found = looked_after(tmp_path, **SHOPS["began long before"])
    assert {"customer_days", "tenure_days", "recency_days"} <= shifted(found)


@pytest.mark.parametrize(
    "shop",
    [
        pytest.param(shop, marks=[pytest.mark.long] * (place > 0))
        for place, shop in enumerate(SHOPS.values())
    ],
    ids=list(SHOPS),
)
def test_a_planted_change_in_a_growing_shop_is_noticed(
    tmp_path: Path, shop: dict[str, Any]
) -> None:
    found = looked_after(tmp_path, changes_at=250, spend_then=2.0, **shop)
    assert {"revenue_90d", "average_order_value"} <= shifted(found)


@pytest.mark.long
@pytest.mark.parametrize("asks", ["churn", "spend", "lifetime-value", "next-purchase"])
def test_each_kind_that_looks_at_a_life_of_orders_takes_a_growing_shop_for_what_it_is(
    tmp_path: Path, asks: str
) -> None:
    found = looked_after(tmp_path, asks=asks, **SHOPS["began long before"])
    assert shifted(found) == set()


@pytest.mark.long
def test_in_growing_shops_false_alarms_are_rare(tmp_path: Path) -> None:
    told = [
        name
        for seed in range(20)
        for place, shop in enumerate(SHOPS.values())
        for name in shifted(looked_after(tmp_path / f"{seed}-{place}", seed=seed, **shop))
    ]
    # Of 600 features and probabilities.
    assert len(told) <= 6, told


def test_as_if_records_had_begun_later_is_what_a_shop_without_those_before_has(
    tmp_path: Path,
) -> None:
    orders = growing_orders(arrivals=1, days=200, stays=100.0)
    begins, tables = day(80), []
    for place, rows in enumerate((orders, [one for one in orders if one["ordered_at"] >= begins])):
        stores = make_stores(tmp_path / str(place))
        add_orders(stores, rows)
        with open_moment(stores, as_of=day(200), since=None if place else begins) as moment:
            tables.append(features(moment, GROWS))
        stores.close()
    assert tables[0].num_rows > 50
    assert tables[0].equals(tables[1])


def test_whom_only_a_list_names_stays_and_who_came_before_is_told_apart(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    rows = [("old", 5), ("old", 120), ("gone", 6), ("new", 130)]
    add_orders(
        stores,
        [
            {"customer": who, "order_id": f"{who}-{at}", "ordered_at": day(at), "revenue": 5}
            for who, at in rows
        ],
    )
    add_traits(stores, [{"customer": "listed", "name": "city", "value": "Bath", "set_at": day(1)}])
    with open_moment(stores, as_of=day(150), since=day(100)) as moment:
        found = features(moment, ["orders", "tenure_days"])
        moment.bind_known()
        known = moment.session.rows(exp.select("profile_id").from_("known"))
        assert len(known) == found.num_rows == 3
    assert sorted(found.column("orders").to_pylist()) == [0, 1, 1]
    assert sorted(found.column("tenure_days").to_pylist()) == [20, 30, 50]
    ids: pa.Array = found.column("profile_id").combine_chunks()
    assert came_since(stores, ids, day(100)).sum() == 1
    assert equally_long(stores, then=day(100), now=day(150)) == day(55)
    assert equally_long(stores, then=day(2), now=day(150)) is None
    stores.close()
