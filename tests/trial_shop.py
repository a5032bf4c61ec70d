"""A small shop as a user would set it up: its file of orders, its documents, and the calls to take them."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["HEADER", "MAPPING", "TAKE", "bodies", "documents", "orders"]

HEADER = "order,day,customer,email,sku,qty,price\n"

MAPPING = {
    "order_id": "order",
    "ordered_at": "day",
    "customer_id": "customer",
    "email": "email",
    "sku": "sku",
    "quantity": "qty",
    "unit_price": "price",
}
"""Target → column of a file with HEADER."""

TAKE = [f"--map={target}={column}" for target, column in MAPPING.items()]
"""Options of `aimwell collect orders` for a file with HEADER."""

_DOCUMENTS: list[dict[str, Any]] = [
    {"kind": "offer", "name": "ten-percent", "benefit": {"percent": 10}},
    {
        "kind": "channel",
        "name": "email",
        "sender": {"address": "shop@shop.example"},
        "sink": {},
        "cost": 0.02,
    },
    {
        "kind": "template",
        "name": "hello",
        "variants": [{"subject": "Hello", "text": "Ten percent off. {{ unsubscribe_url }}"}],
    },
    {
        "kind": "segment",
        "name": "buyers",
        "rule": {"event": "Order Completed", "count": {"at_least": 1}},
    },
    {
        "kind": "campaign",
        "name": "spring",
        "audience": {"segment": "buyers"},
        "actions": [{"offer": "ten-percent", "channel": "email", "template": "hello"}],
        "holdout": 0.25,
        "trial": True,
    },
]


def orders(start: int, stop: int, *, people: int = 60) -> str:
    """A file of one line an order, numbered from `start` up to `stop`."""
    return HEADER + "".join(
        f"{n},2026-{1 + n % 6:02}-{1 + n % 28:02} 10:00,c{n % people},c{n % people}@example.com,"
        f"P{n % 9},{1 + n % 3},{4 + n % 7}.50\n"
        for n in range(start, stop)
    )


def bodies(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The documents of the campaign `spring`; `changes` by name, or whole documents of new names."""
    known = {str(body["name"]): body for body in _DOCUMENTS}
    found = [{**body, **changes.get(name, {})} for name, body in known.items()]
    return found + [body for name, body in changes.items() if name not in known]


def documents(**changes: dict[str, Any]) -> str:
    """The same as YAML."""
    return yaml.safe_dump_all(bodies(**changes), sort_keys=False)
