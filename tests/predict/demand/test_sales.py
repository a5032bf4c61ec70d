"""Units by day as they are read, and as periods."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from aimwell.history.moment import open_moment
from aimwell.predict.demand.sales import Sales, read_sales
from shop import add_orders, day, make_stores


def test_days_are_the_firms_and_units_add_up(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/Berlin")
    add_orders(
        stores,
        [
            {"customer": "ann", "order_id": "1", "ordered_at": day(0.5), "lines": [("mug", 2, 5)]},
            {"customer": None, "order_id": "2", "ordered_at": day(0.6), "lines": [("mug", 1, 5)]},
            # Half past eleven at night in London is the next day in Berlin.
            {"customer": None, "order_id": "3", "ordered_at": day(2.98), "lines": [("pen", 4, 1)]},
        ],
    )
    with open_moment(stores, as_of=day(5)) as moment:
        sales = read_sales(moment, "product")
        whole = read_sales(moment, "shop")
    assert (sales.first, sales.days) == (date(2026, 1, 1), 5)
    assert sales.names.to_pylist() == ["mug", "pen"]
    assert sales.lines.tolist() == [2, 0, 0, 1, 0]
    assert sales.by_period(np.arange(2), 1, 0).tolist() == [[3, 0], [0, 0], [0, 0], [0, 4], [0, 0]]
    assert whole.by_period(np.arange(1), 1, 0)[:, 0].tolist() == [3, 0, 0, 4, 0]
    stores.close()


def test_whole_weeks_end_with_the_last_day() -> None:
    sales = Sales(
        first=date(2026, 1, 1),
        days=16,
        names=pa.array(["a", "b"]),
        labels=pa.nulls(2, pa.string()),
        begins=np.array([0, 3, 5]),
        day=np.array([1, 2, 15, 8, 9]),
        units=np.array([5.0, 1.0, 2.0, 3.0, 4.0]),
        lines=np.ones(16),
    )
    assert sales.by_period(np.arange(2), 7, 2).tolist() == [[1, 3], [2, 4]]
    assert sales.by_period(np.array([1]), 7, 2).tolist() == [[3], [4]]
    assert sales.kept(np.array([False, True])).by_period(np.arange(1), 7, 2).tolist() == [[3], [4]]
    assert (sales.start.tolist(), sales.sold.tolist()) == ([1, 8], [8, 7])
