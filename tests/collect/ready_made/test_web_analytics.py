"""Events of GA4 and Mixpanel."""

from __future__ import annotations

import json
from typing import Any

from collecting import Shop
from vendor_exports import Take, amounts, control, kinds_of_identifiers, lines, taken


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
