"""A shop in which nothing changes but what a test changes: people buy by chance, each at their own rate.

add_steady(stores, people=600, days=420)                                  # as it always was
add_steady(stores, people=600, days=420, changes_at=300, rate_then=0.3)   # from day 300 on everybody buys less
"""

from __future__ import annotations

import numpy as np

from aimwell.store.stores import Stores
from shop import add_orders, day

__all__ = ["add_steady"]


def add_steady(
    stores: Stores,
    *,
    people: int,
    days: int,
    changes_at: float | None = None,
    rate_then: float = 1.0,
    seed: int = 1,
) -> None:
    """Orders of people who each buy at a rate of their own, from day 0 on; `rate_then` times it from `changes_at` on."""
    rng = np.random.default_rng(seed)
    orders = []
    for person in range(people):
        rate = rng.gamma(0.7) / 25
        times = np.sort(rng.uniform(0, days, rng.poisson(rate * days) + 1))
        if changes_at is not None:
            later = times >= changes_at
            times = times[~later | (rng.random(len(times)) < rate_then)]
        spend = rng.lognormal(3, 0.4)
        orders += [
            {
                "customer": f"c{person}",
                "order_id": f"{person}-{number}",
                "ordered_at": day(float(at)),
                "revenue": round(spend * rng.lognormal(0, 0.3), 2),
            }
            for number, at in enumerate(times)
        ]
    add_orders(stores, orders)
