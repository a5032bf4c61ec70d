"""A town of random lives, on which random rules of `rule_strategies` are tried."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.service import apply
from aimwell.store.stores import Stores
from lives import add_places, live, store
from rule_reference import Life
from shop import add_people, day, make_stores, origin

__all__ = ["NESTED", "OCCASION", "ZONE", "make_town", "segment", "settle"]

ZONE = "America/New_York"
SURVEY = {
    "kind": "survey",
    "name": "nps",
    "questions": {"recommend": {"type": "nps"}, "why": {"type": "text"}},
}
OCCASION = {"kind": "occasion", "name": "month-end", "when": {"payday": {"day": "last"}}}
NESTED = {
    "buyers": {"event": "Order Completed"},
    "loud": {"any": [{"event": "Login", "count": {"at_least": 2}}, {"segment": "buyers"}]},
}


def segment(rule: Any, name: str = "some") -> Segment:
    """A definition with this rule."""
    found = check({"kind": "segment", "name": name, "rule": rule})
    assert isinstance(found, Segment)
    return found


def settle(stores: Stores, people: int) -> dict[str, Life]:
    """So many lives, drawn each by its own number, and all in the lake."""
    lives = {}
    for number in range(people):
        name = f"person {number}"
        lives[name] = live(origin(stores, name), name, random.Random(number))  # noqa: S311
    store(stores, lives)
    add_people(
        stores,
        [{"customer": name, "first_seen_at": life.first_seen_at} for name, life in lives.items()],
    )
    return lives


def make_town(folder: Path) -> tuple[Stores, dict[str, Life]]:
    """A workspace with thirty lives, the places of the town, and the definitions that rules refer to."""
    stores = make_stores(folder, timezone=ZONE)
    lives = settle(stores, 30)
    nested = [segment(rule, name) for name, rule in NESTED.items()]
    apply(stores.control, [check(SURVEY), check(OCCASION), *nested], now=day(0), by="test")
    add_places(stores)
    return stores, lives
