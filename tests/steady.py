"""A shop in which nothing changes but what a test changes: people buy by chance, each at their own rate.

add_steady(stores, people=600, days=420)                                  # as it always was
add_steady(stores, people=600, days=420, changes_at=300, rate_then=0.3)   # from day 300 on everybody buys less
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aimwell.store.stores import Stores
from shop import add_orders, day

__all__ = ["add_steady", "growing_orders", "steady_orders"]


def add_steady(stores: Stores, **asked: Any) -> None:
    """Add what `steady_orders` gives."""
    add_orders(stores, steady_orders(**asked))


def steady_orders(
    *,
    people: int,
    days: int,
    changes_at: float | None = None,
    rate_then: float = 1.0,
    rate: float = 1.0,
    names: str = "c",
    seed: int = 1,
) -> list[dict[str, Any]]:
    """Orders of people who each buy at a rate of their own (times `rate`), from day 0 on; `rate_then` times it from `changes_at` on."""
    rng = np.random.default_rng(seed)
    orders = []
    for person in range(people):
        own = rate * rng.gamma(0.7) / 25
        times = np.sort(rng.uniform(0, days, rng.poisson(own * days) + 1))
        if changes_at is not None:
            later = times >= changes_at
            times = times[~later | (rng.random(len(times)) < rate_then)]
        spend = rng.lognormal(3, 0.4)
        orders += [
            {
                "customer": f"{names}{person}",
                "order_id": f"{names}{person}-{number}",
                "ordered_at": day(float(at)),
                "revenue": round(spend * rng.lognormal(0, 0.3), 2),
            }
            for number, at in enumerate(times)
        ]
    return orders


def growing_orders(
    *,
    arrivals: float,
    days: int,
    stays: float,
    opened: int = 0,
    changes_at: float = float("inf"),
    spend_then: float = 1.0,
    seed: int = 1,
) -> list[dict[str, Any]]:
    """Orders of a shop to which people come at an even pace, so many a day, and stay for `stays` days on average.

    It opened on day `opened`; of what was before day 0 nothing is recorded. From `changes_at` on each order is `spend_then` times as
    large.
    """
    rng = np.random.default_rng(seed)
    orders = []
    for person in range(rng.poisson(arrivals * (days - opened))):
        came = rng.uniform(opened, days)
        left = min(came + rng.exponential(stays), days)
        times = np.sort(rng.uniform(came, left, rng.poisson(rng.gamma(2) / 40 * (left - came))))
        spend = rng.lognormal(3, 0.4)
        orders += [
            {
                "customer": f"g{person}",
                "order_id": f"g{person}-{number}",
                "ordered_at": day(float(at)),
                "revenue": round(
                    spend * rng.lognormal(0, 0.3) * (spend_then if at >= changes_at else 1.0), 2
                ),
            }
            for number, at in enumerate((came, *times))
            if at >= 0
        ]
    return orders
