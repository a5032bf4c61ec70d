"""What the benchmarks of tracking share: messages as browsers send them, in batches of 100."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["START", "batches", "message"]

START = datetime(2026, 3, 1, tzinfo=UTC)
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
_EVENTS = (
    "Product Viewed",
    "Product Added",
    "Product Clicked",
    "Products Searched",
    "Product List Viewed",
)


def message(number: int, draw: random.Random, people: int) -> dict[str, Any]:
    """One message of about 860 bytes: 45 % pages, 48 % product events, 5 % identify, 2 % orders."""
    person, page, product = draw.randrange(people), draw.randrange(500), draw.randrange(500)
    at = (START + timedelta(milliseconds=50 * number)).isoformat(timespec="milliseconds")
    shown = {
        "path": f"/p/{page}",
        "referrer": "https://www.example.org/",
        "search": "",
        "title": f"Shop product {page}",
        "url": f"https://shop.example.org/p/{page}",
    }
    made: dict[str, Any] = {
        "messageId": f"ajs-next-{number}-{uuid.UUID(int=draw.getrandbits(128))}",
        "timestamp": at,
        "sentAt": at,
        "anonymousId": str(uuid.UUID(int=(person * 7919 + 13) << 32)),
        "userId": f"u{person}" if person % 3 == 0 else None,
        "integrations": {},
        "context": {
            "page": shown,
            "userAgent": _AGENT,
            "locale": "en-GB",
            "library": {"name": "analytics.js", "version": "npm:next-1.70.0"},
            "timezone": "Europe/London",
            "ip": f"10.{person % 200}.{person % 250}.7",
        },
    }
    kind = draw.random()
    if kind < 0.45:
        return {**made, "type": "page", "properties": shown}
    if kind < 0.93:
        properties = {
            "product_id": f"p{product}",
            "sku": f"s{product}",
            "category": "Shoes",
            "name": "Runner 3",
            "brand": "Acme",
            "price": draw.randrange(500, 9900) / 100,
            "quantity": 1,
            "currency": "GBP",
            "position": draw.randrange(9),
        }
        return {**made, "type": "track", "event": draw.choice(_EVENTS), "properties": properties}
    made["userId"] = f"u{person}"
    if kind < 0.98:
        traits = {"email": f"user{person}@example.com", "firstName": "Ann", "plan": "gold"}
        return {**made, "type": "identify", "traits": traits}
    bought = {"sku": f"s{product}", "name": "Runner", "price": 12.5, "quantity": 2}
    properties = {
        "order_id": f"o{number}",
        "revenue": 25,
        "shipping": 4.99,
        "currency": "GBP",
        "products": [bought],
    }
    return {**made, "type": "track", "event": "Order Completed", "properties": properties}


def batches(messages: int, *, people: int, seed: int) -> Iterator[list[bytes]]:
    """The messages as JSON, in batches of 100."""
    draw = random.Random(seed)  # noqa: S311
    for start in range(0, messages, 100):
        yield [
            json.dumps(message(n, draw, people), separators=(",", ":")).encode()
            for n in range(start, min(start + 100, messages))
        ]
