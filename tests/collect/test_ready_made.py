"""Ready-made sources for the usual exports: each takes a small made-up file of the form that its vendor documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aimwell.collect import DataReport, ready_made
from aimwell.collect.ready_made import list_templates, read_template
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.definitions.service import apply
from aimwell.errors import UnknownDefinitionError
from collecting import NOW, Shop

NAMES = [one.name for one in list_templates()]


def lines(*objects: Any) -> str:
    """JSON lines."""
    return "\n".join(json.dumps(one) for one in objects) + "\n"


def documents(name: str) -> list[Any]:
    """The documents of a template, read as `aimwell apply` reads them."""
    path = Path(ready_made.__file__).with_name("templates") / f"{name}.yaml"
    return [one.body for one in read_documents([path])]


def take(shop: Shop, name: str, **files: str) -> DataReport:
    """Write files (`orders_csv` is orders.csv) and collect them by the template."""
    found = [check(document) for document in documents(name)]
    apply(shop.stores.control, found, now=NOW, by="test")
    for file, text in files.items():
        stem, _, suffix = file.rpartition("_")
        shop.write(text, f"{stem.replace('__', '-')}.{suffix}")
    [source] = [one for one in found if isinstance(one, Source)]
    report = shop.report(source=source)
    assert not any(load.quarantined for load in report.loads), shop.quarantined()
    return report


def taken(report: DataReport) -> list[tuple[str, int]]:
    return [(load.entity, load.rows_taken) for load in report.loads]


def consents(shop: Shop) -> Sequence[Any]:
    query = "SELECT channel, state FROM consents ORDER BY occurred_at, state"
    with shop.stores.control.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def kinds_of_identifiers(shop: Shop) -> set[str]:
    with shop.stores.control.read() as connection:
        return set(connection.exec_driver_sql("SELECT DISTINCT kind FROM identifiers").scalars())


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_right_definition_that_says_where_it_comes_from(name: str) -> None:
    text = read_template(name)
    for document in documents(name):
        definition = check(document)
        assert check(definition.document()) == definition
    assert text.startswith("# ")
    assert "http" in text or name in ("social-engagement", "point-of-sale", "nps-survey")


def test_an_unknown_one_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownDefinitionError, match="Did you mean 'stripe'"):
        read_template("strip")
    with pytest.raises(UnknownDefinitionError):
        read_template("../secret")


SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,"
    "Discount Code,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Name,"
    "Billing Street,Billing City,Billing Zip,Billing Country,Billing Phone,Cancelled at,Payment Method,Refunded Amount,"
    "Source\n"
    "#1,ann@x.example,paid,2026-01-05 10:00:00 +0000,fulfilled,yes,GBP,27.00,3.00,0.00,30.00,TEN,3.00,"
    "2026-01-05 09:59:00 +0000,2,Mug,10.00,MUG,Ann B,1 Road,Leeds,'LS1 1AA,GB,+44 113 496 0000,,Card,0.00,web\n"
    "#1,ann@x.example,,,,,,,,,,,,2026-01-05 09:59:00 +0000,1,Tea,10.00,,,,,,,,,,,\n"
    "#2,bob@x.example,refunded,2026-01-06 10:00:00 +0000,,no,GBP,8.00,0.00,0.00,8.00,,0.00,"
    "2026-01-06 10:00:00 +0000,1,Jar,8.00,JAR,Bob C,2 Road,York,YO1,GB,,,Card,8.00,web\n"
    "#3,cy@x.example,voided,,,no,GBP,8.00,0.00,0.00,8.00,,0.00,"
    "2026-01-07 10:00:00 +0000,1,Jar,8.00,JAR,Cy D,3 Road,Hull,HU1,GB,,2026-01-07 11:00:00 +0000,Card,0.00,web\n"
)


def test_shopify_orders(shop: Shop) -> None:
    report = take(shop, "shopify-orders", orders_export_csv=SHOPIFY)
    assert taken(report) == [("customers", 3), ("orders", 3), ("orders", 1)]
    found = shop.rows("orders", "order_id", "kind", "revenue", "shipping", "coupon")
    assert [(i, k, float(r), float(s or 0), c) for i, k, r, s, c in found] == [
        ("#1", "sale", 27.0, 3.0, "TEN"),
        ("#2", "return", -8.0, 0.0, None),
        ("#2", "sale", 8.0, 0.0, None),
    ]
    assert consents(shop) == [("email", "granted"), ("email", "denied"), ("email", "denied")]
    skus = shop.rows("order_lines", "sku")
    assert ("MUG",) in skus
    assert ("Tea",) in skus


def test_shopify_customers(shop: Shop) -> None:
    text = (
        "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,"
        "Default Address Address1,Default Address City,Default Address Province Code,Default Address Country Code,"
        "Default Address Zip,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,Tags\n"
        "7001,Ann,B,ann@x.example,yes,,1 Road,Leeds,ENG,GB,LS1 1AA,+441134960000,no,30.00,1,,no,vip\n"
    )
    report = take(shop, "shopify-customers", customers_export_csv=text)
    assert taken(report) == [("customers", 1)]
    assert sorted(consents(shop)) == [("email", "granted"), ("sms", "denied")]
    assert kinds_of_identifiers(shop) == {"email", "phone", "external_id:shopify"}
    assert ("country", "GB") in shop.rows("traits", "name", "value")


def test_woocommerce_orders(shop: Shop) -> None:
    order = {
        "id": 727,
        "status": "completed",
        "currency": "GBP",
        "date_created_gmt": "2026-01-05T22:28:02",
        "shipping_total": "4.00",
        "customer_id": 0,
        "payment_method": "bacs",
        "billing": {
            "first_name": "Ann",
            "last_name": "B",
            "email": "ann@x.example",
            "phone": "0113 496 0000",
            "address_1": "1 Road",
            "postcode": "LS1",
            "country": "GB",
            "city": "Leeds",
        },
        "line_items": [
            {
                "id": 1,
                "name": "Mug",
                "product_id": 93,
                "sku": "MUG",
                "quantity": 2,
                "subtotal": "20.00",
                "total": "18.00",
                "total_tax": "3.60",
            },
            {
                "id": 2,
                "name": "Tea",
                "product_id": 94,
                "sku": "",
                "quantity": 1,
                "subtotal": "5.00",
                "total": "5.00",
                "total_tax": "1.00",
            },
        ],
    }
    failed = {**order, "id": 728, "status": "failed"}
    report = take(shop, "woocommerce-orders", woocommerce__orders_jsonl=lines(order, failed))
    assert taken(report)[1] == ("orders", 2)
    [row] = shop.rows("orders", "order_id", "revenue", "discount", "shipping", "tax")
    assert row == ("727", Decimal(23), Decimal(2), Decimal(4), Decimal("4.6"))
    assert [sku for (sku,) in shop.rows("order_lines", "sku")] == ["94", "MUG"]


def test_stripe(shop: Shop) -> None:
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
        "items": {"data": [{"price": price, "quantity": 2}]},
    }
    gone = {**subscription, "id": "sub_2", "status": "canceled", "ended_at": 1772323200}
    charge = {
        "id": "ch_1",
        "customer": "cus_1",
        "amount": 6000,
        "currency": "gbp",
        "created": 1767225600,
        "status": "succeeded",
        "refunded": False,
        "payment_method_details": {"type": "card"},
    }
    refunded = {**charge, "id": "ch_2", "refunded": True}
    customer = {
        "id": "cus_1",
        "email": "ann@x.example",
        "phone": None,
        "name": "Ann B",
        "created": 1767225600,
        "address": {"country": "GB", "line1": "1 Road", "postal_code": "LS1"},
    }
    report = take(
        shop,
        "stripe",
        stripe__customers_jsonl=lines(customer),
        stripe__subscriptions_jsonl=lines(subscription, gone),
        stripe__charges_jsonl=lines(charge, refunded),
    )
    assert taken(report) == [("customers", 1), ("plans", 1), ("subscriptions", 2), ("payments", 2)]
    found = shop.rows("subscriptions", "subscription_id", "state", "plan", "price")
    assert [(i, s, p, float(m)) for i, s, p, m in found] == [
        ("sub_1", "active", "price_1", 60.0),
        ("sub_2", "active", "price_1", 60.0),
        ("sub_2", "ended", "price_1", 60.0),
    ]
    paid = shop.rows("payments", "payment_id", "state", "amount", "method")
    assert [(i, s, float(a), m) for i, s, a, m in paid] == [
        ("ch_1", "paid", 60.0, "card"),
        ("ch_2", "refunded", 60.0, "card"),
    ]
    origins = {
        row[0] for table in ("subscriptions", "payments") for row in shop.rows(table, "origin_id")
    }
    assert origins == {shop.origin("cus_1", "external_id:stripe")}


def test_hubspot(shop: Shop) -> None:
    contacts = (
        "Record ID,First Name,Last Name,Email,Phone Number,Job Title,Primary Associated Company ID,Lifecycle Stage,"
        "Lead Status,Original Source,Unsubscribed from all email,Create Date\n"
        "51,Ann,B,ann@x.example,,Buyer,9001,lead,Open,Organic Search,,2026-01-01 10:00\n"
        "52,Bob,C,bob@x.example,,,,customer,,Referrals,true,2026-01-02 10:00\n"
    )
    companies = (
        "Record ID,Company name,Industry,Number of Employees,Lifecycle Stage,City,Country/Region,Create Date\n"
        "9001,Acme,Toys,120,opportunity,Leeds,United Kingdom,2026-01-01 10:00\n"
    )
    report = take(shop, "hubspot", hubspot__contacts_csv=contacts, hubspot__companies_csv=companies)
    assert taken(report) == [("accounts", 1), ("customers", 2), ("consents", 1)]
    assert shop.one("accounts")["size"] == 120
    assert shop.one("account_members")["role"] == "Buyer"
    assert consents(shop) == [("email", "revoked")]
    assert ("lead_stage", "lead") in shop.rows("traits", "name", "value")


def test_salesforce(shop: Shop) -> None:
    when = "2026-01-05T10:00:00.000+0000"
    accounts = (
        "Id,Name,Industry,NumberOfEmployees,Type,BillingCountry,LastModifiedDate\n"
        f"001A,Acme,Toys,120,Prospect,GB,{when}\n"
    )
    contacts = (
        "Id,AccountId,FirstName,LastName,Email,Phone,Title,MailingPostalCode,MailingCountry,LeadSource,"
        "HasOptedOutOfEmail,LastModifiedDate\n"
        f"003A,001A,Ann,B,ann@x.example,,Buyer,LS1,GB,Web,true,{when}\n"
    )
    leads = (
        "Id,FirstName,LastName,Email,Phone,Company,Industry,Country,Status,LeadSource,Rating,IsConverted,"
        "HasOptedOutOfEmail,LastModifiedDate\n"
        f"00QA,Cy,D,cy@x.example,,Blue,Toys,GB,Open - Not Contacted,Web,Hot,false,false,{when}\n"
        f"00QB,Ann,B,ann@x.example,,Acme,Toys,GB,Qualified,Web,Hot,true,false,{when}\n"
    )
    report = take(shop, "salesforce", Account_csv=accounts, Contact_csv=contacts, Lead_csv=leads)
    assert taken(report) == [("accounts", 1), ("customers", 1), ("consents", 1), ("customers", 1)]
    assert report.loads[3].ignored == 1
    assert consents(shop) == [("email", "revoked")]
    assert ("lead_score", "Hot") in shop.rows("traits", "name", "value")


def test_ga4(shop: Shop) -> None:
    view = {
        "event_date": "20260105",
        "event_timestamp": "1767607200123456",
        "event_name": "page_view",
        "user_pseudo_id": "111.222",
        "user_id": None,
        "device": {"category": "mobile"},
        "event_params": [
            {"key": "ga_session_id", "value": {"int_value": "1767607000"}},
            {"key": "page_title", "value": {"string_value": "Home"}},
        ],
        "user_properties": [],
        "traffic_source": {"medium": "cpc", "source": "google", "name": "winter"},
        "items": [],
    }
    buy = {
        **view,
        "event_timestamp": "1767607300123456",
        "event_name": "purchase",
        "user_id": "ann",
        "ecommerce": {"transaction_id": "T1", "purchase_revenue": 25.0},
        "items": [
            {
                "item_id": "MUG",
                "item_name": "Mug",
                "item_category": "Kitchen",
                "quantity": "2",
                "price": 10.0,
            },
            {
                "item_id": "TEA",
                "item_name": "Tea",
                "item_category": "Kitchen",
                "quantity": "1",
                "price": 5.0,
            },
        ],
    }
    report = take(shop, "ga4", ga4__20260105_jsonl=lines(view, buy))
    assert taken(report) == [("events", 1), ("orders", 2)]
    event = shop.one("events")
    assert (event["event"], event["session_id"]) == ("Page Viewed", "1767607000")
    assert json.loads(event["properties"])["page_title"] == "Home"
    [(revenue, order)] = shop.rows("orders", "revenue", "order_id")
    assert (float(revenue), order) == (25.0, "T1")
    assert kinds_of_identifiers(shop) == {"customer_id", "anonymous_id"}


def test_mixpanel(shop: Shop) -> None:
    event = {
        "event": "Signed Up",
        "properties": {
            "time": 1767607200,
            "distinct_id": "ann",
            "$insert_id": "i1",
            "$user_id": "ann",
            "$device_id": "d-1",
            "$browser": "Firefox",
            "mp_country_code": "GB",
            "$current_url": "/",
        },
    }
    report = take(shop, "mixpanel", mixpanel__2026_jsonl=lines(event, event))
    assert (report.loads[0].rows_taken, report.loads[0].duplicates) == (1, 1)
    assert shop.one("events")["event_id"] == "i1"
    assert kinds_of_identifiers(shop) == {"customer_id", "anonymous_id", "external_id:mixpanel"}


def test_mailchimp(shop: Shop) -> None:
    head = (
        "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,"
        "GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
    )
    row = (
        "ann@x.example,Ann,B,4,2026-01-01 10:00:00,192.0.2.1,2026-01-01 10:05:00,192.0.2.1,,,,,Europe/London,gb,,"
        "2026-01-02 10:00:00,1,abc,,\n"
    )
    activity = {
        "campaign_id": "c1",
        "list_id": "l1",
        "email_id": "e1",
        "email_address": "ann@x.example",
        "activity": [
            {"action": "open", "timestamp": "2026-01-03T10:00:00+00:00", "ip": "192.0.2.1"},
            {
                "action": "click",
                "timestamp": "2026-01-03T10:01:00+00:00",
                "url": "https://shop.example",
            },
        ],
    }
    report = take(
        shop,
        "mailchimp",
        subscribed_segment_csv=f"{head}\n{row}",
        unsubscribed_segment_csv="Email Address,UNSUB_TIME,UNSUB_REASON\nbob@x.example,2026-01-02 10:00:00,N\n",
        cleaned_segment_csv="Email Address,CLEAN_TIME\ncy@x.example,2026-01-02 10:00:00\n",
        mailchimp__activity_jsonl=lines(activity),
    )
    assert taken(report) == [
        *[
            ("customers", 1),
            ("consents", 1),
            ("suppressions", 1),
            ("suppressions", 1),
            ("touches", 2),
        ]
    ]
    touches = shop.rows("touches", "event", "campaign", "channel")
    assert touches == [("Email Link Clicked", "c1", "email"), ("Email Opened", "c1", "email")]
    with shop.stores.control.read() as connection:
        reasons = connection.exec_driver_sql("SELECT reason FROM suppressions ORDER BY 1").scalars()
        assert list(reasons) == ["bounced", "unsubscribed"]


def test_klaviyo(shop: Shop) -> None:
    profile = {
        "type": "profile",
        "id": "01P",
        "attributes": {
            "email": "ann@x.example",
            "phone_number": "+441134960000",
            "first_name": "Ann",
            "last_name": "B",
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
                        "consent": "SUBSCRIBED",
                        "consent_timestamp": "2026-01-01T10:00:00+00:00",
                    }
                }
            },
        },
    }
    metrics = [
        {"type": "metric", "id": "M1", "attributes": {"name": "Opened Email"}},
        {"type": "metric", "id": "M2", "attributes": {"name": "Placed Order"}},
    ]

    def event(number: str, metric: str) -> dict[str, Any]:
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

    report = take(
        shop,
        "klaviyo",
        klaviyo__profiles_jsonl=lines(profile),
        klaviyo__events_jsonl=lines(event("1", "M1"), event("2", "M2")),
        klaviyo__metrics_jsonl=lines(*metrics),
    )
    assert taken(report) == [("customers", 1), ("consents", 1), ("touches", 1)]
    touch = shop.one("touches")
    assert (touch["event"], touch["campaign"], touch["message_id"]) == (
        "Email Opened",
        "Winter",
        "m1",
    )
    assert consents(shop) == [("email", "granted")]


def test_delighted(shop: Shop) -> None:
    answer = {
        "id": "5435",
        "survey_type": "nps",
        "score": 9,
        "comment": "Love it",
        "created_at": 1767607200,
        "person": {"id": "10001", "email": "ann@x.example", "name": "Ann B"},
    }
    report = take(shop, "delighted", delighted_jsonl=lines(answer))
    assert taken(report) == [("answers", 1)]
    assert shop.rows("answers", "question", "number") == [("comment", None), ("score", 9.0)]


def test_an_nps_survey_as_a_spreadsheet(shop: Shop) -> None:
    text = (
        "Respondent ID,Email Address,End Date,Recommend,Satisfied,Reason,Comment\n"
        "1,ann@x.example,2026-01-05 10:00:00,10,N/A,price,Fine\n"
    )
    take(shop, "nps-survey", nps_csv=text)
    found = shop.rows("answers", "question", "number", "applicable")
    assert ("recommend", 10.0, True) in found
    assert ("satisfied", None, False) in found


def test_social_engagement(shop: Shop) -> None:
    text = (
        "type,username,timestamp,post_id\nlike,@Ann.B,2026-01-05T10:00:00Z,p1\n"
        "comment,ann.b,2026-01-05T10:01:00Z,p1\nfollow,cy,2026-01-05T10:02:00Z,\n"
    )
    take(shop, "social-engagement", instagram_csv=text)
    events = [event for (event,) in shop.rows("events", "event")]
    assert events == ["Account Followed", "Post Commented", "Post Liked"]
    assert len(set(shop.rows("events", "origin_id"))) == 2


def test_point_of_sale(shop: Shop) -> None:
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
    report = take(shop, "point-of-sale", receipts_csv=receipts, shops_csv=shops)
    assert taken(report) == [("shops", 2), ("orders", 3)]
    assert report.loads[1].anonymous_lines == 1
    found = shop.rows("orders", "order_id", "shop_id", "revenue")
    assert [(i, s, float(r)) for i, s, r in found] == [
        ("LS-1-100", "LS", 17.0),
        ("YO-1-100", "YO", 10.0),
    ]
    assert kinds_of_identifiers(shop) == {"loyalty_card"}
