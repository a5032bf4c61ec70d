"""Best times of a workspace: owls and larks are told apart, machines and long visits do not count, thin evidence is no habit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.timing.best_time import BestTimes, best_times
from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_people, add_touches, day, make_stores, origin

AS_OF = day(120)


def clicks(people: int, *, habits: bool, machine: bool = False) -> list[dict[str, object]]:
    """Ten clicks each: of larks at 7, of owls at 20 o'clock UTC; without habits at either by chance."""
    rng = np.random.default_rng(8)
    rows: list[dict[str, object]] = []
    for person in range(people):
        for _ in range(10):
            late = person % 2 == 0 if habits else rng.random() < 0.5
            rows.append(
                {
                    "customer": f"c{person}",
                    "event": "Email Clicked",
                    "channel": "email",
                    "occurred_at": day(float(rng.integers(0, 119)) + (20 if late else 7.5) / 24),
                    "machine": machine,
                }
            )
    return rows


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("times"), timezone="UTC")
    add_touches(opened, clicks(100, habits=True))
    # What machines did at night is nobody's habit.
    add_touches(
        opened,
        [
            {**row, "occurred_at": day(50 + 3 / 24), "event": "Email Opened"}
            for row in clicks(100, habits=True, machine=True)
        ],
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def found(stores: Stores) -> BestTimes:
    return best_times(stores, as_of=AS_OF)


def test_owls_and_larks_are_told_apart(stores: Stores, found: BestTimes) -> None:
    rows = {row["profile_id"]: row for row in found.people.to_pylist()}
    for person in (0, 2, 4):
        assert rows[origin(stores, f"c{person}")]["hours"] == "18-21"
    for person in (1, 3, 5):
        assert rows[origin(stores, f"c{person}")]["hours"] == "06-09"
    hours = next(one for one in found.judged if one.kind == "hours")
    assert hours.verdict == "better"
    assert hours.log_loss < hours.log_loss_everybody < hours.log_loss_uniform


def test_machines_have_no_habits(found: BestTimes) -> None:
    assert found.hours is not None
    assert found.hours.shares[1] < 0.01


def test_no_weekday_is_told_where_people_have_none(found: BestTimes) -> None:
    weekday = next(one for one in found.judged if one.kind == "weekday")
    assert weekday.verdict != "better"
    assert not any(found.people.column("weekday_own").to_pylist())
    assert len(set(found.people.column("weekday").to_pylist())) == 1


def test_hours_by_chance_are_nobodys_own(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="UTC")
    add_touches(opened, clicks(100, habits=False))
    told = best_times(opened, as_of=AS_OF)
    assert told.to_dict()["own_hours"] <= 2
    opened.close()


def test_hours_are_those_of_the_persons_own_zone(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="UTC")
    add_touches(opened, clicks(100, habits=True))
    add_people(opened, [{"customer": f"c{n}", "timezone": "Asia/Tokyo"} for n in range(100)])
    told = best_times(opened, as_of=AS_OF)
    hours = set(told.people.column("hours").to_pylist())
    assert hours == {"15-18", "03-06"}  # 7:30 and 20:00 UTC in Japan, nine hours on
    opened.close()


def test_a_long_visit_is_one_act(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="UTC")
    add_touches(opened, clicks(100, habits=True))
    add_events(
        opened,
        [
            {"customer": "c0", "event": "Page Viewed", "occurred_at": day(60 + 1 / 24 + n / 9_000)}
            for n in range(200)
        ],
    )
    told = best_times(opened, as_of=AS_OF)
    (row,) = (one for one in told.people.to_pylist() if one["profile_id"] == origin(opened, "c0"))
    assert row["acts"] <= 11
    assert row["hours"] == "18-21"
    opened.close()


def test_orders_dated_by_the_day_have_no_hours(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="UTC")
    add_orders(
        opened,
        [
            {
                "customer": f"c{n % 100}",
                "order_id": str(n),
                "ordered_at": day(n % 110),
                "revenue": 5,
            }
            for n in range(600)
        ],
    )
    told = best_times(opened, as_of=AS_OF, signal="orders")
    assert told.hours is None
    assert told.people.column("hours").null_count == told.people.num_rows
    assert [one.kind for one in told.judged] == ["weekday"]
    opened.close()


def test_too_few_acts_are_refused_with_numbers(stores: Stores) -> None:
    with pytest.raises(TooLittleDataError, match="orders: 0 of at least 500"):
        best_times(stores, as_of=AS_OF, signal="orders")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"signal": "click"}, "Did you mean 'clicks'"), ({"block_hours": 5}, "must divide the day")],
)
def test_wrong_settings_are_refused(stores: Stores, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(PredictError, match=said):
        best_times(stores, as_of=AS_OF, **wrong)


def test_a_moment_long_after_the_last_act_is_refused(stores: Stores) -> None:
    with pytest.raises(TooLittleDataError, match="days with acts in the 30 days before: 0 of at"):
        best_times(stores, as_of=day(26_000))
