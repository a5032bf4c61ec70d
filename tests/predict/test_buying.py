"""The margin of past revenue, and what people bought in a horizon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from aimwell.history.moment import open_moment
from aimwell.predict.buying import Margin, later_buying, purchase_history, usual_margin
from aimwell.store.stores import Stores
from shop import add_orders, add_products, day, make_stores, origin


def margin(tmp_path: Path, orders: Sequence[dict[str, Any]], default: float | None) -> Margin:
    stores = make_stores(tmp_path, margin_default=default)
    add_products(stores, [{"sku": "mug", "unit_cost": 3}])
    add_orders(
        stores,
        [
            {"customer": "ann", "order_id": str(n), "ordered_at": day(n), **row}
            for n, row in enumerate(orders)
        ],
    )
    with open_moment(stores, as_of=day(90)) as moment:
        found = usual_margin(moment)
    stores.close()
    return found


MUGS = {"lines": [("mug", 2, 5)]}  # revenue 10, margin 4
PLATES = {"lines": [("plate", 1, 10)]}  # revenue 10, no cost known


@pytest.mark.parametrize(
    ("orders", "default", "share"),
    [
        ([MUGS], None, 0.4),
        ([MUGS, PLATES], 0.2, (4 + 2) / 20),
        ([PLATES], 0.2, 0.2),
        ([{"revenue": 30}], 0.25, 0.25),
        ([MUGS, {"revenue": 30}], 0.2, (4 + 6) / 40),
        # Four fifths are enough; the rest earns alike.
        ([MUGS] * 4 + [PLATES], None, 0.4),
        # A return takes back what its sale had earned.
        ([MUGS, MUGS, {"kind": "return", **MUGS}], None, 0.4),
        ([MUGS, {"customer": None, "lines": [("plate", 9, 99)]}], None, 0.4),
    ],
)
def test_the_margin_comes_from_costs_else_from_the_setting(
    tmp_path: Path, orders: list[dict[str, Any]], default: float | None, share: float
) -> None:
    assert margin(tmp_path, orders, default).share == pytest.approx(share)


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        ([PLATES], "The margin is not known"),
        ([{"revenue": 30}], "The margin is not known"),
        ([MUGS, PLATES], "known for only 50%"),
        ([{"lines": [("mug", 1, 3)]}], "is 0% of their revenue"),
        ([{"lines": [("mug", 1, 2)]}], "is -50% of their revenue"),
        ([{"lines": [("mug", 1, 0)]}], "The margin is not known"),
    ],
)
def test_a_margin_that_cannot_be_told_is_missing_with_the_reason(
    tmp_path: Path, orders: list[dict[str, Any]], words: str
) -> None:
    found = margin(tmp_path, orders, None)
    assert found.share is None
    assert words in found.reason
    assert "the value is revenue, not profit" in found.reason


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path, timezone="America/New_York")
    yield opened
    opened.close()


def test_later_buying_counts_local_days_and_net_money(stores: Stores) -> None:
    ann, bob = origin(stores, "ann"), origin(stores, "bob")

    def order(number: str, when: float, revenue: float, **more: Any) -> dict[str, Any]:
        row = {"customer": "ann", "order_id": number, "ordered_at": day(when), "revenue": revenue}
        return {**row, **more}

    add_orders(
        stores,
        [
            order("1", 1, 100),
            order("b", 1, 7, customer="bob"),
            # 03:00 UTC is still the day before in New York.
            order("2", 10.5, 10),
            order("3", 11 + 3 / 24, 10),
            order("4", 12.5, 10),
            order("5", 14.5, 50),
            order("R5", 15, 50, kind="return", original_order_id="5"),
            order("R1", 15, 99, kind="return", original_order_id="1"),
            order("R?", 15, 4, kind="return"),
            order("6", 20, 1000),
            order("c", 11, 7, customer="cat"),
        ],
    )
    with open_moment(stores, as_of=day(10), horizon=timedelta(days=10)) as moment:
        people, history = purchase_history(moment)
        later = later_buying(moment, people)
        other_way = later_buying(moment, pa.array(["nobody", bob, ann]))
    assert set(people.to_pylist()) == {ann, bob}
    assert history.age.max() == pytest.approx(9 / 7)
    place = people.to_pylist().index(ann)
    assert (later.purchases[place], later.revenue[place]) == (2, 26)
    assert (later.purchases[1 - place], later.revenue[1 - place]) == (0, 0)
    assert other_way.purchases.tolist() == [0, 0, 2]
