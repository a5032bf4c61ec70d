"""A shop whose people act at times of their own, for tests of plans that write to them then."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from aimwell.predict.timing.kept_times import train_best_times
from aimwell.store.stores import Stores
from campaigns import NOW, set_up
from shop import add_touches, day, make_stores

__all__ = ["EVENING", "LATER", "MORNING", "NOON", "STRANGERS", "schedule", "shop"]

STRANGERS = 40
NOON = NOW + timedelta(days=1, hours=12)
MORNING, EVENING = NOON + timedelta(hours=18), NOON + timedelta(hours=6)
LATER = NOW + timedelta(days=20)


def schedule(**best_time: Any) -> dict[str, Any]:
    return {"schedule": {"at": "2026-03-03T12:00", "best_time": {"test": 0.3, **best_time}}}


def clicks(names: list[str]) -> list[dict[str, Any]]:
    """Ten clicks each: of people of odd numbers at 7:30, of the others at 20:00."""
    rng = np.random.default_rng(8)
    return [
        {
            "customer": name,
            "event": "Email Clicked",
            "channel": "email",
            "occurred_at": day(int(rng.integers(0, 59)) + (7.5 if number % 2 else 20.0) / 24),
        }
        for number, name in enumerate(names)
        for _ in range(10)
    ]


def shop(path: Path, people: int, **changes: Any) -> tuple[Stores, list[str]]:
    stores = make_stores(path, margin_default=0.5, timezone="UTC")
    names = set_up(stores, people, **changes)
    add_touches(stores, clicks(names[STRANGERS:]))
    train_best_times(stores, as_of=NOW, check_days=14, name="acts-at", now=NOW)
    return stores, names
