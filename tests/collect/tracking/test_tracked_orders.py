"""Orders that messages tell: once each, with what came back, whatever the order of the messages."""

from __future__ import annotations

import itertools
import shutil
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.collect import collect
from aimwell.collect.tracking.commerce import order_fault
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.order_state import Told, order_of
from aimwell.collect.tracking.sources import ensure_tracking_source
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.history.moment import open_moment
from aimwell.jobs.alerts import Alerts
from aimwell.store.sql import sql
from aimwell.store.stores import Stores, open_stores
from collecting import Shop, source_of
from tracked import NOW, put, rows

PRODUCTS = [
    {"product_id": "p1", "sku": "mug", "name": "Mug", "price": 5, "quantity": 4},
    {"sku": "tea", "name": "Tea", "category": "Drinks", "price": "10.00", "quantity": 1},
]
DONE = {
    "order_id": "o1",
    "revenue": 27,
    "shipping": 4.99,
    "tax": 2,
    "discount": 3,
    "currency": "GBP",
    "coupon": "SPRING",
    "products": PRODUCTS,
}


def said(event: str, n: int, **properties: Any) -> dict[str, Any]:
    at = (NOW - timedelta(hours=100 - n)).isoformat()
    return {
        "type": "track",
        "event": event,
        "messageId": f"m{n}",
        "userId": "ann",
        "timestamp": at,
        "properties": properties,
    }


def flushed(stores: Stores, *messages: Any, **options: Any) -> Any:
    put(stores, *messages, **options)
    return flush_inbox(stores, now=NOW)


def sums(stores: Stores) -> dict[str, list[str]]:
    """Order → net revenue, quantity, tax, shipping, by the orders and by the lines."""
    found = {}
    with stores.engine.session() as session:
        for name in ("orders", "order_lines"):
            session.bind(name, stores.lake.pin(name).tables[name])
        for row in session.rows(
            sql(
                """
                SELECT o.order_id, o.revenue, o.quantity, o.tax, o.shipping, o.sales, l.revenue, l.quantity FROM (
                  SELECT order_id, sum(revenue) AS revenue, sum(quantity) AS quantity, sum(tax) AS tax,
                         sum(shipping) AS shipping, count(*) FILTER (WHERE kind = 'sale') AS sales
                  FROM orders GROUP BY order_id) AS o
                JOIN (SELECT order_id, sum(revenue) AS revenue, sum(quantity) AS quantity
                      FROM order_lines GROUP BY order_id) AS l ON l.order_id = o.order_id
                """
            )
        ):
            assert (row[1], row[2]) == (row[6], row[7])
            found[row[0]] = [f"{value or 0:.2f}" for value in row[1:5]] + [str(row[5])]
    return found


def test_a_completed_order_becomes_an_order_with_lines_and_products(shop_on_both: Shop) -> None:
    stores = shop_on_both.stores
    report = flushed(stores, said("Order Completed", 1, **DONE))
    assert (report.rows["orders"], report.rows["order_lines"]) == (1, 2)
    assert sums(stores) == {"o1": ["27.00", "5.00", "2.00", "4.99", "1"]}
    lines = rows(stores, "order_lines", "sku", "quantity", "unit_price", "discount", "revenue")
    assert [(one[0], *map(str, one[1:])) for one in lines] == [
        ("mug", "4.0000", "5.0000", "2.0000", "18.0000"),
        ("tea", "1.0000", "10.0000", "1.0000", "9.0000"),
    ]
    assert rows(stores, "orders", "coupon", "kind") == [("SPRING", "sale")]
    assert rows(stores, "products", "sku", "name", "category") == [
        ("mug", "Mug", None),
        ("tea", "Tea", "Drinks"),
    ]


def test_in_the_stream_an_order_and_its_return_stand_once(stores: Stores) -> None:
    flushed(
        stores,
        said("Order Completed", 1, **DONE),
        said("Order Completed", 2, **DONE),
        said("Order Refunded", 3, order_id="o1"),
        said("Product Viewed", 4, sku="tea"),
    )
    with open_moment(stores, as_of=NOW + timedelta(days=1)) as moment:
        found = moment.session.rows(
            sql("SELECT event, count(*), sum(revenue) FROM activity GROUP BY 1 ORDER BY 1")
        )
        bought = moment.session.rows(sql("SELECT revenue, gross, kept FROM purchases"))
    assert found == [
        ("Order Completed", 1, Decimal(27)),
        ("Order Refunded", 1, Decimal(-27)),
        ("Product Viewed", 1, None),
    ]
    assert bought == [(Decimal(0), Decimal(27), False)]


