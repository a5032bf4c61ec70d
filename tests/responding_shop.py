"""A shop whose people answer messages, lean to discounts or not, and belong to firms, one each, some of which have not ordered yet.

stores = make_stores(tmp_path)
add_responding(stores)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_people, add_products, add_touches, append, day, origin
from steady import steady_orders

__all__ = ["FIRMS", "add_responding", "add_returning"]

FIRMS = 900


def add_responding(stores: Stores) -> None:
    """Half a year of it, until day 210; nothing is left to chance but by a fixed seed."""
    rng = np.random.default_rng(6)
    touches: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    orders: list[dict[str, Any]] = []
    for person in range(FIRMS):
        who = f"c{person}"
        for at in range(0, 190, 20):
            channel, name = (("email", "Email"), ("sms", "SMS"))[at // 20 % 2]
            row = {"customer": who, "channel": channel, "occurred_at": day(at)}
            touches.append({**row, "event": f"{name} Sent"})
            if rng.random() < (0.7 if (person % 2 == 0) == (channel == "email") else 0.05):
                touches.append(
                    {**row, "event": f"{name} Link Clicked", "occurred_at": day(at + 0.1)}
                )
        for period in range(7):
            if rng.random() < 0.3:
                at = 30 * period - 10 + float(rng.uniform(10, 30))
                events.append({"customer": who, "event": "Page Viewed", "occurred_at": day(at)})
                if rng.random() < 0.5:
                    lines = [
                        {
                            "sku": f"s{int(rng.integers(12)):02d}",
                            "quantity": 1,
                            "unit_price": 9,
                            "discount": int(rng.random() < 0.4),
                        }
                        for _ in range(6)
                    ]
                    orders.append(
                        {
                            "customer": who,
                            "order_id": f"{who}-{period}",
                            "ordered_at": day(at + 15),
                            "lines": lines,
                        }
                    )
                    if rng.random() < 0.6:
                        break
    add_people(stores, [{"customer": f"c{person}"} for person in range(FIRMS)])
    add_touches(stores, touches)
    add_events(stores, events)
    add_orders(stores, orders)
    add_products(
        stores,
        [{"sku": f"s{one:02d}", "name": f"Soap [{one}]", "category": "care"} for one in range(12)],
    )
    # Sales that nobody's name is on, at prices that change from week to week.
    for one in range(12):
        add_orders(
            stores,
            [
                {
                    "customer": None,
                    "order_id": f"a{one}-{week}",
                    "ordered_at": day(4.5 + 7 * week),
                    "lines": [
                        {
                            "sku": f"s{one:02d}",
                            "quantity": max(1, round(200 * price**-2)),
                            "unit_price": 8 * price,
                            "discount": 0.5 * (week % 3 == 0),
                        }
                    ],
                }
                for week in range(28)
                if (price := float(np.exp(rng.normal(0, 0.15)))) > 0
            ],
        )
    append(
        stores,
        "accounts",
        [
            {"account_id": f"f{one}", "name": f"Firm {one}", "industry": "Retail", "set_at": day(0)}
            for one in range(FIRMS)
        ],
    )
    append(
        stores,
        "account_members",
        [
            {
                "account_id": f"f{one}",
                "origin_id": origin(stores, f"c{one}"),
                "state": "member",
                "set_at": day(0),
            }
            for one in range(FIRMS)
        ],
    )


def add_returning(stores: Stores) -> None:
    """Customers who come again and again and are written nothing, which the others do too seldom."""
    again = steady_orders(people=400, days=205, rate=1.5, names="again")
    for place, order in enumerate(again):
        del order["revenue"]
        order["lines"] = [(f"t{(place * 7 + one * 5) % 12:02d}", 1, 9) for one in range(2)]
    add_orders(stores, again)
