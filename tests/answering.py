"""Made-up people who answer by channel and lean to discounts, of whom a test may change how they do from a day on.

add_touches(stores, letters(people=200, days=400, changes_at=300, times_then=0.25))
add_orders(stores, leaning_orders(people=150, weeks=60, changes_at=40))
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from shop import day

__all__ = ["leaning_orders", "letters"]

_NAMES = {"email": "Email", "sms": "SMS"}


def letters(
    *,
    people: int,
    days: int,
    every: int = 10,
    changes_at: float | None = None,
    times_then: float = 1.0,
    seed: int = 5,
) -> list[dict[str, Any]]:
    """A mail and an SMS in turns to each; half of the people click mails, half SMS, after an hour; `times_then` times as often from
    `changes_at` on."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for person in range(people):
        for place, at in enumerate(range(person % every, days, every)):
            channel = ("email", "sms")[place % 2]
            likes = person % 2 == place % 2
            rate = rng.beta(4, 5) if likes else rng.beta(1, 15)
            if changes_at is not None and at >= changes_at:
                rate *= times_then
            row = {
                "customer": f"c{person}",
                "channel": channel,
                "campaign": f"week {at // 7}",
                "occurred_at": day(at),
            }
            rows.append({**row, "event": f"{_NAMES[channel]} Sent"})
            if rng.random() < rate:
                clicked = {
                    "event": f"{_NAMES[channel]} Link Clicked",
                    "occurred_at": day(at + 0.04),
                }
                rows.append(row | clicked)
    return rows


def leaning_orders(
    *, people: int, weeks: int, changes_at: int | None = None, seed: int = 9
) -> list[dict[str, Any]]:
    """Orders of a third who seek discounts, a third who avoid them, and others; from the week `changes_at` on seekers avoid them
    and avoiders seek them."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for person in range(people):
        for week in np.flatnonzero(rng.random(weeks) < 0.25):
            lean = (1.5, -1.5, 0.0)[person % 3]
            if changes_at is not None and week >= changes_at:
                lean = -lean
            chance = expit(logit(0.35) + lean)
            rows.append(
                {
                    "customer": f"c{person}",
                    "order_id": f"{person}-{week}",
                    "ordered_at": day(4 + 7 * int(week) + float(rng.uniform(0, 6))),
                    "lines": [
                        {
                            "sku": f"s{int(rng.integers(6))}",
                            "quantity": 1,
                            "unit_price": 10,
                            "discount": 2 if rng.random() < chance else 0,
                        }
                        for _ in range(4)
                    ],
                }
            )
    return rows