def test_an_update_adds_the_difference_and_a_partial_refund_is_netted(stores: Stores) -> None:
    flushed(stores, said("Order Completed", 1, **DONE))
    more = [{**PRODUCTS[0], "quantity": 6}, PRODUCTS[1]]
    flushed(stores, said("Order Updated", 2, order_id="o1", revenue=37, products=more))
    assert sums(stores) == {"o1": ["37.00", "7.00", "2.00", "4.99", "1"]}
    assert sorted(kind for (kind,) in rows(stores, "orders", "kind")) == ["addition", "sale"]
    flushed(
        stores, said("Order Refunded", 3, order_id="o1", products=[{"sku": "mug", "quantity": 1}])
    )
    assert sums(stores)["o1"][:2] == ["32.38", "6.00"]
    flushed(stores, said("Order Refunded", 4, order_id="o1", total="10"))
    assert sums(stores)["o1"][:2] == ["22.38", "6.00"]
    flushed(stores, said("Order Cancelled", 5, order_id="o1"))
    assert sums(stores) == {"o1": ["0.00", "0.00", "0.00", "0.00", "1"]}
    flushed(stores, said("Order Refunded", 6, order_id="o1"))
    assert sums(stores)["o1"][0] == "0.00"


def test_messages_in_any_order_and_flushes_come_to_the_same(
    empty_workspace: Any, tmp_path: Any
) -> None:
    messages = [
        said("Order Completed", 1, **DONE),
        said("Order Updated", 2, order_id="o1", revenue=30),
        said("Order Refunded", 3, order_id="o1", products=[{"sku": "tea"}]),
    ]
    found = []
    for turn, order in enumerate(itertools.islice(itertools.permutations(messages), 0, 6, 2)):
        opened = open_stores(shutil.copytree(empty_workspace, tmp_path / f"w{turn}"))
        for message in order:
            report = flushed(opened, message)
            if order[0] is not messages[0] and message is order[0]:
                assert report.orders_waiting == {"no_order_completed": 1}
        found.append(sums(opened))
        opened.close()
    assert found[0] == found[1] == found[2]
    assert found[0]["o1"][:2] == ["20.00", "4.00"]


def rated(shop: Shop) -> None:
    shop.write("day,from,to,rate\n2026-01-01,EUR,GBP,0.5\n", "rates.csv")
    mapping = {"from_currency": "from", "to_currency": "to", "date": "day", "rate": "rate"}
    rates = source_of({"entity": "rates", "map": mapping}, files="rates.csv", name="rates")
    collect(shop.stores, rates, root=shop.folder, now=NOW)


def test_foreign_money_is_converted_and_waits_for_its_rate(shop: Shop) -> None:
    stores = shop.stores
    euro = {**DONE, "currency": "EUR"}
    report = flushed(stores, said("Order Completed", 1, **euro))
    assert report.orders_waiting == {"no_rate": 1}
    assert rows(stores, "orders") == []
    assert len(rows(stores, "events")) == 1
    rated(shop)
    flush_inbox(stores, now=NOW)
    assert len(rows(stores, "orders")) == 1, "it goes by itself, without another message"
    flushed(stores, said("Product Viewed", 2, sku="tea", revenue=8, currency="EUR"))
    assert sums(stores) == {"o1": ["13.50", "5.00", "1.00", "2.49", "1"]} or sums(stores) == {
        "o1": ["13.50", "5.00", "1.00", "2.50", "1"]
    }
    flushed(stores, said("Order Refunded", 3, order_id="o1"))
    assert sums(stores)["o1"][:2] == ["0.00", "0.00"]
    [(revenue,)] = [one for one in rows(stores, "events", "revenue") if one[0] == Decimal(4)]
    assert revenue == Decimal(4)


def test_an_order_that_a_file_brought_counts_once(shop: Shop) -> None:
    stores = shop.stores
    day = (NOW - timedelta(hours=99)).strftime("%Y-%m-%d")
    shop.collect(f"order,day,customer,sku,qty,price\no1,{day},ann,mug,1,27\n")
    flushed(
        stores,
        said("Order Completed", 1, **DONE),
        said("Order Completed", 2, **{**DONE, "order_id": "o2"}),
    )
    assert {name: row[0] for name, row in sums(stores).items()} == {"o1": "27.00", "o2": "27.00"}


