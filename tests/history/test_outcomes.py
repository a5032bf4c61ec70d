"""Outcomes: what people did within the horizon, returns netted, margins known or not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aimwell.errors import HistoryError
from aimwell.history.moment import open_moment
from aimwell.history.outcomes import outcomes
from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_people, add_touches, day, make_stores, origin

Row = dict[str, Any]
WEEK = timedelta(days=7)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    stores = make_stores(tmp_path)
    add_people(stores, [{"customer": "ann"}])
    return stores


def order(number: str, at: float, revenue: float | None = None, **more: Any) -> Row:
    body: Row = {"customer": "ann", "order_id": number, "ordered_at": day(at), **more}
    return body if revenue is None else {**body, "revenue": revenue}


def of(stores: Stores, customer: str = "ann", event: str = "Order Completed") -> Row:
    with open_moment(stores, as_of=day(10), horizon=WEEK) as moment:
        rows = {row.pop("profile_id"): row for row in outcomes(moment, event).to_pylist()}
    return dict(rows[origin(stores, customer)])


def test_only_the_horizon_counts(stores: Stores) -> None:
    add_orders(
        stores,
        [
            order("before", 9, 1),
            order("first", 10, 2),
            order("last", 16.9, 4),
            order("after", 17, 8),
        ],
    )
    assert of(stores) == {"bought": True, "orders": 2, "revenue": 6.0, "margin": None}


def test_who_bought_nothing_has_zeros(stores: Stores) -> None:
    assert of(stores) == {"bought": False, "orders": 0, "revenue": 0.0, "margin": 0.0}


def test_there_is_a_row_for_everyone_known_before_and_for_nobody_else(stores: Stores) -> None:
    add_people(stores, [{"customer": "new", "first_seen_at": day(10)}])
    add_orders(stores, [{"customer": None, "order_id": "x", "ordered_at": day(11), "revenue": 1}])
    with open_moment(stores, as_of=day(10), horizon=WEEK) as moment:
        assert outcomes(moment).column("profile_id").to_pylist() == [origin(stores, "ann")]


def test_returns_are_netted_except_those_of_earlier_orders(stores: Stores) -> None:
    add_orders(
        stores,
        [
            order("old", 5, 100),
            order("new", 11, 50),
            order("gone", 11, 30),
            order("R1", 12, 40, kind="return", original_order_id="old"),
            order("R2", 12, 20, kind="return", original_order_id="new"),
            order("R3", 12, 30, kind="return", original_order_id="gone"),
            order("R4", 12, 5, kind="return"),
            order("R5", 18, 50, kind="return", original_order_id="new"),
            order("old", 13, 7, kind="addition"),
            order("new", 13, 9, kind="addition"),
        ],
    )
    found = of(stores)
    assert (found["bought"], found["orders"]) == (True, 1)
    assert found["revenue"] == 50 - 20 + 30 - 30 - 5 + 9


def test_an_order_that_was_wholly_returned_was_not_bought(stores: Stores) -> None:
    add_orders(
        stores,
        [
            order("1", 11, lines=[{"sku": "a", "unit_price": 9, "unit_cost": 4}]),
            order(
                "R1",
                12,
                kind="return",
                original_order_id="1",
                lines=[{"sku": "a", "unit_price": 9, "unit_cost": 4}],
            ),
        ],
    )
    assert of(stores) == {"bought": False, "orders": 0, "revenue": 0.0, "margin": 0.0}


def test_the_margin_is_that_of_the_lines_less_what_was_taken_off_the_order(stores: Stores) -> None:
    lines = [
        {"sku": "a", "quantity": 2, "unit_price": 10, "unit_cost": 4},
        {"sku": "post", "unit_price": 3, "goods": False},
    ]
    add_orders(stores, [order("1", 11, 15, lines=lines)])  # 5 off the whole order
    assert of(stores) == {"bought": True, "orders": 1, "revenue": 15.0, "margin": 7.0}


def test_one_unknown_cost_makes_the_margin_unknown(stores: Stores) -> None:
    known = {"sku": "a", "unit_price": 10, "unit_cost": 4}
    add_orders(stores, [order("1", 11, lines=[known]), order("2", 12, lines=[known, ("b", 1, 1)])])
    assert of(stores) == {"bought": True, "orders": 2, "revenue": 21.0, "margin": None}


def test_orders_without_lines_earn_the_usual_margin(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    add_people(stores, [{"customer": "ann"}])
    add_orders(stores, [order("1", 11, 10), order("2", 11, lines=[("b", 1, 20)])])
    found = of(stores)
    assert found["margin"] == pytest.approx(12.0)
    stores.close()


def test_other_events_count_when_people_did_them(stores: Stores) -> None:
    add_events(
        stores,
        [
            {"customer": "ann", "event": "Donated", "occurred_at": day(11), "revenue": 3},
            {"customer": "ann", "event": "Donated", "occurred_at": day(12)},
            {"customer": "bob", "event": "Donated", "occurred_at": day(1)},
            {"customer": "cid", "event": "Donated", "occurred_at": day(1)},
            {"customer": "cid", "event": "Donated", "occurred_at": day(11)},
        ],
    )
    add_touches(
        stores,
        [
            {"customer": "ann", "event": "Email Opened", "occurred_at": day(11)},
            {"customer": "bob", "event": "Email Opened", "occurred_at": day(11), "machine": True},
        ],
    )
    assert of(stores, "ann", "Donated") == {
        "bought": True,
        "orders": 2,
        "revenue": 3.0,
        "margin": None,
    }
    assert of(stores, "bob", "Donated")["bought"] is False
    assert of(stores, "cid", "Donated")["revenue"] is None
    assert of(stores, "ann", "Email Opened")["bought"] is True
    assert of(stores, "bob", "Email Opened") == {
        "bought": False,
        "orders": 0,
        "revenue": 0.0,
        "margin": 0.0,
    }


def test_without_a_horizon_there_are_no_outcomes(stores: Stores) -> None:
    with open_moment(stores, as_of=day(10)) as moment, pytest.raises(HistoryError, match="horizon"):
        outcomes(moment)
