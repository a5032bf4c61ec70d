"""A service whose subscriptions end by hazards that are known, as rows of the lake's table `subscriptions`."""

from __future__ import annotations

from typing import Any

import numpy as np

from aimwell.history.subscription_lives import MONTH_DAYS
from aimwell.store.stores import Stores
from shop import day, origin

__all__ = ["END", "HAZARDS", "service"]

END = 400
HAZARDS = {"basic": 0.10, "plus": 0.04, "yearly": 0.002}


def service(
    stores: Stores,
    subscriptions: int,
    seed: int,
    *,
    changes_at: float = END,
    times_then: float = 1.0,
) -> list[dict[str, Any]]:
    """Monthly plans end more in the first month and four times as likely when late; yearly ones at the renewal.

    From `changes_at` on all hazards are `times_then` as high.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(subscriptions):
        plan = str(rng.choice(list(HAZARDS)))
        start = float(rng.uniform(-500, 300))
        yearly = plan == "yearly"
        fixed = {
            "subscription_id": f"s{number}",
            "origin_id": origin(stores, f"c{number}"),
            "plan": plan,
            "price": 96 if yearly else 10,
            "period_months": 12 if yearly else 1,
            "started_at": day(start),
        }
        rows.append({**fixed, "state": "active", "set_at": day(start)})
        month, late = 0, False
        while start + month * MONTH_DAYS < END:
            hazard = 0.5 if yearly and month % 12 == 11 else HAZARDS[plan]
            hazard *= (2 if month == 0 and not yearly else 1) * (4 if late else 1)
            hazard *= times_then if start + month * MONTH_DAYS >= changes_at else 1
            if rng.random() < min(hazard, 0.9):
                end = start + (month + rng.random()) * MONTH_DAYS
                rows.append({**fixed, "state": "ended", "set_at": day(end), "ended_at": day(end)})
                break
            month += 1
            was, late = late, bool(rng.random() < 0.08)
            if was != late:
                state = "past_due" if late else "active"
                at = day(start + month * MONTH_DAYS - 0.01)
                rows.append({**fixed, "state": state, "set_at": at})
    return rows
