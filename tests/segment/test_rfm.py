"""RFM: quintiles that never tear equal people apart, eleven groups over 25 cells, and Online Retail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from aimwell.definitions.leaves.rfm import RFM_GROUPS
from aimwell.history.moment import open_moment
from aimwell.segment.rfm import GRID, group_of, rfm
from aimwell.store.stores import Stores
from data_folder import data_path
from shop import add_orders, day, make_stores, online_retail, origin

Row = dict[str, Any]


def scores(stores: Stores, as_of: datetime = day(30)) -> dict[str, Row]:
    with open_moment(stores, as_of=as_of) as moment:
        return {row.pop("profile_id"): row for row in rfm(moment).to_pylist()}


def test_every_cell_has_one_of_eleven_groups() -> None:
    assert set(GRID) == {1, 2, 3, 4, 5}
    assert {group for groups in GRID.values() for group in groups} == set(RFM_GROUPS)
    assert group_of(5, 5, 5) == "champions"
    assert group_of(5, 1, 1) == "new"
    assert group_of(1, 5, 4) == "cant_lose_them"  # the mean 4.5 is rounded up
    assert group_of(1, 4, 4) == "at_risk"
    assert group_of(1, 1, 1) == "lost"
    assert group_of(2, 1, 1) == "hibernating"
    assert group_of(3, 3, 3) == "needs_attention"


def test_equal_values_share_a_quintile(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    # Ten people bought once, on one day, for the same; two did better.
    orders = [
        {"customer": f"same {n}", "order_id": f"{n}", "ordered_at": day(1), "revenue": 5}
        for n in range(10)
    ]
    for name in ("good", "best"):
        orders += [
            {"customer": name, "order_id": f"{name}{n}", "ordered_at": day(n), "revenue": 5}
            for n in range(3 if name == "good" else 5)
        ]
    add_orders(stores, orders)
    found = scores(stores)
    same = {tuple(found[origin(stores, f"same {n}")][k] for k in "rfm") for n in range(10)}
    assert same == {(1, 1, 1)}
    good, best = found[origin(stores, "good")], found[origin(stores, "best")]
    assert (good["r"], good["f"], good["m"]) == (5, 5, 5)  # ten of twelve did worse
    assert best["group"] == "champions"
    assert found[origin(stores, "same 1")]["group"] == "lost"
    stores.close()


def test_one_buyer_alone_is_in_the_first_quintiles(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    assert scores(stores) == {}
    add_orders(stores, [{"customer": "ann", "order_id": "1", "ordered_at": day(20), "revenue": 5}])
    (row,) = scores(stores).values()
    assert row == {
        "recency_days": 10.0,
        "frequency": 1,
        "monetary": 5.0,
        "r": 1,
        "f": 1,
        "m": 1,
        "fm": 1,
        "group": "lost",
    }
    stores.close()


def test_returns_are_netted_and_undo_whole_orders(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)

    def order(number: str, at: float, revenue: float, **more: Any) -> Row:
        return {
            "customer": "ann",
            "order_id": number,
            "ordered_at": day(at),
            "revenue": revenue,
            **more,
        }

    add_orders(
        stores,
        [
            order("1", 1, 50),
            order("2", 9, 30),
            order("R2", 10, 30, kind="return", original_order_id="2"),
            order("R", 11, 8, kind="return"),
            order("later", 31, 100),
            {**order("3", 2, 9), "customer": "gone"},
            {**order("R3", 3, 9, kind="return", original_order_id="3"), "customer": "gone"},
        ],
    )
    found = scores(stores)
    assert list(found) == [origin(stores, "ann")]
    row = found[origin(stores, "ann")]
    assert (row["recency_days"], row["frequency"], row["monetary"]) == (29.0, 1, 42.0)
    stores.close()


AS_OF = datetime(2011, 9, 1, tzinfo=UTC)


def test_online_retail_agrees_with_a_plain_computation(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/London")
    online_retail(stores)
    found = scores(stores, AS_OF)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(
            """
            SELECT split_part(CustomerID, '.', 1) AS customer,
                   max(moment) FILTER (NOT back) AS last_at,
                   count(DISTINCT InvoiceNo) FILTER (NOT back) AS orders,
                   sum(value) FILTER (StockCode SIMILAR TO '[0-9]{5}.*') AS money
            FROM (
              SELECT DISTINCT *, InvoiceNo LIKE 'C%' AS back,
                     min(InvoiceDate::TIMESTAMP) OVER (PARTITION BY InvoiceNo)
                       AT TIME ZONE 'Europe/London' AS moment,
                     (Quantity::DECIMAL(18, 4) * UnitPrice::DECIMAL(18, 4)) AS value
              FROM read_csv($1, all_varchar = true)
              WHERE CustomerID IS NOT NULL
            )
            WHERE moment < TIMESTAMPTZ '2011-09-01 00:00:00+00'
            GROUP BY customer HAVING orders > 0
            """,
            [str(data_path("online-retail/online_retail.csv.gz"))],
        ).fetchall()
    assert len(rows) == len(found) > 3_200
    for place, key in ((1, "r"), (2, "f"), (3, "m")):
        # No goods at all (postage alone) is a value of 0.
        values = np.array([float(0 if row[place] is None else _number(row[place])) for row in rows])
        worse = np.searchsorted(np.sort(values), values, side="left")
        expected = 1 + 5 * worse // len(values)
        ours = [found[origin(stores, row[0])][key] for row in rows]
        assert ours == expected.tolist(), key
    for customer, last_at, orders, money in rows:
        row = found[origin(stores, customer)]
        assert row["recency_days"] == pytest.approx((AS_OF - last_at) / timedelta(days=1))
        assert row["frequency"] == orders
        assert row["monetary"] == pytest.approx(float(money or 0), abs=1e-6)
        assert row["group"] == group_of(row["r"], row["f"], row["m"])
    stores.close()


def _number(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value
