from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from aimwell.history.freshness import order_days, stale_orders
from aimwell.history.moment import open_moment
from shop import add_orders, make_stores

END = date(2011, 12, 9)
DAILY = [END - timedelta(days=n) for n in range(200)][::-1]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, None),
        (14, None),
        (15, "15 days before"),
        (80, "80 days before"),
        (200, "6 months before"),
        (5_463, "14 years before"),
    ],
)
def test_a_gap_longer_than_a_fortnight_is_told(days: int, words: str | None) -> None:
    told = stale_orders(DAILY, moment=END + timedelta(days=days))
    if words is None:
        assert told is None
    else:
        assert told is not None
        assert told.startswith(f"The newest order is of 2011-12-09, {words} the plan's moment.")


def test_a_shop_that_seldom_sells_is_not_warned_before_that_is_unusual() -> None:
    monthly = [date(2010, 1, 1) + timedelta(days=30 * n) for n in range(24)]
    assert stale_orders(monthly, moment=monthly[-1] + timedelta(days=90)) is None
    assert stale_orders(monthly, moment=monthly[-1] + timedelta(days=91)) is not None


def test_a_few_long_gaps_do_not_hide_that_nothing_comes_any_more() -> None:
    closed = [day for day in DAILY if not END - timedelta(days=90) < day < END - timedelta(days=60)]
    assert stale_orders(closed, moment=END + timedelta(days=20)) is not None


def test_one_day_of_orders_has_no_usual_gap_and_none_has_no_age() -> None:
    assert stale_orders([END], moment=END + timedelta(days=15)) is not None
    assert stale_orders([END], moment=END + timedelta(days=14)) is None
    assert stale_orders([], moment=END) is None


def test_the_moment_and_the_advice_are_said_as_asked() -> None:
    told = stale_orders([END], moment=END + timedelta(days=20), what="today", advice="Look.")
    assert told == "The newest order is of 2011-12-09, 20 days before today. Look."


def test_an_order_is_of_the_day_that_the_firm_wrote(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/Berlin")
    # Midnight in Berlin, where New Year's Eve begins; in UTC it is still the day before.
    add_orders(
        stores,
        [
            {
                "customer": "ann",
                "order_id": "1",
                "revenue": 5,
                "ordered_at": datetime(2024, 12, 30, 23, tzinfo=UTC),
            },
            {
                "customer": "bob",
                "order_id": "2",
                "revenue": 5,
                "ordered_at": datetime(2024, 12, 31, 20, tzinfo=UTC),
            },
        ],
    )
    with open_moment(stores, as_of=datetime(2025, 2, 1, tzinfo=UTC)) as moment:
        assert order_days(moment) == [date(2024, 12, 31)]
