"""Two trials on Online Retail, as documents: of few people with a strong skew, and of all.

Nobody there ever got a promotion, so what such a trial measures is chance.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.store.stores import Stores

__all__ = ["AUDIENCES", "apply_trials"]

AUDIENCES: dict[str, dict[str, Any]] = {
    "lapsing": {"segment": "lapsing-high-value"},
    "all": {"everyone": True},
}
"""Name of a trial → whom it is for."""

_SHARED: list[dict[str, Any]] = [
    {
        "kind": "segment",
        "name": "lapsing-high-value",
        "rule": {
            "all": [
                {"rfm": {"recency": [1, 2], "monetary": [4, 5]}},
                {"event": "Order Completed", "count": {"at_least": 2}, "within": "365d"},
            ]
        },
    },
    {
        "kind": "channel",
        "name": "email",
        "sender": {"address": "shop@shop.example"},
        "sink": {},
        "cost": 0.02,
    },
    {
        "kind": "template",
        "name": "miss",
        "variants": [{"subject": "We miss you", "html": "<p>Hello</p>"}],
    },
]


def apply_trials(stores: Stores, *, salt: str, goal: dict[str, Any], now: datetime) -> None:
    """Define a trial for each of AUDIENCES that holds out a fifth; a message costs 0.02."""
    trials = [
        {
            "kind": "campaign",
            "name": name,
            "audience": audience,
            "goal": goal,
            "actions": [{"channel": "email", "template": "miss"}],
            "holdout": 0.2,
            "trial": True,
            "salt": salt,
        }
        for name, audience in AUDIENCES.items()
    ]
    found = [check(one) for one in (*_SHARED, *trials)]
    definitions.apply(stores.control, found, now=now, by="test")
