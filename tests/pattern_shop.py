"""A small shop with planted patterns, for tests of what finds them."""

from __future__ import annotations

import random

from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_products, add_touches, day

__all__ = ["add_patterns"]


def add_patterns(stores: Stores) -> None:
    """Bread goes with butter, a cot is followed by a toy, who saves after a view orders, whoever had a cot clicks more.

    Orders are of the days 0 to 190; messages of the campaign `spring` of the days 115 to 120; ways lie before the days 140
    and 170, and orders after them.
    """
    draw = random.Random(5)  # noqa: S311
    orders, events, touches = [], [], []
    for person in range(900):
        customer, start = f"p{person}", draw.uniform(0, 90)
        others = [f"s{number}" for number in range(12) if draw.random() < 0.12]
        first = draw.choice(("cot", "bread", "pram"))
        basket = [first, *others, *(["butter"] if first == "bread" and draw.random() < 0.8 else [])]
        after = (
            ["toy"]
            if first == "cot" and draw.random() < 0.6
            else [draw.choice(("toy", "s1", "pen"))]
        )
        plan = [(start, basket), (start + draw.uniform(1, 20), after)]
        if person % 2:  # the second half of time has bread too
            held = ["bread", *others, *(["butter"] if draw.random() < 0.8 else [])]
            plan.append((draw.uniform(112, 138), held))
        way = ["View", "Save"] if draw.random() < 0.5 else ["Save", "View"]
        for moment in (140, 170):
            events += [
                {"customer": customer, "event": name, "occurred_at": day(moment - 9 + turn)}
                for turn, name in enumerate(way)
            ]
            if draw.random() < (0.5 if way[0] == "View" else 0.15):
                plan.append((moment + draw.uniform(1, 20), ["pen"]))
        orders += [
            {
                "customer": customer,
                "order_id": f"{person}-{number}",
                "ordered_at": day(when),
                "lines": [(sku, 1, 4.0) for sku in held],
            }
            for number, (when, held) in enumerate(plan)
        ]
        touch = {"customer": customer, "campaign": "spring", "channel": "email"}
        sent = 115 + draw.uniform(0, 5)
        touches.append({**touch, "event": "Email Sent", "occurred_at": day(sent)})
        if draw.random() < (0.6 if first == "cot" else 0.2):
            touches.append({**touch, "event": "Email Link Clicked", "occurred_at": day(sent + 1)})
    add_orders(stores, orders)
    add_events(stores, events)
    add_touches(stores, touches)
    add_products(stores, [{"sku": "butter", "name": "Butter [salted]"}])
