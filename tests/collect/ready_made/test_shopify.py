"""Exports of Shopify: orders and customers."""

from __future__ import annotations

import pytest

from collecting import Shop
from vendor_exports import Take, amounts, consents, control, kinds_of_identifiers, table, taken

SHOPIFY_ORDERS = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,"
    "Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,"
    "Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,Billing Zip,Billing Province,"
    "Billing Country,Billing Phone,Shipping Name,Shipping Street,Shipping Address1,Shipping Address2,Shipping Company,"
    "Shipping City,Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,"
    "Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,"
    "Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,"
    "Tax 4 Value,Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,"
    "Payment Terms Name,Next Payment Due At,Payment References"
)


def shopify_line(
    name: str, email: str, when: str, item: str, price: str, **more: str
) -> dict[str, object]:
    """A further line of an order: what is the order's is empty."""
    line = {"Name": name, "Email": email, "Created at": when, "Lineitem quantity": "1"}
    return {**line, "Lineitem name": item, "Lineitem price": price, "Vendor": "Ours", **more}


def shopify_head(
    status: str, *, subtotal: str, total: str, accepts: str = "no", **more: str
) -> dict[str, str]:
    """What stands on the first line of an order only."""
    money = {
        "Currency": "GBP",
        "Subtotal": subtotal,
        "Total": total,
        "Taxes": "0.00",
        "Discount Amount": "0.00",
    }
    rest = {
        "Shipping": "0.00",
        "Refunded Amount": "0.00",
        "Payment Method": "Shopify Payments",
        "Source": "web",
    }
    return {"Financial Status": status, "Accepts Marketing": accepts, **money, **rest, **more}


def test_shopify_orders(shop: Shop, take: Take) -> None:
    day = "2026-01-0{} 09:59:00 +0000"
    first = shopify_head("paid", subtotal="27.00", total="30.00", accepts="yes")
    first |= {
        "Shipping": "3.00",
        "Discount Code": "TEN",
        # 3.00 off the goods and 2.00 off the shipping.
        "Discount Amount": "5.00",
        "Lineitem quantity": "2",
    }
    first |= {
        "Billing Name": "Ann B",
        "Billing City": "Leeds",
        "Billing Zip": "'00123",
        "Billing Country": "GB",
    }
    first |= {"Billing Phone": "'+441134960000", "Lineitem sku": "MUG"}
    # 12.00 of 24.00 came back, of which 10.00 was for goods.
    part = shopify_head("partially_refunded", subtotal="20.00", total="24.00")
    part |= {"Taxes": "4.00", "Refunded Amount": "12.00"}
    till = shopify_head("paid", subtotal="5.00", total="5.00") | {"Source": "pos"}
    void = shopify_head("voided", subtotal="8.00", total="8.00") | {"Cancelled at": day.format(4)}
    text = table(
        SHOPIFY_ORDERS,
        shopify_line("#1", "ann@x.example", day.format(1), "Mug", "10.00", **first),
        shopify_line("#1", "ann@x.example", day.format(1), "Tea", "10.00"),
        shopify_line("#2", "bob@x.example", day.format(2), "Jar", "20.00", **part),
        shopify_line("#3", "", day.format(3), "Tea", "5.00", **till),
        shopify_line("#4", "cy@x.example", day.format(4), "Jar", "8.00", **void),
    )
    report = take("shopify-orders", {"orders_export_1.csv": text})
    assert taken(report) == [("customers", 3), ("orders", 4), ("orders", 1)]
    assert report["loads"][1]["anonymous_lines"] == 1
    assert amounts(shop, "orders", "order_id", "kind", "revenue", "shipping", "coupon") == [
        ("#1", "sale", 27.0, 3.0, "TEN"),
        ("#2", "return", -10.0, None, None),
        ("#2", "sale", 20.0, 0.0, None),
        ("#3", "sale", 5.0, 0.0, None),
    ]
    assert consents(shop) == [("email", "granted"), ("email", "denied"), ("email", "denied")]
    assert {("MUG",), ("Tea",)} <= set(shop.rows("order_lines", "sku"))
    known = control(shop, "SELECT count(*) FROM identifiers WHERE kind = 'phone'")
    assert known == [(1,)]
    assert ("Leeds",) in shop.rows("traits", "value")


