"""Orders of WooCommerce."""

from __future__ import annotations

from typing import Any

from collecting import Shop
from vendor_exports import Take, amounts, kinds_of_identifiers, lines, taken


def woo_line(
    number: int, sku: str, quantity: int, subtotal: str, total: str, tax: str
) -> dict[str, Any]:
    line = {
        "id": number,
        "name": sku.title(),
        "product_id": 90 + number,
        "sku": sku,
        "quantity": quantity,
    }
    return {
        **line,
        "subtotal": subtotal,
        "total": total,
        "total_tax": tax,
        "price": 9,
        "meta_data": [],
    }


def test_woocommerce_orders(shop: Shop, take: Take) -> None:
    billing = {
        "first_name": "Ann",
        "last_name": "B",
        "email": "ann@x.example",
        "phone": "0113 496 0000",
    }
    billing |= {"address_1": "1 Road", "postcode": "LS1", "country": "GB", "city": "Leeds"}
    order = {
        "id": 727,
        "number": "727",
        "status": "completed",
        "currency": "GBP",
        "date_created": "2026-01-05T22:28:02",
        "date_created_gmt": "2026-01-05T22:28:02",
        "discount_total": "2.00",
        "shipping_total": "4.00",
        "total": "31.60",
        "total_tax": "4.60",
        "prices_include_tax": False,
        "customer_id": 0,
        "payment_method": "bacs",
        "billing": billing,
        "line_items": [
            woo_line(1, "MUG", 2, "20.00", "18.00", "3.60"),
            woo_line(2, "", 1, "5.00", "5.00", "1.00"),
        ],
        "refunds": [{"id": 900, "reason": "", "total": "-15.80"}],
    }
    line = woo_line(3, "JAR", 1, "10.00", "10.00", "0.00")
    small = {"shipping_total": "0.00", "total": "10.00", "total_tax": "0.00", "line_items": [line]}
    whole = {**order, **small, "id": 728, "status": "refunded", "customer_id": 25}
    whole["refunds"] = [{"id": 901, "reason": "broken", "total": "-10.00"}]
    failed = {**order, **small, "id": 729, "status": "failed", "refunds": []}
    amount = {"id": 900, "parent_id": 727, "date_created_gmt": "2026-02-01T08:00:00", "reason": ""}
    amount |= {"amount": "15.80", "line_items": []}
    items = {**amount, "id": 901, "parent_id": 728, "date_created_gmt": "2026-02-03T08:00:00"}
    items |= {"amount": "12.00"}
    items["line_items"] = [
        {
            "id": 31,
            "name": "Jar",
            "product_id": 93,
            "sku": "JAR",
            "quantity": -1,
            "total": "-10.00",
        },
        {"id": 32, "name": "Mug", "product_id": 91, "sku": "MUG", "quantity": 0, "total": "0.00"},
    ]
    files = {"woocommerce-orders.jsonl": lines(order, whole, failed)}
    report = take(
        "woocommerce-orders", {**files, "woocommerce-refunds.jsonl": lines(amount, items)}
    )
    assert taken(report)[1:] == [("orders", 3), ("orders", 1), ("orders", 1)]
    found = amounts(shop, "orders", "order_id", "kind", "revenue", "discount", "shipping", "tax")
    assert found == [
        # Half of the order, so half of its 23.00 of goods.
        ("727", "return", -11.5, None, None, None),
        ("727", "sale", 23.0, 2.0, 4.0, 4.6),
        ("728", "return", -10.0, None, None, None),
        ("728", "sale", 10.0, 0.0, 0.0, 0.0),
    ]
    when = {
        (row[0], row[1].month, row[1].day) for row in shop.rows("orders", "order_id", "ordered_at")
    }
    assert {("727", 2, 1), ("728", 2, 3)} <= when, "at the moment of the refund"
    back = shop.rows("order_lines", "kind", "order_id", "sku", "quantity")
    assert back[:2] == [("return", "727", None, -1), ("return", "728", "JAR", -1)]
    assert {("92",), ("JAR",), ("MUG",)} <= set(shop.rows("order_lines", "sku"))
    assert kinds_of_identifiers(shop) == {"email", "phone", "external_id:woocommerce"}