def test_an_order_that_messages_brought_is_known_to_a_file(shop: Shop) -> None:
    stores = shop.stores
    ensure_tracking_source(stores, "web", now=NOW, by="test")
    flushed(stores, said("Order Completed", 1, **DONE))
    day = (NOW - timedelta(hours=99)).strftime("%Y-%m-%d")
    long_before = "2020-01-05"
    load = shop.collect(
        f"order,day,customer,sku,qty,price\no1,{day},ann,mug,1,27\no2,{day},ann,mug,1,9\n"
    )
    assert (load.rows_taken, load.known) == (1, 1)
    assert {name: row[0] for name, row in sums(stores).items()} == {"o1": "27.00", "o2": "9.00"}
    # Long before, or of a shop whose ids mean something else, it is another order.
    other = source_of(name="other", id_namespace="b2b")
    load = shop.collect(f"order,day,customer,sku,qty,price\no1,{day},ann,mug,1,27\n", other)
    assert load.rows_taken == 1
    load = shop.collect(f"order,day,customer,sku,qty,price\no1,{long_before},ann,mug,1,27\n")
    assert load.rows_taken == 1


FILED = "order,day,customer,sku,qty,price\no1,{day},ann,mug,4,5\no1,{day},ann,tea,1,10\n"
CHANGES = [
    said("Order Completed", 1, order_id="o1", revenue=30, products=PRODUCTS),
    said(
        "Order Updated",
        2,
        order_id="o1",
        revenue=40,
        products=[{**PRODUCTS[0], "quantity": 6}, PRODUCTS[1]],
    ),
    said("Order Refunded", 3, order_id="o1", products=[{"sku": "tea"}]),
    said("Order Refunded", 4, order_id="o1", total="10"),
]


def filed(shop: Shop, text: str = FILED) -> None:
    shop.collect(text.format(day=(NOW - timedelta(hours=99)).strftime("%Y-%m-%d")))


def seen(stores: Stores) -> Any:
    """What rules and figures see of the orders, and each product's share."""
    with open_moment(stores, as_of=NOW + timedelta(days=1)) as moment:
        bought = moment.session.rows(
            sql("SELECT order_id, revenue, gross, kept FROM purchases ORDER BY 1")
        )
        stream = moment.session.rows(
            sql(
                "SELECT event, sum(revenue), sum(quantity) FROM activity_orders GROUP BY 1 ORDER BY 1"
            )
        )
    lines: dict[Any, list[Decimal]] = {}
    for sku, quantity, revenue in rows(stores, "order_lines", "sku", "quantity", "revenue"):
        found = lines.setdefault(sku, [Decimal(0), Decimal(0)])
        found[:] = [found[0] + quantity, found[1] + revenue]
    return bought, stream, lines


def test_changes_of_an_order_that_only_a_file_brought_are_netted_as_if_it_had_come_as_a_message(
    shop: Shop, empty_workspace: Any, tmp_path: Any
) -> None:
    told = open_stores(shutil.copytree(empty_workspace, tmp_path / "told"))
    flushed(told, *CHANGES)
    expected = seen(told)
    assert expected[0] == [("o1", Decimal(20), Decimal(40), True)]
    told.close()
    filed(shop)
    # The file first; what changes the order one by one, some twice, the last first.
    for message in reversed(CHANGES[1:]):
        flushed(shop.stores, message)
        flushed(shop.stores, message)
    assert seen(shop.stores) == expected
    filed(shop)
    flushed(shop.stores, CHANGES[0])  # an Order Completed too says nothing new
    assert seen(shop.stores) == expected


def test_changes_wait_for_the_file_and_go_by_themselves_when_it_comes(shop_on_both: Shop) -> None:
    shop = shop_on_both
    stores = shop.stores
    assert flushed(stores, *CHANGES[1:]).orders_waiting == {"no_order_completed": 1}
    assert flush_inbox(stores, now=NOW).flushes == ()
    filed(shop)
    report = flush_inbox(stores, now=NOW)
    assert (report.orders_waiting, report.rows["orders"]) == ({}, 3)
    assert flush_inbox(stores, now=NOW).flushes == (), "all is told: nothing is looked at again"
    assert sums(stores)["o1"][:2] == ["20.00", "6.00"]
    # The file takes two mugs back as well: no more comes back than was sold.
    flushed(stores, said("Order Cancelled", 5, order_id="o1"))
    assert sums(stores)["o1"][:2] == ["0.00", "0.00"]
    filed(shop, FILED + "o1,{day},ann,mug,-2,5\n")
    assert sums(stores)["o1"][0] == "-10.00"
    flush_inbox(stores, now=NOW)
    assert sums(stores)["o1"][:2] == ["0.00", "0.00"]


