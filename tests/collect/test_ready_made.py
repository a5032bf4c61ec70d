"""Ready-made sources for the usual exports: each takes, by the command, a small made-up file with the very columns and forms that
its vendor's exports have (see docs/sources.md for what they were checked against).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aimwell.cli import collect as collect_command
from aimwell.collect import ready_made
from aimwell.collect.ready_made import list_templates, read_template
from aimwell.definitions.catalogue import check
from aimwell.definitions.reading import read_documents
from aimwell.errors import UnknownDefinitionError
from collecting import Shop
from command import command_in

NAMES = [one.name for one in list_templates()]

Take = Callable[..., dict[str, Any]]


def lines(*objects: Any) -> str:
    """JSON lines."""
    return "\n".join(json.dumps(one) for one in objects) + "\n"


def table(header: str, *rows: dict[str, object]) -> str:
    """CSV with all the columns of an export; a row names those that it has."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header.split(","), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def documents(name: str) -> list[Any]:
    """The documents of a template, read as `aimwell apply` reads them."""
    path = Path(ready_made.__file__).with_name("templates") / f"{name}.yaml"
    return [one.body for one in read_documents([path])]


@pytest.fixture
def take(shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Take:
    """Write files and collect them by a template, as a person does; the report."""
    run = command_in(shop.stores.root, monkeypatch, capsys)
    # What is looked at is the lake; that people are brought up to date afterwards is tested elsewhere, and takes as long.
    monkeypatch.setattr(collect_command, "not_unified", lambda _stores: False)

    def call(template: str, files: dict[str, str], *, rates: str = "") -> dict[str, Any]:
        if rates:
            shop.write("date,from_currency,rate\n" + rates, "rates.csv")
            run("collect", "rates", shop.folder / "rates.csv")
        definition = shop.folder / "definition.yaml"
        definition.write_text(run("collect", "template", template).out)
        run("apply", definition)
        for file, text in files.items():
            shop.write(text, file)
        [source] = [one["name"] for one in documents(template) if one["kind"] == "source"]
        report = run("collect", "source", source, "--root", shop.folder, "--json").json
        assert not any(load["quarantined"] for load in report["loads"]), shop.quarantined()
        return dict(report)

    return call


def taken(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [(load["entity"], load["rows_taken"]) for load in report["loads"]]


def control(shop: Shop, query: str) -> Sequence[Any]:
    with shop.stores.control.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def consents(shop: Shop) -> Sequence[Any]:
    return control(shop, "SELECT channel, state FROM consents ORDER BY channel, occurred_at, state")


def suppressed(shop: Shop) -> list[str]:
    return [row[0] for row in control(shop, "SELECT reason FROM suppressions ORDER BY 1")]


def kinds_of_identifiers(shop: Shop) -> set[str]:
    return {row[0] for row in control(shop, "SELECT DISTINCT kind FROM identifiers")}


def amounts(shop: Shop, table_: str, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of the lake, money as plain numbers."""
    return [
        tuple(float(cell) if isinstance(cell, Decimal) else cell for cell in row)
        for row in shop.rows(table_, *columns)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_right_definition_that_says_where_it_comes_from(name: str) -> None:
    text = read_template(name)
    for document in documents(name):
        definition = check(document)
        if document["kind"] == "source":
            assert definition.name == name, "it is called as its template"
        assert check(definition.document()) == definition
    assert text.startswith("# ")
    assert "http" in text or name in ("social-engagement", "point-of-sale")


def test_an_unknown_one_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownDefinitionError, match="Did you mean 'stripe'"):
        read_template("strip")
    with pytest.raises(UnknownDefinitionError):
        read_template("../secret")


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


def test_stripe(shop: Shop, take: Take) -> None:
    price = {
        "id": "price_1",
        "nickname": "Pro",
        "unit_amount": 3000,
        "currency": "gbp",
        "recurring": {"interval": "month", "interval_count": 1},
        "created": 1767225600,
    }
    subscription = {
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "start_date": 1767225600,
        "ended_at": None,
        "items": {"object": "list", "data": [{"price": price, "quantity": 2}]},
    }
    gone = {**subscription, "id": "sub_2", "status": "canceled", "ended_at": 1772323200}
    charge = {
        "id": "ch_1",
        "customer": "cus_1",
        "amount": 6000,
        "amount_refunded": 0,
        "currency": "gbp",
        "created": 1767225600,
        "status": "succeeded",
        "refunded": False,
        "payment_method_details": {"type": "card"},
    }
    refunded = {**charge, "id": "ch_2", "refunded": True, "amount_refunded": 6000}
    part = {**charge, "id": "ch_3", "amount_refunded": 1500}
    customer = {
        "id": "cus_1",
        "email": "ann@x.example",
        "phone": None,
        "name": "Ann B",
        "created": 1767225600,
        "address": {"country": "GB", "line1": "1 Road", "postal_code": "LS1"},
    }
    files = {
        "stripe-customers.jsonl": lines(customer),
        "stripe-subscriptions.jsonl": lines(subscription, gone),
        "stripe-charges.jsonl": lines(charge, refunded, part),
    }
    report = take("stripe", files)
    expected = [
        ("customers", 1),
        ("plans", 1),
        ("subscriptions", 2),
        ("payments", 3),
        ("payments", 1),
    ]
    assert taken(report) == expected
    assert amounts(shop, "subscriptions", "subscription_id", "state", "plan", "price") == [
        ("sub_1", "active", "price_1", 60.0),
        ("sub_2", "active", "price_1", 60.0),
        ("sub_2", "ended", "price_1", 60.0),
    ]
    assert amounts(shop, "payments", "payment_id", "kind", "state", "amount", "method") == [
        ("ch_1", "payment", "paid", 60.0, "card"),
        ("ch_2", "payment", "refunded", 60.0, "card"),
        ("ch_3", "payment", "paid", 60.0, "card"),
        ("ch_3-refund", "refund", "refunded", 15.0, "card"),
    ]
    origins = {
        row[0] for table_ in ("subscriptions", "payments") for row in shop.rows(table_, "origin_id")
    }
    assert origins == {shop.origin("cus_1", "external_id:stripe")}


def test_stripe_knows_currencies_without_a_hundredth(shop: Shop, take: Take) -> None:
    charge = {
        "customer": "cus_1",
        "created": 1767225600,
        "status": "succeeded",
        "refunded": False,
        "amount_refunded": 0,
    }
    yen = {**charge, "id": "ch_1", "amount": 6000, "currency": "jpy"}
    dinar = {**charge, "id": "ch_2", "amount": 6000, "currency": "kwd"}
    # Only the charges were exported; what comes from the other files is left out, and that is told.
    rates = "2025-12-01,JPY,0.005\n2025-12-01,KWD,2.5\n"
    report = take("stripe", {"stripe-charges.jsonl": lines(yen, dinar)}, rates=rates)
    assert report["absent"] == ["customers", "items"]
    assert amounts(shop, "payments", "payment_id", "amount") == [("ch_1", 30.0), ("ch_2", 15.0)]


STRIPE_PAYMENTS = (
    "id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Converted Amount,Converted Amount Refunded,"
    "Converted Currency,Decline Reason,Description,Fee,Refunded date (UTC),Statement Descriptor,Status,Seller Message,"
    "Taxes On Fee,Card ID,Card Brand,Customer ID,Customer Description,Customer Email,Invoice ID,Transfer"
)


def test_the_dashboard_of_stripe(shop: Shop, take: Take) -> None:
    paid: dict[str, object] = {
        "Created date (UTC)": "2026-01-05 15:00:00",
        "Currency": "gbp",
        "Card Brand": "Visa",
    }
    paid |= {"Amount": "60.00", "Amount Refunded": "0.00", "Status": "Paid", "Customer ID": "cus_1"}
    rows = [
        {"id": "ch_1", **paid},
        {"id": "ch_2", **paid, "Status": "Refunded", "Amount Refunded": "60.00"},
        {
            "id": "ch_3",
            **paid,
            "Amount Refunded": "15.00",
            "Refunded date (UTC)": "2026-01-09 15:00:00",
        },
        {
            "id": "ch_4",
            **paid,
            "Status": "Failed",
            "Customer ID": "",
            "Customer Email": "bob@x.example",
        },
    ]
    customers = table(
        "id,Description,Email,Name,Created (UTC),Delinquent,Card ID,Total Spend,Payment Count,Refunded Volume",
        {
            "id": "cus_1",
            "Email": "ann@x.example",
            "Name": "Ann B",
            "Created (UTC)": "2026-01-01 10:00",
        },
    )
    subscription: dict[str, object] = {
        "id": "sub_1",
        "Customer ID": "cus_1",
        "Plan": "price_1",
        "Currency": "gbp",
    }
    subscription |= {
        "Amount": "30.00",
        "Status": "canceled",
        "Start Date (UTC)": "2026-01-01 10:00",
    }
    subscription |= {"Ended At (UTC)": "2026-03-01 10:00", "Cancellation Reason": "too_expensive"}
    subscriptions = table(
        "id,Customer ID,Customer Description,Customer Email,Customer Name,Plan,Quantity,Currency,Interval,Amount,Status,"
        "Created (UTC),Start (UTC),Start Date (UTC),Current Period Start (UTC),Current Period End (UTC),Trial Start (UTC),"
        "Trial End (UTC),Canceled At (UTC),Ended At (UTC),Cancellation Reason",
        subscription,
    )
    files = {
        "unified_payments.csv": table(STRIPE_PAYMENTS, *rows),
        "unified_customers.csv": customers,
        "subscriptions.csv": subscriptions,
    }
    report = take("stripe-dashboard", files)
    assert taken(report) == [
        ("customers", 1),
        ("subscriptions", 1),
        ("payments", 4),
        ("payments", 1),
    ]
    assert amounts(shop, "payments", "payment_id", "kind", "state", "amount") == [
        ("ch_1", "payment", "paid", 60.0),
        ("ch_2", "payment", "refunded", 60.0),
        ("ch_3", "payment", "paid", 60.0),
        ("ch_3-refund", "refund", "refunded", 15.0),
        ("ch_4", "payment", "failed", 60.0),
    ]
    assert ("ended", "too_expensive") in shop.rows("subscriptions", "state", "reason")


def test_hubspot(shop: Shop, take: Take) -> None:
    header = (
        "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Contact owner,Job Title,Associated Company,"
        "Associated Company IDs,Associated Company IDs (Primary),Lifecycle Stage,Lead Status,Original Traffic Source,"
        "Marketing contact status,Unsubscribed from all email,Country/Region,Create Date,Last Modified Date,Last Activity Date"
    )
    ann: dict[str, object] = {
        "Record ID": "51",
        "First Name": "Ann",
        "Email": "ann@x.example",
        "Job Title": "Buyer",
    }
    ann |= {"Associated Company IDs": "9001;9002", "Lifecycle Stage": "Lead", "Lead Status": "Open"}
    ann |= {"Original Traffic Source": "Organic Search", "Last Modified Date": "2026-01-03 10:00"}
    bob: dict[str, object] = {
        "Record ID": "52",
        "Email": "bob@x.example",
        "Lifecycle Stage": "Customer",
    }
    bob |= {"Unsubscribed from all email": "true", "Last Modified Date": "2026-01-03 10:00"}
    companies = table(
        "Record ID,Company name,Company owner,Industry,Number of Employees,Lifecycle Stage,City,Country/Region,Create Date,"
        "Last Modified Date",
        {
            "Record ID": "9001",
            "Company name": "Acme",
            "Industry": "Toys",
            "Number of Employees": "120",
        },
    )
    files = {"hubspot-contacts.csv": table(header, ann, bob), "hubspot-companies.csv": companies}
    report = take("hubspot", files)
    assert taken(report) == [("accounts", 1), ("customers", 2), ("consents", 1)]
    assert (shop.one("accounts")["size"], shop.one("accounts")["name"]) == (120, "Acme")
    member = shop.one("account_members")
    assert (member["account_id"], member["role"]) == ("9001", "Buyer")
    assert consents(shop) == [("email", "revoked")]
    traits = set(shop.rows("traits", "name", "value"))
    assert {("lead_stage", "Lead"), ("lead_source", "Organic Search")} <= traits


def test_hubspot_with_the_names_of_another_portal(shop: Shop, take: Take) -> None:
    row = {"Record ID - Contact": "51", "Email": "ann@x.example", "Original Source": "Referrals"}
    row |= {"Primary Associated Company ID": "9001"}
    text = table(
        "Record ID - Contact,Email,Original Source,Primary Associated Company ID", dict(row)
    )
    report = take("hubspot", {"hubspot-contacts.csv": text})
    assert report["absent"] == ["companies"]
    assert ("lead_source", "Referrals") in shop.rows("traits", "name", "value")
    assert shop.one("account_members")["account_id"] == "9001"
    assert kinds_of_identifiers(shop) == {"email", "external_id:hubspot"}


@pytest.mark.parametrize(
    ("yes", "no", "when"),
    [("true", "false", "2026-01-05T10:00:00.000Z"), ("1", "0", "2026-01-05 10:00:00")],
    ids=["data loader", "data export"],
)
def test_salesforce(shop: Shop, take: Take, yes: str, no: str, when: str) -> None:
    stamp: dict[str, object] = {"LastModifiedDate": when, "IsDeleted": no}
    account = {
        "Id": "001A",
        "Name": "Acme",
        "Industry": "Toys",
        "NumberOfEmployees": "120",
        **stamp,
    }
    contact = {
        "Id": "003A",
        "AccountId": "001A",
        "Email": "ann@x.example",
        "Title": "Buyer",
        **stamp,
    }
    gone = {
        **contact,
        "Id": "003B",
        "Email": "old@x.example",
        "IsDeleted": yes,
        "HasOptedOutOfEmail": no,
    }
    lead = {
        "Id": "00QA",
        "Email": "cy@x.example",
        "Status": "Open",
        "Rating": "Hot",
        "IsConverted": no,
        **stamp,
    }
    merged = {
        **lead,
        "Id": "00QB",
        "Email": "ann@x.example",
        "IsConverted": yes,
        "HasOptedOutOfEmail": no,
    }
    files = {
        "Account.csv": table(
            "Id,IsDeleted,Name,Type,BillingCountry,Industry,NumberOfEmployees,LastModifiedDate",
            dict(account),
        ),
        "Contact.csv": table(
            "Id,IsDeleted,AccountId,LastName,FirstName,MailingPostalCode,MailingCountry,Phone,MobilePhone,Email,Title,"
            "LeadSource,LastModifiedDate,HasOptedOutOfEmail",
            {**contact, "Phone": "+441134960000", "HasOptedOutOfEmail": yes},
            dict(gone),
        ),
        "Lead.csv": table(
            "Id,IsDeleted,LastName,FirstName,Company,PostalCode,Country,Phone,MobilePhone,Email,LeadSource,Status,Industry,"
            "Rating,IsConverted,LastModifiedDate,HasOptedOutOfEmail",
            {
                **lead,
                "MobilePhone": "+447700900000",
                "Phone": "+441134960000",
                "HasOptedOutOfEmail": yes,
            },
            dict(merged),
        ),
    }
    report = take("salesforce", files)
    expected = [
        ("accounts", 1),
        ("customers", 1),
        ("consents", 1),
        ("customers", 1),
        ("consents", 1),
    ]
    assert taken(report) == expected
    assert report["loads"][3]["ignored"] == 1
    assert consents(shop) == [("email", "revoked"), ("email", "revoked")]
    assert ("lead_score", "Hot") in shop.rows("traits", "name", "value")
    assert control(
        shop, "SELECT count(DISTINCT value_hash) FROM identifiers WHERE kind = 'phone'"
    ) == [(2,)]


def ga4_event(name: str, micros: str, **more: Any) -> dict[str, Any]:
    """An event as BigQuery writes it: whole numbers are texts."""
    return {
        "event_date": "20260105",
        "event_timestamp": micros,
        "event_name": name,
        "event_params": [
            {"key": "ga_session_id", "value": {"int_value": "1767607000"}},
            {"key": "page_title", "value": {"string_value": "Home"}},
            {"key": "currency", "value": {"string_value": "GBP"}},
        ],
        "privacy_info": {"analytics_storage": "Yes", "ads_storage": "No"},
        "user_pseudo_id": "111.222",
        "user_properties": [],
        "device": {"category": "mobile"},
        "traffic_source": {"medium": "organic", "source": "google", "name": "(organic)"},
        "items": [],
        **more,
    }


def test_ga4(shop: Shop, take: Take) -> None:
    campaign = {"manual_source": "news", "manual_medium": "email", "manual_campaign_name": "winter"}
    view = ga4_event("page_view", "1767607200123456", collected_traffic_source=campaign)
    mug = {
        "item_id": "MUG",
        "item_name": "Mug",
        "item_category": "Kitchen",
        "quantity": "2",
        "price": 10.0,
    }
    tea = {
        "item_id": "TEA",
        "item_name": "Tea",
        "item_category": "Kitchen",
        "quantity": "1",
        "price": 5.0,
    }
    money = {
        "transaction_id": "T1",
        "purchase_revenue": 25.0,
        "shipping_value": 3.0,
        "tax_value": 4.0,
    }
    buy = ga4_event(
        "purchase", "1767607300123456", user_id="ann", ecommerce=money, items=[mug, tea]
    )
    unset = {"transaction_id": "(not set)"}
    lost = ga4_event("purchase", "1767607300123456", ecommerce=unset, items=[tea])
    back = ga4_event(
        "refund", "1767707300123456", user_id="ann", ecommerce={"transaction_id": "T1"}, items=[tea]
    )
    # Refunds of whole orders name no items; one of them does not say what it comes to either.
    value = {"key": "value", "value": {"double_value": 12.5}}
    rest = {"ecommerce": {"transaction_id": "T2"}, "user_id": "ann"}
    whole = ga4_event("refund", "1767807300123456", **rest)
    whole["event_params"] = [*whole["event_params"], value]
    other = ga4_event("refund", "1767807400123456", **rest)
    other["ecommerce"] = {"transaction_id": "T3", "refund_value": 7.0}
    bare = ga4_event("refund", "1767807500123456", ecommerce={"transaction_id": "T4"})
    report = take("ga4", {"ga4-20260105.jsonl": lines(view, buy, lost, back, whole, other, bare)})
    assert taken(report) == [("events", 1), ("orders", 2), ("orders", 1), ("orders", 2)]
    event = shop.one("events")
    assert (event["event"], event["session_id"]) == ("Page Viewed", "1767607000")
    properties = json.loads(event["properties"])
    assert (properties["page_title"], properties["campaign"]) == ("Home", "winter")
    assert amounts(shop, "orders", "order_id", "kind", "revenue", "shipping", "tax") == [
        ("T1", "return", -5.0, None, None),
        ("T1", "sale", 25.0, 3.0, 4.0),
        ("T2", "return", -12.5, None, None),
        ("T3", "return", -7.0, None, None),
    ]
    assert kinds_of_identifiers(shop) == {"customer_id", "anonymous_id"}


def test_mixpanel(shop: Shop, take: Take) -> None:
    properties = {
        "time": 1767607200,
        "distinct_id": "ann",
        "$insert_id": "i1",
        "$user_id": "ann",
        "$device_id": "d-1",
        "$browser": "Firefox",
        "mp_country_code": "GB",
        "$current_url": "/",
        "mp_processing_time_ms": 1767607201000,
    }
    event = {"event": "Signed Up", "properties": properties}
    visitor = {
        "time": 1767607100,
        "distinct_id": "$device:d-1",
        "$insert_id": "i0",
        "$device_id": "d-1",
    }
    before = {"event": "Page Viewed", "properties": visitor}
    report = take("mixpanel", {"mixpanel-2026.jsonl": lines(before, event, event)})
    assert (report["loads"][0]["rows_taken"], report["loads"][0]["duplicates"]) == (2, 1)
    assert shop.rows("events", "event_id", "event") == [("i0", "Page Viewed"), ("i1", "Signed Up")]
    external = control(
        shop, "SELECT value_hash FROM identifiers WHERE kind = 'external_id:mixpanel'"
    )
    assert external == [(shop.origin("ann", "external_id:mixpanel"),)]


MAILCHIMP = (
    "Email Address,First Name,Last Name,Phone Number,{}MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,"
    "LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)


def test_mailchimp(shop: Shop, take: Take) -> None:
    ann: dict[str, object] = {
        "Email Address": "ann@x.example",
        "MEMBER_RATING": "4",
        "CC": "gb",
        "TIMEZONE": "Europe/London",
    }
    ann |= {
        "CONFIRM_TIME": "2026-01-01 10:05:00",
        "LAST_CHANGED": "2026-01-02 10:00:00",
        "OPTIN_IP": "192.0.2.1",
    }
    # Two columns have one name in real exports.
    unsub = "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,"
    clean = "CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,"
    gone = {
        "Email Address": "bob@x.example",
        "UNSUB_TIME": "2026-01-02 10:00:00",
        "UNSUB_REASON": "N/A (Unsubscribed by admin)",
    }
    bounced = {"Email Address": "cy@x.example", "CLEAN_TIME": "2026-01-02 10:00:00"}
    never = {"Email Address": "di@x.example", "LAST_CHANGED": "2026-01-02 10:00:00"}
    of_ann = {
        "campaign_id": "c1",
        "list_id": "l1",
        "email_id": "e1",
        "email_address": "ann@x.example",
    }
    opened = {"action": "open", "timestamp": "2026-01-03T10:00:00+00:00", "ip": "192.0.2.1"}
    clicked = {
        "action": "click",
        "timestamp": "2026-01-03T10:01:00+00:00",
        "url": "https://shop.example",
    }
    report = {
        "id": "c1",
        "campaign_title": "Winter",
        "send_time": "2026-01-03T09:00:00+00:00",
        "emails_sent": 2,
    }
    sent = {**of_ann, "status": "sent", "open_count": 1, "last_open": "2026-01-03T10:00:00+00:00"}
    hard = {**of_ann, "email_address": "cy@x.example", "status": "hard"}
    files = {
        "subscribed_email_audience_export_1a2b3c.csv": table(MAILCHIMP.format(""), ann),
        "unsubscribed_email_audience_export_1a2b3c.csv": table(MAILCHIMP.format(unsub), dict(gone)),
        "cleaned_email_audience_export_1a2b3c.csv": table(MAILCHIMP.format(clean), dict(bounced)),
        "nonsubscribed_email_audience_export_1a2b3c.csv": table(MAILCHIMP.format(""), dict(never)),
        "mailchimp-reports.jsonl": lines(report),
        "mailchimp-sent-to.jsonl": lines(sent, hard),
        "mailchimp-activity.jsonl": lines(
            {**of_ann, "activity": [opened, clicked]}, {**of_ann, "activity": []}
        ),
    }
    found = take("mailchimp", files)
    assert found["absent"] == ["unsubscribes"]
    assert taken(found) == [
        *(
            ("customers", 1),
            ("consents", 1),
            ("customers", 1),
            ("suppressions", 1),
            ("suppressions", 1),
        ),
        *(("touches", 2), ("touches", 2)),
    ]
    assert shop.rows("touches", "event", "campaign") == [
        ("Email Bounced", "c1"),
        ("Email Delivered", "c1"),
        ("Email Link Clicked", "c1"),
        ("Email Opened", "c1"),
    ]
    assert suppressed(shop) == ["bounced", "unsubscribed"]
    assert consents(shop) == [("email", "granted")]
    assert ("country", "GB") in shop.rows("traits", "name", "value")


def klaviyo_profile(number: str, email: str, **marketing: Any) -> dict[str, Any]:
    return {
        "type": "profile",
        "id": number,
        "attributes": {
            "email": email,
            "phone_number": "+441134960000" if number == "01P" else None,
            "first_name": "Ann",
            "updated": "2026-01-05T10:00:00+00:00",
            "location": {
                "country": "United Kingdom",
                "city": "Leeds",
                "zip": "LS1",
                "timezone": "Europe/London",
            },
            "subscriptions": {
                "email": {
                    "marketing": {
                        "can_receive_email_marketing": True,
                        "suppression": [],
                        **marketing,
                    }
                },
                "sms": {
                    "marketing": {
                        "consent": "NEVER_SUBSCRIBED",
                        "last_updated": "2026-01-01T10:00:00+00:00",
                    }
                },
            },
        },
    }


def klaviyo_event(number: str, metric: str) -> dict[str, Any]:
    return {
        "type": "event",
        "id": number,
        "attributes": {
            "datetime": "2026-01-06T10:00:00+00:00",
            "event_properties": {"Campaign Name": "Winter", "$message": "m1"},
        },
        "relationships": {
            "profile": {"data": {"type": "profile", "id": "01P"}},
            "metric": {"data": {"type": "metric", "id": metric}},
        },
    }


def test_klaviyo(shop: Shop, take: Take) -> None:
    yes = {"consent": "SUBSCRIBED", "consent_timestamp": "2026-01-01T10:00:00+00:00"}
    bounce = {"reason": "HARD_BOUNCE", "timestamp": "2026-01-02T10:00:00.000000"}
    by_hand = {"reason": "USER_SUPPRESSED", "timestamp": "2026-01-02T10:00:00.000000"}
    profiles = [
        klaviyo_profile("01P", "ann@x.example", **yes),
        klaviyo_profile("02P", "bob@x.example", consent="UNSUBSCRIBED", suppression=[bounce]),
        klaviyo_profile("03P", "cy@x.example", consent="NEVER_SUBSCRIBED", suppression=[by_hand]),
    ]
    names = {"M1": "Opened Email", "M2": "Placed Order", "M3": "Unsubscribed from Email Marketing"}
    metrics = [
        {"type": "metric", "id": number, "attributes": {"name": name}}
        for number, name in names.items()
    ]
    files = {
        "klaviyo-profiles.jsonl": lines(*profiles),
        "klaviyo-events.jsonl": lines(*(klaviyo_event(number, f"M{number}") for number in "123")),
        "klaviyo-metrics.jsonl": lines(*metrics),
    }
    report = take("klaviyo", files)
    expected = [
        ("customers", 3),
        ("consents", 3),
        ("consents", 3),
        ("suppressions", 2),
        ("touches", 2),
    ]
    assert taken(report) == expected
    assert shop.rows("touches", "event", "campaign", "message_id") == [
        ("Email Opened", "Winter", "m1"),
        ("Unsubscribed", "Winter", "m1"),
    ]
    email = [state for channel, state in consents(shop) if channel == "email"]
    assert sorted(email) == ["denied", "granted", "revoked"]
    assert suppressed(shop) == ["bounced", "manual"]


def test_lists_of_klaviyo(shop: Shop, take: Take) -> None:
    header = (
        "Email,Klaviyo ID,First Name,Last Name,Organization,Title,Phone Number,Address,Address 2,City,State / Region,Country,"
        "Zip Code,Latitude,Longitude,Source,IP Address,Email Marketing Consent,Email Marketing Consent Timestamp,First Active,"
        "Last Active,Profile Created On,Date Added,Last Open,Last Click,Email Suppressions"
    )
    when = "2026-01-01 10:00:00"
    ann: dict[str, object] = {
        "Email": "Ann@X.example",
        "Klaviyo ID": "01P",
        "Email Marketing Consent": "SUBSCRIBED",
    }
    ann |= {"Email Marketing Consent Timestamp": when, "Profile Created On": when, "City": "Leeds"}
    bob = {"Email": "bob@x.example", "Klaviyo ID": "02P", "Email Marketing Consent": "UNSUBSCRIBED"}
    bob |= {"Email Suppressions": "HARD_BOUNCE", "Profile Created On": when}
    cy = {
        "Email": "cy@x.example",
        "Klaviyo ID": "03P",
        "Email Marketing Consent": "NEVER_SUBSCRIBED",
    }
    report = take(
        "klaviyo-lists",
        {"klaviyo-list-all.csv": "\ufeff" + table(header, ann, dict(bob), dict(cy))},
    )
    assert taken(report) == [("customers", 3), ("consents", 3), ("suppressions", 1)]
    assert sorted(state for _, state in consents(shop)) == ["denied", "granted", "revoked"]
    assert suppressed(shop) == ["bounced"]
    assert kinds_of_identifiers(shop) == {"email", "external_id:klaviyo"}


def test_delighted(shop: Shop, take: Take) -> None:
    answer = {
        "id": "5435",
        "survey_type": "nps",
        "score": 9,
        "comment": "Love it",
        "created_at": 1767607200,
        "person": {"id": "10001", "email": "ann@x.example", "name": "Ann B"},
    }
    report = take("delighted", {"delighted.jsonl": lines(answer)})
    assert taken(report) == [("answers", 1)]
    assert shop.rows("answers", "question", "number") == [("comment", None), ("score", 9.0)]


def test_an_nps_survey_of_surveymonkey(shop: Shop, take: Take) -> None:
    text = (
        "Respondent ID,Collector ID,Start Date,End Date,IP Address,Email Address,First Name,Last Name,Custom Data 1,"
        "Recommend,Satisfied,Reason,Comment\n"
        ",,,,,,,,,Response,Response,Response,Open-Ended Response\n"
        '118700001,4500001,01/05/2026 09:58:12 AM,01/05/2026 10:00:00 AM,192.0.2.1,ann@x.example,,,,10,N/A,price,"Fine, thanks"\n'
        "118700002,4500001,01/25/2026 01:58:12 PM,01/25/2026 02:00:00 PM,192.0.2.1,bob@x.example,,,,3,1,other,\n"
    )
    report = take("nps-survey", {"nps-january.csv": text})
    assert (report["loads"][0]["rows_taken"], report["loads"][0]["ignored"]) == (2, 1)
    found = shop.rows("answers", "question", "number", "applicable")
    assert {("recommend", 10.0, True), ("recommend", 3.0, True), ("satisfied", None, False)} <= set(
        found
    )
    [at] = {row[0] for row in shop.rows("answers", "answered_at") if row[0].day == 25}
    assert (at.hour, at.minute) == (14, 0)


def test_an_nps_survey_of_typeform(shop: Shop, take: Take) -> None:
    header = (
        "#,How likely are you to recommend us to a friend or colleague?,What is the main reason for your score?,email,"
        "Response Type,Start Date (UTC),Stage Date (UTC),Submit Date (UTC),Network ID,Tags"
    )
    score, why = header.split(",")[1:3]
    said: dict[str, object] = {"email": "ann@x.example", "Response Type": "completed"}
    said |= {"Start Date (UTC)": "2026-01-05 14:03:17", "Submit Date (UTC)": "2026-01-05 14:05:02"}
    text = table(
        header,
        {"#": "odwdp4nzj1", score: "9", why: "Fast.", **said},
        {"#": "odwdp4nzj2", score: "0", **said, "email": "bob@x.example"},
        {"#": "odwdp4nzj3", score: "5", "Response Type": "partial"},
    )
    report = take("typeform", {"typeform-2026.csv": text})
    assert taken(report) == [("answers", 2)]
    found = shop.rows("answers", "response_id", "question", "number")
    assert found == [
        ("odwdp4nzj1", "reason", None),
        ("odwdp4nzj1", "recommend", 9.0),
        ("odwdp4nzj2", "recommend", 0.0),
    ]


TYPEFORM = "#,How likely are you to recommend us to a friend or colleague?,Submit Date (UTC)"
SURVEYMONKEY = "Respondent ID,End Date,Email Address,Recommend,Satisfied,Reason,Comment"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("typeform", f"{TYPEFORM}\nr1,9,2026-01-05 14:05:02\nr2,2,2026-01-06 14:05:02\n"),
        ("typeform", f"{TYPEFORM},email\nr1,9,2026-01-05 14:05:02,\nr2,2,2026-01-06 14:05:02,\n"),
        (
            "nps-survey",
            f"{SURVEYMONKEY}\n118701,01/05/2026 10:00:00 AM,,10,N/A,,\n118702,01/06/2026 10:00:00 AM,,3,1,,\n",
        ),
    ],
)
def test_answers_without_an_address_are_each_of_a_visitor(
    shop: Shop, take: Take, template: str, text: str
) -> None:
    take(template, {f"{template.removesuffix('-survey')}-1.csv": text})
    assert len(set(shop.rows("answers", "origin_id"))) == 2
    assert kinds_of_identifiers(shop) == {"anonymous_id"}


def test_social_engagement(shop: Shop, take: Take) -> None:
    text = (
        "type,username,timestamp,post_id\nlike,@Ann.B,2026-01-05T10:00:00Z,p1\n"
        "comment,ann.b,2026-01-05T10:01:00Z,p1\nfollow,cy,2026-01-05T10:02:00Z,\n"
    )
    take("social-engagement", {"instagram.csv": text})
    events = [event for (event,) in shop.rows("events", "event")]
    assert events == ["Account Followed", "Post Commented", "Post Liked"]
    assert len(set(shop.rows("events", "origin_id"))) == 2


def test_followers_of_instagram(shop: Shop, take: Take) -> None:
    def follower(name: str, at: int) -> dict[str, Any]:
        place = {"href": f"https://www.instagram.com/{name}", "value": name, "timestamp": at}
        return {"title": "", "media_list_data": [], "string_list_data": [place]}

    followers = [follower("Ann.B", 1767607200), follower("cy", 1767607300)]
    report = take("instagram-followers", {"followers_1.json": json.dumps(followers, indent=1)})
    assert taken(report) == [("events", 2)]
    assert set(shop.rows("events", "origin_id")) == {
        (shop.origin(name, "handle:instagram"),) for name in ("ann.b", "cy")
    }


def test_point_of_sale(shop: Shop, take: Take) -> None:
    receipts = (
        "shop,till,receipt,line,sold_at,card,ean,item,quantity,price,discount,paid_by\n"
        "LS,1,100,1,2026-01-05 10:00:00,77001,500,Mug,1,10,1,card\n"
        "LS,1,100,2,2026-01-05 10:00:00,77001,501,Tea,2,4,0,card\n"
        "YO,1,100,1,2026-01-05 11:00:00,,500,Mug,1,10,0,cash\n"
    )
    shops = (
        "shop,name,country,region,city,lat,lon,timezone,hours\n"
        "LS,Leeds High Street,GB,Yorkshire,Leeds,53.8,-1.55,Europe/London,Mo-Sa 09:00-18:00\n"
        "YO,York Market,GB,Yorkshire,York,53.96,-1.08,Europe/London,\n"
    )
    report = take("point-of-sale", {"receipts.csv": receipts, "shops.csv": shops})
    assert taken(report) == [("shops", 2), ("orders", 3)]
    assert report["loads"][1]["anonymous_lines"] == 1
    found = amounts(shop, "orders", "order_id", "shop_id", "revenue")
    assert found == [("LS-1-100", "LS", 17.0), ("YO-1-100", "YO", 10.0)]
    assert kinds_of_identifiers(shop) == {"loyalty_card"}


def test_receipts_of_square(shop: Shop, take: Take) -> None:
    header = (
        "Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,Discounts,Net Sales,Tax,"
        "Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,Location,Dining Option,Customer ID,Customer Name,"
        "Customer Reference ID,Unit,Count,GTIN,Itemization Type,Commission,Employee,Fulfillment Note,Channel,Token,Card Brand,"
        "PAN Suffix"
    )
    sale: dict[str, object] = {
        "Date": "2026-01-05",
        "Time": "10:15:00",
        "Time Zone": "Eastern Time (US & Canada)",
    }
    sale |= {
        "Category": "Ceramics",
        "Item": "Mug",
        "Qty": "2.0",
        "SKU": "MUG-1",
        "Gross Sales": "$1,236.00",
    }
    sale |= {
        "Discounts": "-$6.00",
        "Net Sales": "$1,230.00",
        "Tax": "$2.88",
        "Transaction ID": "T1",
    }
    sale |= {"Event Type": "Payment", "Location": "Market", "Customer ID": "CUST1"}
    back = {
        **sale,
        "Transaction ID": "T2",
        "Event Type": "Refund",
        "Qty": "-1.0",
        "Gross Sales": "-$18.00",
    }
    back |= {"Discounts": "$0.00", "Net Sales": "-$18.00", "Tax": "-$1.44", "Time": "11:00:00"}
    files = {"items-2026.csv": table(header, sale, back)}
    report = take("square-items", files, rates="2025-12-01,USD,0.5\n")
    assert taken(report) == [("orders", 2)]
    assert amounts(shop, "orders", "order_id", "kind", "revenue", "discount", "tax", "shop_id") == [
        ("T1", "sale", 615.0, 3.0, 1.44, "Market"),
        ("T2", "return", -9.0, 0.0, -0.72, "Market"),
    ]
    assert {row[0].hour for row in shop.rows("orders", "ordered_at")} == {15, 16}
    assert kinds_of_identifiers(shop) == {"external_id:square"}
