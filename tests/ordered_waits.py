"""Shops in which the order of things tells when people buy again, or in which nothing does; the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aimwell.store.stores import Stores
from shop import add_events, add_orders, day, make_stores

__all__ = ["alternating_shop", "announced_shop", "memoryless_shop"]

Row = dict[str, Any]


def alternating_shop(folder: Path, people: int = 250, days: int = 300) -> Stores:
    """After a short wait (about 10 days) comes a long one (about 30), and again."""
    rng = np.random.default_rng(11)
    orders: list[Row] = []
    for person in range(people):
        at, number = float(rng.uniform(0, 60)), int(rng.integers(0, 2))
        while at < days:
            orders.append(_order(person, at, len(orders)))
            at += (10 if number % 2 else 30) * float(np.exp(rng.normal(0, 0.15)))
            number += 1
    return _filled(folder, orders)


def announced_shop(folder: Path, people: int = 250, days: int = 300) -> Stores:
    """Waits are memoryless, of 30 days in the mean; a product is viewed two to five days before each purchase."""
    rng = np.random.default_rng(12)
    orders: list[Row] = []
    views: list[Row] = []
    for person in range(people):
        at = float(rng.uniform(0, 60))
        while at < days:
            orders.append(_order(person, at, len(orders)))
            at += 5 + float(rng.exponential(30))
            views.append(
                {
                    "customer": f"c{person}",
                    "event": "Product Viewed",
                    "occurred_at": day(np.floor(at - rng.uniform(2, 5)) + 0.4),
                    "sku": "soap",
                }
            )
    opened = _filled(folder, orders)
    add_events(opened, views)
    return opened


def memoryless_shop(folder: Path, people: int = 250, days: int = 300) -> Stores:
    """Whoever buys does so on each day with the same probability."""
    rng = np.random.default_rng(13)
    orders: list[Row] = []
    for person in range(people):
        at = float(rng.uniform(0, 60))
        while at < days:
            orders.append(_order(person, at, len(orders)))
            at += 1 + float(rng.exponential(40))
    return _filled(folder, orders)


def _filled(folder: Path, orders: list[Row]) -> Stores:
    opened = make_stores(folder)
    add_orders(opened, orders)
    return opened


def _order(person: int, at: float, number: int) -> Row:
    return {
        "customer": f"c{person}",
        "order_id": str(number),
        "ordered_at": day(np.floor(at) + 0.5),
        "lines": [("soap", 1, 3)],
    }