def test_whose_orders_messages_are_about_is_told_by_name_space_or_by_name(shop: Shop) -> None:
    stores = shop.stores
    filed(shop)
    refund = said("Order Refunded", 3, order_id="o1")
    for name, more, revenue in (
        ("other", {"id_namespace": "b2b"}, "30.00"),
        ("silent", {"tracking": {"orders": False}}, "30.00"),
        ("elsewhere", {"tracking": {"orders_of": ["till"]}}, "30.00"),
        ("named", {"id_namespace": "b2b", "tracking": {"orders_of": ["shop"]}}, "0.00"),
    ):
        source = check({"kind": "source", "name": name, "tracking": {}, **more})
        definitions.apply(stores.control, [source], now=NOW, by="test")
        flushed(stores, refund, source=name)
        assert sums(stores)["o1"][0] == revenue, name
    # Of an order that was made long after, it cannot be.
    early = {**said("Order Refunded", -1000, order_id="o2"), "messageId": "early"}
    flushed(stores, early, source="named")
    filed(shop, "order,day,customer,sku,qty,price\no2,{day},ann,mug,1,5\n")
    flush_inbox(stores, now=NOW)
    assert sums(stores)["o2"][0] == "5.00"


def test_changes_in_foreign_money_are_converted_by_the_rate_of_the_orders_day(shop: Shop) -> None:
    stores = shop.stores
    ensure_tracking_source(stores, "web", now=NOW, by="test")
    filed(shop)
    report = flushed(stores, said("Order Refunded", 3, order_id="o1", total=10, currency="EUR"))
    assert report.orders_waiting == {"no_rate": 1}
    [alert] = Alerts(stores.control).all()
    assert alert.key == "source:web:rates"
    assert "1 order that messages of 'web' tell" in alert.message
    assert "to GBP for EUR" in alert.message
    rated(shop)
    flush_inbox(stores, now=NOW)
    assert sums(stores)["o1"][0] == "25.00"
    assert Alerts(stores.control).all() == ()


def test_two_tracking_sources_tell_of_one_order_once(shop: Shop) -> None:
    stores = shop.stores
    for name in ("server", "web"):
        ensure_tracking_source(stores, name, now=NOW, by="test")
    put(stores, said("Order Completed", 1, **DONE), source="web")
    put(
        stores,
        said("Order Completed", 1, **DONE),
        said("Order Refunded", 3, order_id="o1"),
        source="server",
    )
    put(stores, said("Order Refunded", 4, order_id="o1"), source="web")
    for _ in range(4):
        flush_inbox(stores, now=NOW)
    assert flush_inbox(stores, now=NOW).flushes == ()
    assert sums(stores)["o1"] == ["0.00", "0.00", "0.00", "0.00", "1"]


def test_an_order_without_its_number_stays_an_event_and_a_person_sees_it(stores: Stores) -> None:
    report = flushed(stores, said("Order Completed", 1, revenue=5), said("Order Completed", 2))
    assert report.quarantined == {"no_order_id": 2}
    assert len(rows(stores, "events")) == 2
    assert rows(stores, "orders") == []


@pytest.mark.parametrize(
    ("event", "content", "reason", "field"),
    [
        ("Order Completed", {"revenue": "10,50"}, "order_not_readable", "revenue"),
        ("Order Completed", {"total": 1e300}, "order_not_readable", "total"),
        ("Order Updated", {"revenue": 5 * 10**13}, "order_not_readable", "revenue"),
        ("Order Refunded", {"total": "£12.50"}, "order_not_readable", "total"),
        (
            "Order Completed",
            {"products": [{"price": 2}, {"price": "two"}]},
            "order_not_readable",
            "products[1].price",
        ),
        (
            "Order Refunded",
            {"products": [{"sku": "a", "quantity": "one"}]},
            "order_not_readable",
            "products[0].quantity",
        ),
        ("Order Completed", {"revenue": 5, "currency": "pounds"}, "unknown_currency", "currency"),
    ],
)
def test_an_amount_that_cannot_be_read_makes_no_order_and_no_refund(
    event: str, content: dict[str, Any], reason: str, field: str
) -> None:
    found = order_fault(event, {"order_id": "o1", **content})
    assert found is not None
    assert found[:2] == (reason, f"properties.{field}")


