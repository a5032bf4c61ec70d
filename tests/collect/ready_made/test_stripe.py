"""Stripe: its objects, and the exports of its dashboard."""

from __future__ import annotations

from collecting import Shop
from vendor_exports import Take, amounts, lines, table, taken


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
