"""Social engagement, and receipts of points of sale."""

from __future__ import annotations

import json
from typing import Any

from collecting import Shop
from vendor_exports import Take, amounts, kinds_of_identifiers, table, taken


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
