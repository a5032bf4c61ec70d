"""What is known of a moment, and how many days later each came again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.timing.reading import came_to, read_waits
from aimwell.store.stores import Stores
from shop import add_orders, day, make_stores, origin


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path, timezone="UTC")
    add_orders(
        opened,
        [
            {
                "customer": who,
                "order_id": f"{who}{at}",
                "ordered_at": day(at),
                "lines": [(sku, 1, 3)],
            }
            for who, at, sku in (
                ("ann", 0.5, "soap"),
                ("ann", 10.5, "soap"),
                ("ann", 24.5, "soap"),
                ("ann", 36.5, "mug"),
                ("ann", 41.5, "soap"),
                ("bob", 5.5, "soap"),
                ("bob", 90.5, "soap"),
                ("cat", 8.5, "mug"),
            )
        ],
    )
    yield opened
    opened.close()


def test_people_are_read_with_their_waits_and_what_came(stores: Stores) -> None:
    rows = read_waits(stores, day(30), "person", stores.lake.pin(*TIME_COLUMNS), timedelta(days=30))
    place = {profile: number for number, profile in enumerate(rows.profiles.to_pylist())}
    ann, bob, cat = (place[origin(stores, who)] for who in ("ann", "bob", "cat"))
    assert rows.until == date(2026, 1, 30)
    assert rows.waits.gaps[[ann, bob, cat]].tolist() == [2, 0, 0]
    assert rows.waits.waited[[ann, bob, cat]].tolist() == [5, 24, 21]
    assert (rows.median_gap[ann], rows.shop_median) == (12, 10)
    assert np.isnan(rows.median_gap[bob])
    # Day 36 is the seventh after day 29, the last that was seen; bob came after the thirty days.
    assert came_to(rows, 30)[[ann, bob, cat]].tolist() == [7, np.inf, np.inf]
    assert not len(rows.once)


def test_of_items_who_bought_once_is_a_number(stores: Stores) -> None:
    rows = read_waits(
        stores, day(30), "product", stores.lake.pin(*TIME_COLUMNS), timedelta(days=30)
    )
    assert (rows.items.to_pylist(), rows.waits.gaps.tolist()) == (["soap"], [2])
    assert rows.once_items.to_pylist() == ["mug", "soap"]
    assert rows.once.weight.tolist() == [1, 1]
    assert came_to(rows, 30).tolist() == [12]
