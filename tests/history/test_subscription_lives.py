"""Subscriptions as of a moment: lengths, months, and what was known when a month began."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimwell.history.moment import open_moment
from aimwell.history.subscription_lives import MONTH_DAYS, subscription_lives, subscription_months
from aimwell.store.stores import Stores
from shop import append, day, make_stores, origin

M = MONTH_DAYS


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = make_stores(tmp_path)
    yield made
    made.close()


def add(stores: Stores, name: str, *rows: dict[str, Any]) -> None:
    append(
        stores,
        "subscriptions",
        [
            {
                "subscription_id": name,
                "origin_id": origin(stores, name),
                "plan": "basic",
                "price": 12,
                "period_months": 1,
                "state": "active",
                **row,
            }
            for row in rows
        ],
    )


def lives(stores: Stores, at: float) -> dict[str, dict[str, Any]]:
    with open_moment(stores, as_of=day(at)) as moment:
        return {row["subscription_id"]: row for row in subscription_lives(moment).to_pylist()}


def months(stores: Stores, at: float) -> list[tuple[int, str, str, bool, int]]:
    with open_moment(stores, as_of=day(at)) as moment:
        return [
            (row["month"], row["plan"], row["state"], row["ended"], row["subscriptions"])
            for row in subscription_months(moment).to_pylist()
        ]


def test_a_life_runs_from_its_start_to_its_end_or_the_moment(stores: Stores) -> None:
    add(stores, "runs", {"started_at": day(0), "set_at": day(0)})
    add(
        stores,
        "ended",
        {"started_at": day(0), "set_at": day(0), "period_months": 12, "price": 96},
        {
            "started_at": day(0),
            "set_at": day(2 * M),
            "state": "ended",
            "period_months": 12,
            "price": 96,
        },
    )
    found = lives(stores, 3 * M)
    assert found["runs"]["months"] == pytest.approx(3)
    assert found["runs"]["ended_at"] is None
    assert found["ended"]["months"] == pytest.approx(2)
    assert found["ended"]["price_monthly"] == 8
    # Before it ended nothing of that is known.
    assert lives(stores, 2 * M - 1)["ended"]["ended_at"] is None


def test_an_end_that_lies_ahead_is_not_looked_at(stores: Stores) -> None:
    """A file of last states, dated by the start, tells each end from the first day on."""
    add(
        stores,
        "file",
        {"started_at": day(0), "set_at": day(0), "state": "ended", "ended_at": day(100)},
    )
    assert lives(stores, 90)["file"]["ended_at"] is None
    assert lives(stores, 101)["file"]["ended_at"] == day(100)


def test_a_trial_that_led_to_nothing_is_no_subscription(stores: Stores) -> None:
    add(
        stores,
        "tried",
        {"started_at": day(0), "set_at": day(0), "state": "trial"},
    )
    add(
        stores,
        "stayed",
        {"started_at": day(0), "set_at": day(0), "state": "trial"},
        {"started_at": day(0), "set_at": day(14)},
    )
    assert list(lives(stores, 30)) == ["stayed"]


def test_one_that_ends_before_it_starts_is_marked_and_has_no_months(stores: Stores) -> None:
    add(
        stores,
        "backwards",
        {"started_at": day(50), "set_at": day(0), "state": "ended", "ended_at": day(10)},
    )
    assert lives(stores, 100)["backwards"]["backwards"]
    assert months(stores, 100) == []


def test_each_month_tells_what_was_known_as_it_began_and_whether_it_was_the_last(
    stores: Stores,
) -> None:
    add(
        stores,
        "one",
        {"started_at": day(0), "set_at": day(0)},
        {"started_at": day(0), "set_at": day(1.5 * M), "state": "past_due"},
        {"started_at": day(0), "set_at": day(1.8 * M), "state": "active", "plan": "plus"},
        {"started_at": day(0), "set_at": day(2.2 * M), "state": "past_due", "plan": "plus"},
        {"started_at": day(0), "set_at": day(3.5 * M), "state": "ended", "plan": "plus"},
    )
    first_three = [
        (0, "basic", "active", False, 1),
        (1, "basic", "active", False, 1),
        (2, "plus", "active", False, 1),
    ]
    assert months(stores, 3.6 * M) == first_three
    # The month in which it ended counts once it is over, as it would have if it had gone on.
    assert months(stores, 4 * M) == [*first_three, (3, "plus", "past_due", True, 1)]


def test_months_before_anything_was_heard_and_older_than_two_years_are_left_out(
    stores: Stores,
) -> None:
    add(stores, "late", {"started_at": day(0), "set_at": day(1.5 * M)})
    assert [row[0] for row in months(stores, 4 * M)] == [2, 3]
    assert [row[0] for row in months(stores, 30 * M)] == list(range(6, 30))


def test_alike_months_are_counted_together(stores: Stores) -> None:
    for name in ("a", "b", "c"):
        add(stores, name, {"started_at": day(0), "set_at": day(0)})
    assert months(stores, M) == [(0, "basic", "active", False, 3)]
