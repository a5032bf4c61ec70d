"""A workspace of made-up buyers for tests of predictions: some buy often, some rarely, some stop for good."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from aimwell.store.stores import Stores
from shop import add_orders, day

__all__ = ["add_buyers", "late_orders"]

LAST_DAY = 400.0


def add_buyers(stores: Stores, people: int, *, seed: int = 1, last_day: float = LAST_DAY) -> None:
    """Orders of `people` customers from day 0 to `last_day`; each has a rhythm, and after each order may stop."""
    draw = random.Random(seed)  # noqa: S311
    add_orders(stores, [row for number in range(people) for row in _life(draw, number, last_day)])


def late_orders(people: Sequence[int], first_day: float) -> list[dict[str, Any]]:
    """An order of each of `people` at the moment `first_day` and one a week after it."""
    return [
        {
            "customer": f"buyer {number}",
            "order_id": f"late-{number}-{week}",
            "ordered_at": day(first_day + 7 * week),
            "lines": [("mug", 9, 99)],
        }
        for number in people
        for week in (0, 1)
    ]


def _life(draw: random.Random, number: int, last_day: float) -> list[dict[str, Any]]:
    gap = draw.choice([8.0, 20.0, 45.0, 120.0])
    price = draw.choice([4, 12, 40])
    when = draw.uniform(0, last_day * 0.6)
    rows = []
    while when < last_day:
        lines = [
            (
                draw.choice(["mug", "plate", "bowl"]),
                draw.randint(1, 3),
                price * draw.uniform(0.7, 1.4),
            )
        ]
        rows.append(
            {
                "customer": f"buyer {number}",
                "order_id": f"{number}-{len(rows)}",
                "ordered_at": day(when),
                "lines": [(sku, n, round(cost, 2)) for sku, n, cost in lines],
            }
        )
        if draw.random() < 0.08:
            break
        when += draw.expovariate(1 / gap)
    return rows