def test_shopify_orders_whose_prices_include_tax(shop: Shop, take: Take) -> None:
    """The sums of an order tell: 132.80 of goods and 5.95 of shipping are its 138.75, of which 22.15 are tax."""
    day = "2026-01-01 09:59:00 +0100"
    with_tax = shopify_head("paid", subtotal="132.80", total="138.75")
    with_tax |= {
        "Currency": "EUR",
        "Taxes": "22.15",
        "Shipping": "5.95",
        "Refunded Amount": "13.28",
    }
    free = shopify_head("paid", subtotal="50.00", total="60.00")
    free |= {"Currency": "EUR", "Taxes": "10.00", "Shipping": "5.00", "Discount Amount": "5.00"}
    text = table(
        SHOPIFY_ORDERS,
        shopify_line("#1", "a@x.example", day, "Keys", "119.00", **with_tax),
        shopify_line("#1", "a@x.example", day, "Caps", "11.90", **{"Lineitem quantity": "2"}),
        shopify_line("#2", "b@x.example", day, "Keys", "50.00", **free),
    )
    take("shopify-orders", {"orders_export_1.csv": text}, rates="2025-01-01,EUR,1\n")
    columns = ("order_id", "kind", "revenue", "shipping", "discount")
    found = {row[:2]: row[2:] for row in amounts(shop, "orders", *columns)}
    net = 1 - 22.15 / 138.75
    assert found["#1", "sale"] == pytest.approx((132.80 * net, 5.95 * net, 10 * net), abs=0.001)
    assert found["#1", "return"][0] == pytest.approx(-13.28 * 132.80 / 138.75 * net, abs=0.01)
    assert found["#2", "sale"] == (50.0, 5.0, 0.0)


def test_shopify_customers(shop: Shop, take: Take) -> None:
    header = (
        "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,"
        "Default Address Address2,Default Address City,Default Address Province Code,Default Address Country Code,"
        "Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,Tags,"
        "Accepts WhatsApp Marketing"
    )
    ann: dict[str, object] = {"Customer ID": "'7001", "First Name": "Ann", "Email": "ann@x.example"}
    ann |= {
        "Accepts Email Marketing": "yes",
        "Accepts SMS Marketing": "no",
        "Default Address Country Code": "GB",
    }
    ann |= {
        "Default Address Zip": "'00123",
        "Phone": "'+441134960000",
        "Total Spent": "30.00",
        "Tags": "vip, gold",
    }
    bob: dict[str, object] = {"Customer ID": "7002", "Default Address Phone": "'+441134960001"}
    bob |= {"Accepts Email Marketing": "no", "Accepts SMS Marketing": "no"}
    report = take("shopify-customers", {"customers_export.csv": table(header, ann, bob)})
    assert taken(report) == [("customers", 2)]
    assert consents(shop) == [
        ("email", "denied"),
        ("email", "granted"),
        ("sms", "denied"),
        ("sms", "denied"),
    ]
    assert kinds_of_identifiers(shop) == {"email", "phone", "external_id:shopify"}
    hashes = {row[0] for row in control(shop, "SELECT value_hash FROM identifiers")}
    assert shop.origin("7001", "external_id:shopify") in hashes
    assert {("country", "GB"), ("tags", "vip, gold")} <= set(shop.rows("traits", "name", "value"))


def test_shopify_customers_of_an_older_export(shop: Shop, take: Take) -> None:
    header = (
        "First Name,Last Name,Email,Accepts Email Marketing,Company,Address1,Address2,City,Province,Province Code,Country,"
        "Country Code,Zip,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Tags,Note,Tax Exempt"
    )
    ann = {
        "Email": "ann@x.example",
        "Accepts Email Marketing": "yes",
        "City": "Leeds",
        "Country Code": "GB",
    }
    take("shopify-customers", {"customers_export.csv": table(header, dict(ann))})
    assert {("city", "Leeds"), ("country", "GB")} <= set(shop.rows("traits", "name", "value"))
    assert consents(shop) == [("email", "granted")]
