"""People and results for the tests of measuring."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from aimwell.measure.churn import LapsePeriod
from aimwell.measure.kpis import Facts
from aimwell.measure.model import Costs, Delivery, Span
from aimwell.measure.people import Cell, People

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def make_people() -> Callable[..., People]:
    """People from lists; what is not said is nothing. `cell` is −1 for the held-out."""

    def make(cell: list[int], **columns: Any) -> People:
        n = len(cell)
        cells = columns.pop(
            "cells", tuple(Cell(f"a{i}", None) for i in range(max(cell, default=-1) + 1))
        )
        plain: dict[str, Any] = {
            "probability": np.full(n, np.nan),
            "orders": np.zeros(n),
            "revenue": np.zeros(n),
            "margin": np.zeros(n),
            "offer_cost": np.zeros(n),
            "spend_before": np.zeros(n),
            "customer": np.ones(n, dtype=bool),
        }
        given = {
            name: value if value is None else np.asarray(value) for name, value in columns.items()
        }
        plain |= {
            name: value.astype(float)
            if value is not None and value.dtype.kind in "iu" and name not in {"cell"}
            else value
            for name, value in given.items()
        }
        plain.setdefault("converted", np.asarray(plain["orders"]) > 0)
        return People(cells=tuple(cells), cell=np.asarray(cell, dtype=np.int64), **plain)

    return make


@pytest.fixture
def make_delivery() -> Callable[..., Delivery]:
    """A delivery in which nothing happened, but for what is said."""

    def make(**counts: Any) -> Delivery:
        return Delivery(**{"stopped": {}, "failed": {}, **counts})

    return make


@pytest.fixture
def make_facts(make_delivery: Callable[..., Delivery]) -> Callable[..., Facts]:
    """Facts beside the people for key figures."""

    def make(**changes: Any) -> Facts:
        cost = Costs(
            contact=0.0, offers=0.0, offers_control=0.0, redemptions=0, redemptions_control=0
        )
        plain: dict[str, Any] = {
            "currency": "GBP",
            "goal": "Order Completed",
            "audience_size": 10,
            "costs": cost,
            "delivery": make_delivery(),
            "lapse": LapsePeriod(30),
            "value_reason": None,
            "seed": 1,
            "permutations": 199,
        }
        return Facts(**{**plain, **changes})

    return make


@pytest.fixture
def span() -> Span:
    """A finished window of 14 days."""
    return Span(
        starts_at=START,
        ends_at=START + timedelta(days=14),
        measured_until=START + timedelta(days=14),
    )


@pytest.fixture
def unfinished() -> Span:
    """The same window after nine days."""
    return Span(
        starts_at=START,
        ends_at=START + timedelta(days=14),
        measured_until=START + timedelta(days=9),
    )
