"""The cut: what a moment sees, what lies ahead of it, and what the views over it mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from aimwell.errors import HistoryError
from aimwell.history.moment import TIME_COLUMNS, Moment, open_moment
from aimwell.history.views import ACTIVITY_COLUMNS
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from shop import (
    ALWAYS,
    RECEIVED_AT,
    add_events,
    add_orders,
    add_people,
    add_products,
    add_touches,
    add_traits,
    day,
    make_stores,
    merge_people,
    origin,
)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(tmp_path)


def rows(moment: Moment, text: str) -> list[tuple[Any, ...]]:
    return moment.session.rows(sql(text))


def test_a_row_at_the_moment_itself_lies_ahead(stores: Stores) -> None:
    for number in (9, 10, 11, 20):
        add_orders(
            stores,
            [{"customer": "ann", "order_id": str(number), "ordered_at": day(number), "revenue": 1}],
        )
        add_events(
            stores, [{"customer": "ann", "event": f"Day {number}", "occurred_at": day(number)}]
        )
    with open_moment(stores, as_of=day(10), horizon=timedelta(days=10)) as moment:
        assert rows(moment, "SELECT order_id FROM orders") == [("9",)]
        ahead = rows(moment, "SELECT order_id FROM orders_ahead ORDER BY order_id")
        assert ahead == [("10",), ("11",)]
        events = rows(moment, "SELECT event FROM events_ahead ORDER BY event")
        assert events == [("Day 10",), ("Day 11",)]
        assert rows(moment, "SELECT count(*) FROM activity") == [(2,)]
        assert rows(moment, "SELECT count(*) FROM activity_ahead") == [(4,)]


def test_every_cut_table_ends_at_the_moment(stores: Stores) -> None:
    with open_moment(stores, as_of=day(10)) as moment:
        for name in TIME_COLUMNS:
            assert moment.session.rows(exp.select("count(*)").from_(name)) == [(0,)]
        assert moment.snapshot.versions.keys() == TIME_COLUMNS.keys()


def test_the_moment_means_the_same_in_every_time_zone(stores: Stores) -> None:
    add_events(stores, [{"customer": "ann", "event": "A", "occurred_at": day(10)}])
    east = datetime.fromisoformat("2026-01-11T05:45:00.000001+05:45")
    assert east == day(10) + timedelta(microseconds=1)
    with open_moment(stores, as_of=east) as moment:
        assert rows(moment, "SELECT count(*) FROM events") == [(1,)]
    with open_moment(stores, as_of=east - timedelta(microseconds=1)) as moment:
        assert rows(moment, "SELECT count(*) FROM events") == [(0,)]


def test_a_moment_that_makes_no_sense_is_refused(stores: Stores) -> None:
    with (
        pytest.raises(HistoryError, match="no time zone"),
        open_moment(stores, as_of=datetime(2026, 1, 1)),  # noqa: DTZ001
    ):
        pass
    for horizon, words in (
        (timedelta(0), "not positive"),
        (timedelta(days=3_000_000), "beyond the calendar"),
    ):
        with (
            pytest.raises(HistoryError, match=words),
            open_moment(stores, as_of=day(0), horizon=horizon),
        ):
            pass
    snapshot = stores.lake.pin("orders")
    with (
        pytest.raises(HistoryError, match="lacks the tables events"),
        open_moment(stores, as_of=day(0), snapshot=snapshot),
    ):
        pass


def test_a_snapshot_is_read_whatever_came_since(stores: Stores) -> None:
    snapshot = stores.lake.pin()
    add_events(stores, [{"customer": "ann", "event": "A", "occurred_at": day(1)}])
    with open_moment(stores, as_of=day(5), snapshot=snapshot) as moment:
        assert rows(moment, "SELECT count(*) FROM events") == [(0,)]


def test_merged_people_are_one_profile_in_every_table(tmp_path: Path, control_url: str) -> None:
    stores = make_stores(tmp_path, control_url)
    add_people(
        stores,
        [
            {"customer": "cid", "first_seen_at": day(2), "timezone": "Europe/Paris"},
            {"customer": "dot", "first_seen_at": day(7)},
        ],
    )
    add_events(stores, [{"customer": "ann", "event": "A", "occurred_at": day(1)}])
    add_orders(
        stores,
        [
            {"customer": "bob", "order_id": "1", "ordered_at": day(3), "revenue": 1},
            {"customer": None, "order_id": "2", "ordered_at": day(3), "revenue": 1},
        ],
    )
    both = merge_people(stores, ["ann", "bob"])
    with open_moment(stores, as_of=day(5)) as moment:
        moment.bind_known()
        moment.bind_profiles()
        moment.bind_profiles()  # harmless
        assert rows(moment, "SELECT DISTINCT profile_id FROM activity") == [(both,)]
        sales = rows(moment, "SELECT order_id, profile_id FROM orders ORDER BY order_id")
        assert sales == [("1", both), ("2", None)]
        known = {row[0] for row in rows(moment, "SELECT profile_id FROM known")}
        assert known == {both, origin(stores, "cid")}
        profiles = {row[0]: row[1:] for row in rows(moment, "SELECT * FROM profiles")}
        assert profiles == {
            both: (day(1), None),
            origin(stores, "cid"): (day(2), "Europe/Paris"),
        }
    with open_moment(stores, as_of=day(-100)) as moment:
        moment.bind_profiles()
        assert rows(moment, "SELECT * FROM profiles") == []
    stores.close()


def test_activity_is_orders_events_and_touches(stores: Stores) -> None:
    add_orders(
        stores,
        [
            {
                "customer": "ann",
                "order_id": "1",
                "ordered_at": day(1),
                "lines": [("mug", 2, 4.5)],
                "coupon": "SPRING",
                "shop_id": "web",
                "properties": {"gift": True},
            },
            {
                "customer": "ann",
                "order_id": "C1",
                "ordered_at": day(2),
                "kind": "return",
                "lines": [("mug", 1, 4.5)],
            },
            {"customer": None, "order_id": "2", "ordered_at": day(2), "revenue": 7},
        ],
    )
    add_events(
        stores,
        [
            {"customer": "ann", "event": "Product Viewed", "occurred_at": day(3), "sku": "mug"},
            # The same order again as a message: it counts once, as the row of the table orders.
            {"customer": "ann", "event": "Order Completed", "occurred_at": day(1), "revenue": 9},
        ],
    )
    add_touches(
        stores,
        [
            {
                "customer": "ann",
                "event": "Email Opened",
                "occurred_at": day(4),
                "machine": True,
                "campaign": "spring",
                "channel": "email",
                "action": "ten-percent",
            }
        ],
    )
    with open_moment(stores, as_of=day(9)) as moment:
        table = moment.session.table(sql("SELECT * FROM activity ORDER BY occurred_at"))
        assert tuple(table.schema.names) == ACTIVITY_COLUMNS
        found = table.to_pylist()
        parts = rows(
            moment,
            "SELECT (SELECT count(*) FROM activity_orders), (SELECT count(*) FROM activity_events), "
            "(SELECT count(*) FROM activity_touches)",
        )
    assert parts == [
        (2, 2, 1)
    ]  # the message of the order is a row of its part, and none of the stream
    assert [row["event"] for row in found] == [
        "Order Completed",
        "Order Refunded",
        "Product Viewed",
        "Email Opened",
    ]
    bought, returned, viewed, opened = found
    assert (bought["revenue"], bought["quantity"], bought["coupon"]) == (9, 2, "SPRING")
    assert (bought["shop_id"], bought["order_id"]) == ("web", "1")
    assert bought["properties"] == '{"gift": true}'
    assert (returned["revenue"], returned["quantity"]) == (-4.5, -1)
    assert (viewed["sku"], viewed["machine"], viewed["revenue"]) == ("mug", False, None)
    assert (opened["machine"], opened["campaign"], opened["action"]) == (
        True,
        "spring",
        "ten-percent",
    )


def test_a_late_line_belongs_to_its_order(stores: Stores) -> None:
    add_orders(
        stores,
        [
            {"customer": "ann", "order_id": "1", "ordered_at": day(1), "revenue": 10},
            {"customer": "bob", "order_id": "1", "ordered_at": day(1), "revenue": 7, "discount": 1},
            {
                "customer": "ann",
                "order_id": "1",
                "ordered_at": day(1),
                "kind": "addition",
                "revenue": 5,
                "discount": 2,
            },
        ],
    )
    with open_moment(stores, as_of=day(9)) as moment:
        found = rows(moment, "SELECT event, revenue, discount FROM activity ORDER BY revenue")
        assert found == [("Order Completed", 7, 1), ("Order Completed", 15, 2)]
        assert rows(moment, "SELECT revenue, gross FROM purchases ORDER BY revenue") == [
            (7, 7),
            (15, 15),
        ]


def test_purchases_are_net_of_their_returns(stores: Stores) -> None:
    def order(number: str, revenue: float, **more: Any) -> dict[str, Any]:
        return {
            "customer": "ann",
            "order_id": number,
            "ordered_at": day(1),
            "revenue": revenue,
            **more,
        }

    add_orders(
        stores,
        [
            order("kept", 10),
            order("part", 20),
            order("all", 30),
            order("free", 0),
            order("R1", 5, kind="return", original_order_id="part"),
            order("R2", 30, kind="return", original_order_id="all"),
            order("R3", 4, kind="return"),
            order("R4", 6, kind="return", original_order_id="of another time"),
            {**order("R5", 3, kind="return", original_order_id="kept"), "customer": "bob"},
        ],
    )
    with open_moment(stores, as_of=day(9)) as moment:
        bought = rows(
            moment, "SELECT order_id, revenue, gross, kept FROM purchases ORDER BY order_id"
        )
        loose = rows(moment, "SELECT order_id, revenue FROM loose_returns ORDER BY order_id")
    assert bought == [
        ("all", 0, 30, False),
        ("free", 0, 0, True),
        ("kept", 10, 10, True),
        ("part", 15, 20, True),
    ]
    assert loose == [("R3", -4), ("R4", -6), ("R5", -3)]


def test_the_newest_trait_holds_and_a_withdrawn_one_is_gone(stores: Stores) -> None:
    add_traits(
        stores,
        [
            {"customer": "ann", "name": "country", "value": "GB", "set_at": day(1)},
            {"customer": "ann", "name": "country", "value": "IE", "set_at": day(3)},
            {"customer": "ann", "name": "country", "value": "FR", "set_at": day(8)},
            {"customer": "bob", "name": "country", "value": "GB"},
            {"customer": "bob", "name": "country", "value": None, "set_at": day(2)},
            # Said for always by two loads: the one taken later holds.
            {"customer": "cid", "name": "country", "value": "NO", "received_at": RECEIVED_AT},
            {
                "customer": "cid",
                "name": "country",
                "value": "SE",
                "received_at": RECEIVED_AT + timedelta(days=1),
            },
            {"customer": "cid", "name": "age", "value": "30"},
        ],
    )
    with open_moment(stores, as_of=day(5)) as moment:
        found = {row[0]: row[1] for row in moment.session.rows(moment.latest_trait("country"))}
        everything = {
            (row[0], row[1]): row[2] for row in moment.session.rows(moment.latest_traits())
        }
    assert found == {origin(stores, "ann"): "IE", origin(stores, "cid"): "SE"}
    assert everything == {
        **{(profile, "country"): value for profile, value in found.items()},
        (origin(stores, "cid"), "age"): "30",
    }


def test_a_margin_comes_from_the_line_the_product_the_setting_or_is_unknown(
    tmp_path: Path,
) -> None:
    for default, expected in ((None, None), (0.25, 2.5)):
        stores = make_stores(tmp_path / str(default), margin_default=default)
        add_products(
            stores,
            [
                {"sku": "mug", "unit_cost": 3},
                {"sku": "mug", "name": "A mug", "set_at": day(1)},  # says nothing of the cost
                {"sku": "mug", "unit_cost": 4, "set_at": day(20)},
            ],
        )
        lines = [
            {"sku": "mug", "quantity": 2, "unit_price": 5, "unit_cost": 1},
            ("mug", 2, 5),
            ("hat", 1, 10),
            {"sku": "post", "quantity": 1, "unit_price": 3, "goods": False},
        ]
        add_orders(
            stores,
            [
                {"customer": "ann", "order_id": "1", "ordered_at": day(2), "lines": lines},
                {"customer": "ann", "order_id": "2", "ordered_at": day(12), "lines": lines},
            ],
        )
        with open_moment(stores, as_of=day(10), horizon=timedelta(days=5)) as moment:
            before, after = (
                [
                    row[0]
                    for row in moment.session.rows(
                        exp.select("margin").from_(name).order_by("line_id")
                    )
                ]
                for name in ("line_margins", "line_margins_ahead")
            )
            names = rows(moment, "SELECT name, unit_cost FROM product_facts WHERE sku = 'mug'")
        assert before == [8, 4, expected, 0]
        # What a product came to cost later may serve to count what was earned, not to predict.
        assert after == [8, 2, expected, 0]
        assert names == [("A mug", 3)]
        stores.close()


def test_statements_for_always_are_seen_by_every_moment(stores: Stores) -> None:
    add_traits(stores, [{"customer": "ann", "name": "country", "value": "GB"}])
    with open_moment(stores, as_of=ALWAYS + timedelta(seconds=1)) as moment:
        assert rows(moment, "SELECT value FROM traits") == [("GB",)]
    with open_moment(stores, as_of=datetime(9999, 12, 31, tzinfo=UTC)) as moment:
        assert rows(moment, "SELECT value FROM traits") == [("GB",)]


def test_a_snapshot_from_before_a_table_existed_reads_it_as_empty(stores: Stores) -> None:
    old = stores.lake.pin("events", "orders", "order_lines", "touches", "traits", "products")
    rest = stores.lake.pin("memberships", "assignments", "answers", "scores")
    snapshot = Snapshot({**old.tables, **rest.tables})
    with open_moment(stores, as_of=day(5), snapshot=snapshot) as moment:
        assert rows(moment, "SELECT count(*) FROM subscriptions") == [(0,)]