def test_amounts_that_are_absent_or_not_needed_are_no_fault() -> None:
    empty = {"order_id": "o1", "revenue": "", "currency": None, "products": [{"price": " "}, "x"]}
    assert order_fault("Order Completed", empty) is None
    assert order_fault("Order Cancelled", {"order_id": "o1", "revenue": "all"}) is None
    told = {"order_id": "o1", "revenue": 5, "products": [{"price": "cheap", "quantity": 2}]}
    assert order_fault("Order Completed", told) is None, "the order says what it came to"


def test_what_an_order_came_to_waits_where_it_cannot_be_read(stores: Stores) -> None:
    report = flushed(
        stores,
        said("Order Completed", 1, order_id="o1", revenue="10,50"),
        said("Order Completed", 2, order_id="o2", revenue=30, currency="GBP"),
        said("Order Refunded", 3, order_id="o2", total="12,50"),
    )
    assert report.quarantined == {"order_not_readable": 2}
    assert len(rows(stores, "events")) == 3
    assert sums(stores).keys() == {"o2"}
    assert sums(stores)["o2"][0] == "30.00", "nobody said that all of it came back"


def test_amounts_in_a_currency_that_there_is_not_are_no_money(stores: Stores) -> None:
    seen = {"sku": "mug", "name": "Mug", "price": 5, "revenue": 5}
    flushed(
        stores,
        said("Product Viewed", 1, **seen, currency="QQQ"),
        said("Product Viewed", 2, **{**seen, "sku": "cup"}, currency="gbp"),
    )
    found = rows(stores, "events", "sku", "revenue")
    assert dict(found) == {"mug": None, "cup": Decimal(5)}
    assert "QQQ" in str(rows(stores, "events", "properties")), "nothing of the message is lost"
    prices = dict(rows(stores, "products", "sku", "price"))
    assert prices == {"mug": None, "cup": Decimal(5)}


AT = datetime(2026, 1, 1, tzinfo=NOW.tzinfo)
AMOUNT = st.integers(0, 10_000).map(lambda n: n / 100) | st.sampled_from(
    ["7.5", "x", None, -3, True, 1e300]
)
PRODUCT = st.fixed_dictionaries(
    {},
    optional={
        "sku": st.sampled_from(["a", "b", 7, None]),
        "quantity": st.sampled_from([1, 2, "3", 0, -1, None, "x"]),
        "price": AMOUNT,
    },
)
CONTENT = st.fixed_dictionaries(
    {},
    optional={
        "revenue": AMOUNT,
        "total": AMOUNT,
        "tax": AMOUNT,
        "shipping": AMOUNT,
        "discount": AMOUNT,
        "products": st.lists(PRODUCT | st.just("x"), max_size=3),
    },
)
EVENT = st.sampled_from(["Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"])


@given(st.lists(st.tuples(EVENT, CONTENT, st.integers(0, 50)), min_size=1, max_size=6))
def test_no_more_comes_back_than_was_sold_whatever_is_said(found: list[Any]) -> None:
    told = [
        Told(f"m{n}", event, "ann", AT + timedelta(minutes=minute), content)
        for n, (event, content, minute) in enumerate(found)
    ]
    order = order_of(told)
    assert order == order_of(list(reversed(told)))
    if order is None:
        assert "Order Completed" not in [event for event, _, _ in found]
        return
    sold = sum(line.revenue for line in order.parts[0].lines)
    back = sum(line.revenue for part in order.parts[1:] for line in part.lines)
    units = sum(line.quantity for part in order.parts for line in part.lines)
    assert back <= 0 or sold < 0
    assert sold + back >= 0 or sold < 0
    assert units >= 0


@pytest.mark.parametrize(
    ("content", "revenue"),
    [
        ({"total": 30, "tax": 2, "shipping": 3}, "25"),
        ({"subtotal": 30, "discount": 4}, "26"),
        ({"value": 9}, "9"),
        ({"products": [{"price": 2, "quantity": 3}]}, "6"),
        ({}, "0"),
    ],
)
def test_revenue_is_told_in_several_ways(content: dict[str, Any], revenue: str) -> None:
    order = order_of([Told("m", "Order Completed", "ann", AT, content)])
    assert order is not None
    assert sum(line.revenue for line in order.parts[0].lines) == Decimal(revenue)
