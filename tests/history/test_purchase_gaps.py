"""Waits between purchases: from day to day, the last one still open."""

from __future__ import annotations

from pathlib import Path

from aimwell.history.moment import open_moment
from aimwell.history.purchase_gaps import purchase_gaps
from shop import add_orders, day, make_stores


def test_waits_are_counted_by_days_and_the_last_one_is_open(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    orders = [("ann", 0), ("ann", 0.3), ("ann", 10), ("ann", 30), ("bob", 20), ("cleo", 25)]
    add_orders(
        stores,
        [
            {"customer": name, "order_id": str(n), "ordered_at": day(when), "revenue": 5}
            for n, (name, when) in enumerate(orders)
        ],
    )
    # An order that was returned, one of nobody, and one after the moment tell nothing.
    add_orders(
        stores,
        [
            {"customer": "bob", "order_id": "b", "ordered_at": day(22), "revenue": 5},
            {
                "customer": "bob",
                "order_id": "c",
                "original_order_id": "b",
                "kind": "return",
                "ordered_at": day(23),
                "revenue": 5,
            },
            {"customer": None, "order_id": "d", "ordered_at": day(24), "revenue": 5},
            {"customer": "cleo", "order_id": "e", "ordered_at": day(50), "revenue": 5},
        ],
    )
    with open_moment(stores, as_of=day(41)) as moment:
        rows = purchase_gaps(moment).to_pylist()
    assert [(row["days"], row["returned"], row["waits"]) for row in rows] == [
        (10, False, 1),
        (10, True, 1),
        (15, False, 1),
        (20, False, 1),
        (20, True, 1),
    ]
    stores.close()
