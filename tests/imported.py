"""Imported experiments put straight into the lake: who was assigned what, and what they did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from aimwell.store.stores import Stores
from shop import append, day, origin

__all__ = ["assign", "report"]


def assign(stores: Stores, rows: Iterable[Mapping[str, Any]]) -> None:
    """Assignments: `customer`, `experiment`, `arm`, `probability`; on day 30 where nothing else is said."""
    append(
        stores,
        "assignments",
        [
            {
                "assigned_at": day(30),
                **{k: v for k, v in row.items() if k != "customer"},
                "origin_id": origin(stores, row["customer"]),
            }
            for row in rows
        ],
    )


def report(
    stores: Stores,
    experiment: str,
    values: Mapping[str, float],
    name: str = "spend",
    *,
    observed_at: datetime | None = None,
) -> None:
    """Outcomes of a window of 14 days, one a customer; known on day 44 where nothing else is said."""
    append(
        stores,
        "outcomes",
        [
            {
                "experiment": experiment,
                "name": name,
                "value": value,
                "window_days": 14,
                "observed_at": observed_at or day(44),
                "origin_id": origin(stores, customer),
            }
            for customer, value in values.items()
        ],
    )
