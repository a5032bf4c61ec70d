"""What order lines come to: money, returns, goods and charges, values of the whole order, currencies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from aimwell.errors import DefinitionError, RecollectError
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of


def entity(options: dict[str, Any] | None = None, **targets: Any) -> dict[str, Any]:
    """The mapping of ORDERS with more or other targets; a column has the target's name where None is given."""
    changed = {name: name if value is None else value for name, value in targets.items()}
    mapping = {k: v for k, v in {**ORDERS["map"], **changed}.items() if v != "-"}
    return {"entity": "orders", "map": mapping, **(options or {})}


def money(*values: object) -> list[Decimal]:
    return [Decimal(str(value)) for value in values]


# --- price, total, discount -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "values", "price", "discount", "revenue"),
    [
        ("unit_price", "5", 5, 0, 10),
        ("unit_price,discount", "5,1.5", 5, 1.5, 8.5),
        ("unit_price,discount", "5,-1.5", 5, 1.5, 8.5),
        ("unit_price,discount", "5,", 5, 0, 10),
        ("line_total", "9", 4.5, 0, 9),
        ("line_total,discount", "9,1", 5, 1, 9),
        ("unit_price,line_total", "5,9", 5, 1, 9),
        ("unit_price,line_total", "5,11", 5.5, 0, 11),
        ("unit_price,line_total", ",9", 4.5, 0, 9),
        ("unit_price,line_total", "5,", 5, 0, 10),
        ("unit_price,line_total,discount", "5,9,2", 5.5, 2, 9),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_price_discount_and_total_agree_whichever_are_there(
    shop: Shop, columns: str, values: str, price: float, discount: float, revenue: float, sign: int
) -> None:
    """revenue = quantity x unit_price - discount, in every combination, for sales and for returns."""
    names = columns.split(",")
    given = values.split(",")
    if sign < 0 and "line_total" in names and given[names.index("line_total")]:
        given[names.index("line_total")] = "-" + given[names.index("line_total")]
    mapping = entity(**{"unit_price": "-", **dict.fromkeys(names)})
    content = (
        f"order,day,customer,sku,qty,{columns}\n1,2026-01-05,ann,mug,{2 * sign},{','.join(given)}\n"
    )
    shop.collect(content, source_of(mapping))
    line = shop.one("order_lines")
    assert line["kind"] == ("sale" if sign > 0 else "return")
    assert [line["quantity"], line["unit_price"], line["discount"], line["revenue"]] == money(
        2 * sign, price, discount * sign, revenue * sign
    )
    assert line["quantity"] * line["unit_price"] - line["discount"] == line["revenue"]


def test_a_price_of_many_digits_and_a_large_amount_are_exact(shop: Shop) -> None:
    shop.collect(
        f"{COLUMNS}\n1,2026-01-05,ann,mug,999999,9999999.9999\n2,2026-01-05,ann,mug,3,0.3333\n"
    )
    revenues = [row[1] for row in shop.rows("order_lines", "order_id", "revenue", order="order_id")]
    assert revenues == [Decimal("9999989999900.0001"), Decimal("0.9999")]


def test_without_a_quantity_a_line_is_one_unit(shop: Shop) -> None:
    shop.collect(
        "order,day,customer,sku,price\n1,2026-01-05,ann,mug,4.50\n", source_of(entity(quantity="-"))
    )
    assert shop.one("orders")["quantity"] == 1


def test_zero_prices_are_goods_given_free(shop: Shop) -> None:
    load = shop.collect(f"{COLUMNS}\n1,2026-01-05,ann,gift,1,0\n1,2026-01-05,ann,mug,1,4\n")
    assert load.rows_taken == 2
    assert shop.one("orders")["quantity"] == 2


# --- returns ----------------------------------------------------------------------------------------------


def test_returns_are_netted_whatever_sign_the_file_gives_them(shop: Shop) -> None:
    kind = {"expression": "CASE WHEN type IN ('R', 'X') THEN 'return' ELSE 'sale' END"}
    original = {"expression": "CASE WHEN type = 'R' THEN substring(\"order\", 2) END"}
    content = (
        "order,day,customer,sku,qty,price,tax,discount,type\n"
        "1,2026-01-05,ann,mug,3,10,6,3,S\n"
        "R1,2026-01-09,ann,mug,-1,10,-2,-1,R\n"
        "R2,2026-01-10,ann,mug,1,10,2,1,R\n"
        "X3,2026-01-11,ann,mug,1,10,2,1,X\n"
    )
    mapping = entity(tax=None, discount=None, kind=kind, original_order_id=original)
    load = shop.collect(content, source_of(mapping))
    assert (load.sales, load.returns, load.return_lines) == (1, 3, 3)
    columns = ("order_id", "kind", "revenue", "discount", "tax", "quantity", "original_order_id")
    assert shop.rows("orders", *columns) == [
        ("1", "sale", *money(27, 3, 6, 3), None),
        ("R1", "return", *money(-9, -1, -2, -1), "1"),
        ("R2", "return", *money(-9, -1, -2, -1), "2"),
        ("X3", "return", *money(-9, -1, -2, -1), None),
    ]


def test_each_return_of_an_order_stands_at_its_own_moment(shop: Shop) -> None:
    load = shop.collect(
        f"{COLUMNS}\n1,2026-01-05,ann,mug,5,2\n1,2026-01-09,ann,mug,-1,2\n1,2026-02-09,ann,mug,-2,2\n"
    )
    assert (load.sales, load.returns) == (1, 2)
    assert shop.rows("orders", "ordered_at", "revenue", order="ordered_at") == [
        (datetime(2026, 1, 5, tzinfo=UTC), 10),
        (datetime(2026, 1, 9, tzinfo=UTC), -2),
        (datetime(2026, 2, 9, tzinfo=UTC), -4),
    ]


# --- goods and charges ------------------------------------------------------------------------------------


def test_postage_and_fees_are_no_goods_and_postage_is_shipping(shop: Shop) -> None:
    options = {"not_goods": ["FEE"], "not_goods_pattern": "^gift_", "shipping_codes": ["POST"]}
    content = f"{COLUMNS}\n" + "".join(
        f"1,2026-01-05,ann,{sku},1,{price}\n"
        for sku, price in (("mug", 8), ("POST", 3.5), ("FEE", 1), ("gift_10", 10), ("", 2))
    )
    shop.collect(content, source_of(entity(options)))
    goods = {row[0]: row[1] for row in shop.rows("order_lines", "sku", "goods")}
    assert goods == {"mug": True, "POST": False, "FEE": False, "gift_10": False, None: True}
    order = shop.one("orders")
    assert (order["revenue"], order["quantity"], order["shipping"], order["lines"]) == (
        10,
        2,
        Decimal("3.5"),
        5,
    )


def test_an_invoice_without_goods_adds_its_charges_but_is_no_sale(shop: Shop) -> None:
    source = source_of(entity({"shipping_codes": ["POST"]}))
    load = shop.collect(f"{COLUMNS}\n9,2026-01-05,ann,POST,1,3.50\n", source)
    assert (load.sales, load.additions) == (0, 1)
    more = shop.collect(f"{COLUMNS}\n9,2026-01-05,ann,mug,1,5\n", source)
    assert (more.sales, more.additions) == (1, 0)
    assert shop.rows("orders", "kind", "revenue", "shipping") == [
        ("addition", 0, Decimal("3.5000")),
        ("sale", 5, 0),
    ]


def test_charges_that_nothing_tells_are_unknown_not_zero(shop: Shop) -> None:
    shop.collect(f"{COLUMNS}\n1,2026-01-05,ann,mug,1,5\n")
    order = shop.one("orders")
    assert (order["discount"], order["tax"], order["shipping"]) == (None, None, None)


def test_charges_of_lines_add_up(shop: Shop) -> None:
    content = "order,day,customer,sku,qty,price,shipping,tax\n" + "".join(
        f"1,2026-01-05,ann,{sku},1,10,{shipping},2\n"
        for sku, shipping in (("a", 4), ("b", 0), ("c", ""))
    )
    shop.collect(content, source_of(entity(shipping=None, tax=None)))
    assert (shop.one("orders")["shipping"], shop.one("orders")["tax"]) == (4, 6)


def test_values_of_the_order_that_stand_on_each_line_count_once(shop: Shop) -> None:
    once = {"once_per_order": ["shipping", "discount", "tax"]}
    source = source_of(entity(once, shipping=None, tax=None, discount=None))
    header = "order,day,customer,sku,qty,price,shipping,tax,discount\n"
    content = header + "".join(
        f"1,2026-01-05,ann,{sku},1,{price},4.99,3,1\n"
        for sku, price in (("a", 10), ("b", 10), ("c", 13))
    )
    shop.collect(content, source)
    order = shop.one("orders")
    assert (order["shipping"], order["tax"]) == (Decimal("4.99"), 3)
    assert (order["revenue"], order["discount"]) == (32, 1)
    lines = shop.rows("order_lines", "sku", "discount", "revenue")
    assert [line[1] for line in lines] == money("0.303", "0.303", "0.394") or sum(
        line[1] for line in lines
    ) == 1
    assert sum(line[2] for line in lines) == 32
    # A late line of the order repeats them; they were counted.
    shop.collect(header + "1,2026-01-05,ann,d,1,7,4.99,3,1\n", source)
    late = shop.rows("orders", "kind", "revenue", "discount", "shipping", "tax")[0]
    assert late == ("addition", 7, 0, 0, 0)


TOTALS = "order,day,customer,sku,qty,price,goods_total,discount\n"


def test_what_the_goods_of_an_order_came_to_is_shared_among_its_lines(shop: Shop) -> None:
    options: dict[str, Any] = {"not_goods": ["FEE"]}
    content = TOTALS + "".join(
        f"{order},2026-01-05,ann,{sku},{qty},{price},{total},\n"
        for order, sku, qty, price, total in (
            *((1, "a", 1, 10, 20), (1, "b", 2, 5, 20), (1, "FEE", 1, 3, 20), (1, "c", 1, 10, 20)),
            # More than the prices come to; and one that says no total.
            *((2, "a", 2, 10, 30), (3, "a", 1, 10, "")),
        )
    )
    shop.collect(content, source_of(entity(options, goods_total=None)))
    assert shop.rows("orders", "order_id", "revenue", "discount") == [
        ("1", 20, 10),
        ("2", 30, 0),
        ("3", 10, 0),
    ]
    lines = shop.rows("order_lines", "order_id", "sku", "unit_price", "revenue")
    assert [line[3] for line in lines if line[:2] == ("1", "FEE")] == [3]
    assert sum(line[3] for line in lines if line[0] == "1") == 23
    assert ("2", "a", 15, 30) in lines


def test_a_line_of_an_order_whose_total_was_corrected_is_the_same_line(shop: Shop) -> None:
    """The total is the order's: it is no part of what a line is known by, or the line would count twice."""
    for options, target in (
        ({"keep_repeats": True}, "goods_total"),
        ({"keep_repeats": True, "once_per_order": ["discount"]}, "discount"),
    ):
        source = source_of(entity(options, **{target: None}), name=target.replace("_", "-"))
        for amount in (8, 7):
            shop.collect(TOTALS + f"1,2026-01-05,ann,a,1,10,{amount},{amount}\n", source)
    assert shop.rows("orders", "revenue") == [(2,), (8,)]


def test_the_total_of_goods_stands_instead_of_discounts() -> None:
    with pytest.raises(DefinitionError, match="map goods_total or discount, not both"):
        source_of(entity(goods_total=None, discount=None))


def test_once_per_order_needs_its_column() -> None:
    with pytest.raises(DefinitionError, match=r"once_per_order names what is not mapped: map\.tax"):
        source_of(entity({"once_per_order": ["tax"]}))


def test_the_order_takes_its_texts_from_its_first_line_that_has_them(shop: Shop) -> None:
    content = (
        "order,day,customer,sku,qty,price,coupon,payment_method,shop_id,unit_cost\n"
        "1,2026-01-05 10:05,ann,b,1,1,,card,web,0.4\n1,2026-01-05 10:00,ann,a,1,1,SPRING,cash,web,\n"
    )
    names = ("coupon", "payment_method", "shop_id")
    shop.collect(content, source_of(entity(unit_cost=None, **dict.fromkeys(names))))
    order = shop.one("orders")
    assert [order[name] for name in names] == ["SPRING", "card", "web"]
    assert order["ordered_at"] == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert sorted(shop.rows("order_lines", "unit_cost"), key=str) == [(Decimal("0.4000"),), (None,)]


def test_properties_of_lines_are_json_and_missing_ones_are_left_out(shop: Shop) -> None:
    content = "order,day,customer,sku,qty,price,size,colour\n1,2026-01-05,ann,a,1,1,XL,\n1,2026-01-05,ann,b,1,1,,\n"
    options = {"properties": {"size": "size", "colour of it": "colour"}}
    shop.collect(content, source_of(entity(options)))
    assert shop.rows("order_lines", "sku", "properties") == [("a", '{"size":"XL"}'), ("b", None)]


# --- changed lines and mappings ---------------------------------------------------------------------------


def test_a_known_line_with_other_values_is_set_aside(shop: Shop) -> None:
    shop.collect(f"{COLUMNS}\n1,2026-01-05,ann,mug,1,5\n")
    load = shop.collect(f"{COLUMNS}\n1,2026-01-05,ann,mug,1,6\n2,2026-01-05,ann,mug,1,6\n")
    assert load.quarantined_by_reason == {"line_changed": 1}
    assert [row[0] for row in shop.rows("order_lines", "unit_price")] == [5, 6]
    assert shop.quarantined() == [(2, "line_id", "line_changed")]


def test_a_known_numbered_line_with_another_quantity_is_set_aside(shop: Shop) -> None:
    numbered = source_of(entity(line=None))
    shop.collect(f"{COLUMNS},line\n1,2026-01-05,ann,mug,1,5,1\n", numbered)
    load = shop.collect(
        f"{COLUMNS},line\n1,2026-01-05,ann,mug,3,5,1\n1,2026-01-05,ann,mug,3,5,2\n", numbered
    )
    assert load.quarantined_by_reason == {"line_changed": 1}
    assert (load.rows_taken, load.additions) == (1, 1)


def test_a_numbered_line_that_stands_twice_with_different_values(shop: Shop) -> None:
    load = shop.collect(
        f"{COLUMNS},line\n1,2026-01-05,ann,mug,1,5,1\n1,2026-01-05,ann,mug,2,5,1\n",
        source_of(entity(line=None)),
    )
    assert load.quarantined_by_reason == {"conflicting_line": 1}
    assert shop.quarantined() == [(3, "line", "conflicting_line")]


def test_a_column_mapped_later_does_not_count_known_lines_again(shop: Shop) -> None:
    content = f"{COLUMNS},coupon\n1,2026-01-05,ann,mug,1,5,SPRING\n2,2026-01-06,ann,mug,1,5,\n"
    shop.collect(content)
    load = shop.collect(content + "3,2026-01-07,ann,mug,1,5,X\n", source_of(entity(coupon=None)))
    assert (load.rows_taken, load.changed, load.quarantined) == (1, 2 - load.known, 0)
    assert len(shop.rows("order_lines")) == 3


def test_a_mapping_mended_so_that_more_rows_are_good_takes_just_those(shop: Shop) -> None:
    content = f"{COLUMNS}\n1,2026-01-05,ann,mug,1,5\n2,5th of January 2026,ann,mug,1,5\n"
    assert shop.collect(content).quarantined == 1
    mended = entity(
        ordered_at={"expression": "CASE WHEN day LIKE '5th%' THEN '2026-01-05' ELSE day END"}
    )
    load = shop.collect(content, source_of(mended))
    assert (load.known, load.rows_taken, load.quarantined) == (1, 1, 0)


def test_a_mapping_changed_so_that_all_would_count_twice_is_refused(shop: Shop) -> None:
    content = f"{COLUMNS}\n" + "".join(f"{n},2026-01-05 10:00,ann,mug,1,5\n" for n in range(5))
    shop.collect(content)
    with pytest.raises(
        RecollectError, match="5 of 5 known orders would get their lines a second time"
    ):
        shop.collect(content, source_of(timezone="America/New_York"))
    assert len(shop.rows("order_lines")) == 5


# --- currencies -------------------------------------------------------------------------------------------


def add_rates(stores: Stores, *rates: tuple[str, float, datetime]) -> None:
    """Put currency rates into the lake."""
    rows = [
        {"name": name, "value": value, "set_at": at, "source": "test", "received_at": at}
        for name, value, at in rates
    ]
    schema = LAKE_TABLES["market"].schema
    stores.lake.append("market", pa.Table.from_pylist(rows, schema=schema))


def test_money_of_another_currency_is_converted_by_the_rate_of_its_day(shop: Shop) -> None:
    january, february = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    add_rates(
        shop.stores,
        ("rate:EUR:GBP", 0.8, january),
        ("rate:EUR:GBP", 0.9, february),
        ("rate:EUR:USD", 1.1, january),
        ("rate:USD:GBP", 0.75, january),
    )
    content = (
        "order,day,customer,sku,qty,price,shipping,currency,unit_cost\n"
        "1,2026-01-05,ann,a,2,10,5,EUR,4\n2,2026-02-05,ann,a,2,10,5,eur,4\n3,2026-02-05,ann,a,2,10,5,GBP,4\n"
        "4,2026-02-05,ann,a,2,10,5,,4\n5,2026-02-05,ann,a,2,10,5,Pound,4\n"
    )
    mapping = entity(currency=None, shipping=None, unit_cost=None)
    load = shop.collect(content, source_of(mapping, currency="USD"))
    assert load.currencies == ("EUR", "GBP", "USD")
    assert load.quarantined_by_reason == {"unknown_currency": 1}
    assert shop.rows("orders", "order_id", "revenue", "shipping") == [
        ("1", *money(16, 4)),
        ("2", *money(18, "4.5")),
        ("3", *money(20, 5)),
        ("4", *money(15, "3.75")),
    ]
    line = shop.rows("order_lines", "order_id", "unit_price", "unit_cost", order="order_id")[0]
    assert line == ("1", *money(8, "3.2"))
    assert (
        shop.collect(
            content + "6,2026-02-05,ann,a,2,10,5,GBP,4\n", source_of(mapping, currency="USD")
        ).known
        == 4
    )


# --- people of orders -------------------------------------------------------------------------------------


def test_orders_may_name_people_by_mail_or_telephone(shop: Shop) -> None:
    content = (
        "order,day,customer,sku,qty,price,email,phone\n"
        "1,2026-01-05,,a,1,1, Ann@Example.COM ,\n2,2026-01-06,,a,1,1,,020 7946 0000\n"
        "3,2026-01-07,c3,a,1,1,ann@example.com,\n4,2026-01-08,,a,1,1,not an address,\n"
    )
    load = shop.collect(content, source_of(entity(email=None, phone=None)))
    ann, phone = shop.origin("ann@example.com", "email"), shop.origin("+442079460000", "phone")
    assert shop.rows("orders", "order_id", "origin_id") == [
        ("1", ann),
        ("2", phone),
        ("3", shop.origin("c3")),
        ("4", None),
    ]
    assert load.anonymous_lines == 1
    assert "email: 1 are not readable; the rows were taken without them" in load.warnings


def test_an_order_belongs_to_whom_its_first_line_with_a_customer_names(shop: Shop) -> None:
    shop.collect(
        f"{COLUMNS}\n1,2026-01-05,,a,1,1\n1,2026-01-05,bob,b,1,1\n1,2026-01-05,ann,c,1,1\n"
    )
    assert shop.one("orders")["origin_id"] == shop.origin("bob")


def test_customer_ids_of_different_namespaces_are_different_people(shop: Shop) -> None:
    shop.collect(f"{COLUMNS}\n1,2026-01-05,7,a,1,1\n", source_of(id_namespace="web"))
    assert shop.one("orders")["origin_id"] == shop.origin("7", "customer_id:web")


def test_lines_name_products_that_nothing_else_describes(shop: Shop) -> None:
    content = "order,day,customer,sku,qty,price,description\n" + "".join(
        f"{n},2026-01-05,ann,{sku},1,1,{name}\n"
        for n, (sku, name) in enumerate(
            [
                ("mug", "A mug"),
                ("mug", "?"),
                ("mug", "A mug"),
                ("tea", ""),
                ("pen", "A pen"),
                ("pen", "A pen"),
            ]
        )
    )
    source = source_of(entity(description=None))
    load = shop.collect(content, source)
    assert load.statements == 2
    assert shop.rows("products", "sku", "name") == [("mug", "A mug"), ("pen", "A pen")]
    more = shop.collect(content + "9,2026-01-05,ann,pen,1,1,Another name\n", source)
    assert more.statements == 0


def test_traits_that_lines_tell_hold_from_their_moment(shop: Shop) -> None:
    content = "order,day,customer,sku,qty,price,country\n" + "".join(
        f"{n},2026-0{n}-01,{who},a,1,1,{country}\n"
        for n, who, country in (
            (1, "ann", "GB"),
            (2, "ann", "GB"),
            (3, "ann", "FR"),
            (4, "ann", "GB"),
            (5, "", "DE"),
        )
    )
    source = source_of(entity({"traits": {"country": "country"}}))
    load = shop.collect(content, source)
    assert load.statements == 3
    assert [
        (row[0], row[1].month) for row in shop.rows("traits", "value", "set_at", order="set_at")
    ] == [
        ("GB", 1),
        ("FR", 3),
        ("GB", 4),
    ]
    later = shop.collect(
        content + "6,2026-05-02,ann,a,1,1,GB\n", source, now=NOW + timedelta(days=1)
    )
    assert later.statements == 0
